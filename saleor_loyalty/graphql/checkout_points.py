"""Points on a checkout: what is applied, what could be, and the mutations that change it."""

from decimal import Decimal
from typing import Any

import graphene
from django.utils import timezone
from graphene import Node
from prices import Money as PricesMoney
from promise import Promise
from saleor.checkout.actions import call_checkout_event, call_checkout_info_event
from saleor.graphql.checkout.dataloaders import (
    CheckoutInfoByCheckoutTokenLoader,
    CheckoutLinesInfoByCheckoutTokenLoader,
)
from saleor.graphql.checkout.mutations.utils import get_checkout
from saleor.graphql.checkout.types import Checkout
from saleor.graphql.core.context import SyncWebhookControlContext
from saleor.graphql.core.scalars import DateTime
from saleor.graphql.core.types import BaseObjectType, Money, NonNullList
from saleor.graphql.plugins.dataloaders import get_plugin_manager_promise
from saleor.webhook.event_types import WebhookEventAsyncType

from saleor_loyalty.graphql.access import is_user, may_manage, require_owner_or_manager
from saleor_loyalty.graphql.enums import DOC_CATEGORY
from saleor_loyalty.graphql.errors import LoyaltyErrorType, LoyaltySpendingLimitEnum
from saleor_loyalty.graphql.evaluations import Terms
from saleor_loyalty.graphql.loaders import (
    BalanceByMemberIdLoader,
    GiftCardBalanceLoader,
    HeldSpendingLoader,
    MembersByUserIdLoader,
    ProductFactsByIdLoader,
)
from saleor_loyalty.graphql.mutations import LoyaltyMutation
from saleor_loyalty.graphql.spending_terms import LoyaltyMeansEnum
from saleor_loyalty.programs.spending import Means, SpendingTerms
from saleor_loyalty.shop.checkout_costs import costs_of
from saleor_loyalty.shop.points_means import MeansUnavailable, means_for
from saleor_loyalty.shop.spending import apply_to_checkout, remove_from_checkout
from saleor_loyalty.spending.models import Spending
from saleor_loyalty.spending.rules import Limit, Offer, offer_of


class LoyaltyAppliedPoints(BaseObjectType):
    """Points that pay for a part of a checkout."""

    points = graphene.Int(required=True, description="How many points are set aside for it.")
    amount = graphene.Field(Money, required=True, description="What they pay.")
    means = graphene.Field(
        LoyaltyMeansEnum, required=True, description="What carries them on the checkout."
    )
    gift_card_id = graphene.ID(
        description="ID of the gift card that carries them, as in `giftCards` of the checkout."
    )
    voucher_code = graphene.String(
        description="Code of the voucher that carries them, as in `voucherCode` of the checkout."
    )
    expires_at = DateTime(
        required=True,
        description="When they go back to the member, if no order came of the checkout.",
    )

    class Meta:
        description = "Points that pay for a part of a checkout."
        doc_category = DOC_CATEGORY

    @staticmethod
    def resolve_amount(root: Spending, _info: Any) -> PricesMoney:
        return PricesMoney(root.amount, root.currency)

    @staticmethod
    def resolve_gift_card_id(root: Spending, _info: Any) -> str | None:
        is_card = root.means == Means.GIFT_CARD.value
        return Node.to_global_id("GiftCard", root.means_id) if is_card else None

    @staticmethod
    def resolve_voucher_code(root: Spending, _info: Any) -> str | None:
        return root.code if root.means == Means.VOUCHER.value else None


class LoyaltyRedeemablePoints(BaseObjectType):
    """What points could pay of a checkout."""

    points = graphene.Int(
        required=True, description="The most points that could pay for it, those applied included."
    )
    amount = graphene.Field(Money, required=True, description="What these would pay.")
    limits = NonNullList(
        LoyaltySpendingLimitEnum,
        required=True,
        description="What keeps it from being more, where that is not the member's balance.",
    )
    minimum_points = graphene.Int(required=True, description="The fewest points that pay.")
    step_points = graphene.Int(required=True, description="Points pay in multiples of so many.")

    class Meta:
        description = "What the member's points could pay of a checkout."
        doc_category = DOC_CATEGORY


def applied_to(checkout: Any, info: Any) -> Any:
    """Return (a promise of) what is applied to a checkout, or None."""
    return HeldSpendingLoader(info.context).load(str(checkout.pk))


