"""Saleor's products, as earning rules look at them."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from saleor.product.models import Category, CollectionProduct, Product, ProductVariant


@dataclass(frozen=True, kw_only=True)
class ProductFacts:
    """What rules ask of a product; ids as text, with the categories above its own."""

    product_id: str
    product_type_id: str
    category_ids: frozenset[str]
    collection_ids: frozenset[str]
    metadata: tuple[tuple[str, str], ...]


def product_facts(
    product_ids: Collection[int], *, using: str = "default"
) -> dict[int, ProductFacts]:
    """Return the facts of products by id; three queries at most."""
    if not product_ids:
        return {}
    rows = Product.objects.using(using).filter(pk__in=product_ids).order_by()
    products = list(rows.values_list("pk", "product_type_id", "category_id", "metadata"))
    above = _categories_above({row[2] for row in products if row[2] is not None}, using=using)
    collections: dict[int, set[str]] = defaultdict(set)
    links = CollectionProduct.objects.using(using).filter(product_id__in=product_ids).order_by()
    for product_id, collection_id in links.values_list("product_id", "collection_id"):
        collections[product_id].add(str(collection_id))
    return {
        pk: ProductFacts(
            product_id=str(pk),
            product_type_id=str(type_id),
            category_ids=above.get(category_id, frozenset()),
            collection_ids=frozenset(collections[pk]),
            metadata=plain_metadata(metadata),
        )
        for pk, type_id, category_id, metadata in products
    }


def existing_products(product_ids: Collection[int], *, using: str = "default") -> set[int]:
    """Return those of some ids that are products."""
    rows = Product.objects.using(using).filter(pk__in=product_ids).order_by()
    return set(rows.values_list("pk", flat=True))


def existing_variants(variant_ids: Collection[int], *, using: str = "default") -> set[int]:
    """Return those of some ids that are variants."""
    rows = ProductVariant.objects.using(using).filter(pk__in=variant_ids).order_by()
    return set(rows.values_list("pk", flat=True))


def plain_metadata(metadata: dict[str, object] | None) -> tuple[tuple[str, str], ...]:
    """Return public metadata as pairs of text."""
    return tuple(sorted((key, str(value)) for key, value in (metadata or {}).items()))


def _categories_above(category_ids: set[int], *, using: str) -> dict[int, frozenset[str]]:
    """Return each category with all above it, by its id. One query."""
    if not category_ids:
        return {}
    trees = Category.objects.using(using).filter(pk__in=category_ids).order_by()
    parents = dict(
        Category.objects.using(using)
        .filter(tree_id__in=trees.values("tree_id"))
        .order_by()
        .values_list("pk", "parent_id")
    )
    found = {}
    for category_id in category_ids:
        line: list[str] = []
        current: int | None = category_id
        while current is not None:
            line.append(str(current))
            current = parents.get(current)
        found[category_id] = frozenset(line)
    return found
