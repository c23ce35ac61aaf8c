from saleor_loyalty.orders.models import DueOrder
from saleor_loyalty.orders.operations import claim_due, mark_due, postpone
from tests.factories import NOW


def test_postponing_an_order_that_is_no_longer_due_does_nothing(db):
    postpone(order_id="gone", error="x", now=NOW)

    assert DueOrder.objects.count() == 0


def test_marking_nothing_writes_nothing(db):
    mark_due(order_ids=[], now=NOW)

    assert DueOrder.objects.count() == 0


def test_marks_of_one_order_are_claimed_together_oldest_first(db):
    mark_due(order_ids=["b", "a", "b"], now=NOW)

    batch = claim_due(limit=10, now=NOW)

    assert batch.order_ids == ("a", "b")
    assert len(batch.mark_ids) == 3