def redeemable_on(checkout: Any, found: Terms, info: Any) -> Any:
    """Return (a promise of) what points could pay; None to all but its customer and managers."""
    if checkout.user_id is None:
        return None
    if not is_user(info.context, user_id=checkout.user_id) and not may_manage(info.context):
        return None
    context = info.context
    terms = SpendingTerms.from_json(found.program.spending)

    def with_member(members: list[Any]) -> Any:
        member = next((one for one in members if one.program_id == found.program.pk), None)
        if member is None:
            return None
        return Promise.all(
            [
                BalanceByMemberIdLoader(context).load(member.pk),
                HeldSpendingLoader(context).load(str(checkout.pk)),
                CheckoutLinesInfoByCheckoutTokenLoader(context).load(checkout.token),
                CheckoutInfoByCheckoutTokenLoader(context).load(checkout.token),
                GiftCardBalanceLoader(context).load(checkout.token),
            ]
        ).then(with_products)

    def with_products(loaded: list[Any]) -> Any:
        pks = [line.product.pk for line in loaded[2]]
        products = ProductFactsByIdLoader(context).load_many(pks)
        return products.then(lambda facts: shown(*loaded, dict(zip(pks, facts, strict=True))))

    def shown(
        balance: Any, own: Any, lines: Any, checkout_info: Any, cards: Any, facts: Any
    ) -> Any:
        rate = found.rate_for(checkout.currency)
        costs = costs_of(
            checkout_info,
            lines,
            other_gift_cards=cards,
            category_ids={pk: product.category_ids for pk, product in facts.items()},
        )
        try:
            means = Means(own.means) if own else means_for(terms.means, checkout_info.channel)
        except MeansUnavailable:
            offer = Offer(limits=(Limit.CLOSED,))
        else:
            offer = offer_of(
                asked=None,
                available=balance.available + (own.points if own else 0),
                payable=costs.payable(terms, means=means),
                terms=terms,
                point_value=rate.point_value if rate else Decimal(0),
                is_open=checkout.channel_id not in terms.closed_channel_ids,
            )
        return LoyaltyRedeemablePoints(
            points=offer.points,
            amount=PricesMoney(offer.amount, checkout.currency),
            limits=[one.value for one in offer.limits],
            minimum_points=terms.minimum_points,
            step_points=terms.step_points,
        )

    return MembersByUserIdLoader(context).load(checkout.user_id).then(with_member)


class _OnCheckout(LoyaltyMutation):
    """What the mutations of points on a checkout share."""

    class Meta:
        abstract = True

    @classmethod
    def checkout_of(cls, info: Any, global_id: str) -> Any:
        """Return the checkout, if the caller is its customer or may manage loyalty."""
        checkout = get_checkout(cls, info, id=global_id)
        if checkout.user_id is None and not may_manage(info.context):
            return checkout  # a guest's: that it has no member is what its holder may know
        require_owner_or_manager(info.context, user_id=checkout.user_id)
        return checkout

    @classmethod
    def changed(cls, info: Any, *, user_id: int | None, checkout_id: str) -> None:
        """Forget what this request knew of the checkout's points."""
        HeldSpendingLoader(info.context).clear(checkout_id)
        BalanceByMemberIdLoader(info.context).clear_all()
        if user_id is not None:
            MembersByUserIdLoader(info.context).clear(user_id)


class CheckoutLoyaltyPointsApply(_OnCheckout):
    """Applies points to a checkout."""

    checkout = graphene.Field(Checkout, description="The checkout with its new total.")
    applied = graphene.Field(LoyaltyAppliedPoints, description="What is applied now.")
    limits = NonNullList(
        LoyaltySpendingLimitEnum,
        description="Why fewer points are applied than were asked for; empty if they are not.",
    )

    class Arguments:
        id = graphene.ID(required=True, description="ID of the checkout.")
        points = graphene.Int(required=True, description="How many points are to pay.")

    class Meta:
        description = (
            "Sets points of the customer aside to pay for a checkout, in place of those that were: fewer "
            "where limits say so. They are spent when the order is created, and go back when the "
            "checkout, or their code on it, goes, or when their time is over."
            "\n\nRequires one of the following permissions: OWNER, MANAGE_LOYALTY."
        )
        doc_category = DOC_CATEGORY
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, id: str, points: int) -> Any:
        checkout = cls.checkout_of(info, id)
        manager = get_plugin_manager_promise(info.context).get()
        applied, priced = apply_to_checkout(
            checkout, points=points, manager=manager, now=timezone.now()
        )
        call_checkout_info_event(
            manager,
            event_name=WebhookEventAsyncType.CHECKOUT_UPDATED,
            checkout_info=priced.info,
            lines=priced.lines,
        )
        cls.changed(info, user_id=checkout.user_id, checkout_id=str(priced.checkout.pk))
        return cls(
            checkout=SyncWebhookControlContext(node=priced.checkout),
            applied=applied.spending,
            limits=[one.value for one in applied.offer.limits],
        )


class CheckoutLoyaltyPointsRemove(_OnCheckout):
    """Takes points off a checkout."""

    checkout = graphene.Field(Checkout, description="The checkout with its new total.")

    class Arguments:
        id = graphene.ID(required=True, description="ID of the checkout.")

    class Meta:
        description = (
            "Takes points off a checkout; they are the customer's again at once. Without any "
            "nothing happens."
            "\n\nRequires one of the following permissions: OWNER, MANAGE_LOYALTY."
        )
        doc_category = DOC_CATEGORY
        error_type_class = LoyaltyErrorType

    @classmethod
    def run(cls, info: Any, *, id: str) -> Any:
        checkout = cls.checkout_of(info, id)
        if remove_from_checkout(checkout, now=timezone.now()) is not None:
            checkout = get_checkout(cls, info, id=id)
            manager = get_plugin_manager_promise(info.context).get()
            call_checkout_event(
                manager, event_name=WebhookEventAsyncType.CHECKOUT_UPDATED, checkout=checkout
            )
        cls.changed(info, user_id=checkout.user_id, checkout_id=str(checkout.pk))
        return cls(checkout=SyncWebhookControlContext(node=checkout))


class CheckoutLoyaltyMutations(graphene.ObjectType):
    """Mutations of points on checkouts."""

    checkout_loyalty_points_apply = CheckoutLoyaltyPointsApply.Field()
    checkout_loyalty_points_remove = CheckoutLoyaltyPointsRemove.Field()
