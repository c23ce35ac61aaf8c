"""Makers of what tests need, with plain defaults."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.contrib.auth import get_user_model

from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.facts import OrderFacts, OrderLine, OrderState
from saleor_loyalty.points.postings import Award, Posting, Take
from saleor_loyalty.points.rules import Reason
from saleor_loyalty.programs.models import Program
from saleor_loyalty.programs.operations import ProgramChanges, create_program
from saleor_loyalty.programs.rules import PriceBasis, RateInput

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
CHANNEL = 7


def make_program(*, now: datetime = START, **changes) -> Program:
    """A programme on channel 7: 10 points a dollar or euro, worth a cent each."""
    defaults = {
        "name": "Aurora Club",
        "channel_ids": [CHANNEL],
        "rates": [rate("USD"), rate("EUR")],
        "price_basis": PriceBasis.GROSS,
    }
    return create_program(changes=ProgramChanges(**{**defaults, **changes}), now=now)


def rate(currency: str, points: str = "10", value: str = "0.01") -> RateInput:
    return RateInput(currency=currency, points_per_unit=Decimal(points), point_value=Decimal(value))


def make_user(email: str = "ada@example.com"):
    return get_user_model().objects.create(username=email, email=email, first_name="Ada")


def make_member(program: Program | None = None, *, user=None) -> Member:
    return Member.objects.create(
        program=program or make_program(), user=user, joined_at=NOW, joined_by="customer"
    )


def line(gross: str = "100", net: str = "80", **values) -> OrderLine:
    defaults = {"name": "Monkey mug", "variant_name": "", "quantity": 1}
    return OrderLine(gross=Decimal(gross), net=Decimal(net), **{**defaults, **values})


def make_order(order_id: str = "order-1", **values) -> OrderFacts:
    """A paid order of 100 USD merchandise and 10 shipping, placed an hour before NOW."""
    defaults = {
        "order_id": order_id,
        "number": "41",
        "channel_id": CHANNEL,
        "currency": "USD",
        "state": OrderState.PLACED,
        "is_replacement": False,
        "is_import": False,
        "placed_at": NOW - timedelta(hours=1),
        "user_id": None,
        "account_since": START,
        "email": "ada@example.com",
        "first_name": "Ada",
        "language_code": "en",
        "shipping": Decimal(10),
        "total": Decimal(110),
        "is_fully_charged": True,
        "charged": Decimal(110),
        "refunded": Decimal(0),
        "charged_back": Decimal(0),
        "lines": (line(),),
    }
    return OrderFacts(**{**defaults, **values})


def merchandise(order: OrderFacts, basis: PriceBasis) -> Decimal:
    """What earns of an order, by the programme's defaults."""
    return sum((one.price(basis) for one in order.lines if one.is_merchandise), Decimal(0))


def refunded(amount: str, **values) -> dict:
    """The values of an order of 110 of which an amount was paid back."""
    back = Decimal(amount)
    return {
        "is_fully_charged": False,
        "charged": Decimal(110) - back,
        "refunded": back,
        **values,
    }


def make_posting(member: Member, points: int, *, key: str = "key-1", **values) -> Posting:
    """An award (above 0) or a take (below 0) of points."""
    defaults = {
        "program_id": member.program_id,
        "member_id": member.pk,
        "key": key,
        "points": abs(points),
        "reason": Reason.ADJUSTMENT,
        "effective_at": NOW,
    }
    return (Award if points >= 0 else Take)(**{**defaults, **values})
