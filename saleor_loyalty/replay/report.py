"""The report of a replay: the ledger's points in money, beside what the history's orders brought."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.programs.calendar import Period, add_months, local_date, period_start
from saleor_loyalty.replay.drafts import Draft
from saleor_loyalty.replay.figures import Figures, Flow, Proof
from saleor_loyalty.replay.history import History, Purchase
from saleor_loyalty.replay.player import Played

CENT = Decimal("0.01")
SHARE = Decimal("0.0001")
TOP_CUSTOMERS = Decimal("0.2")
LORENZ_STEPS = 100


class FiguresDoNotAddUp(LoyaltyError):
    """Two ways to the same figure gave different ones: a bug of ours. `proofs` names them."""

    code = "figures_do_not_add_up"


@dataclass(frozen=True, kw_only=True)
class MonthRow:
    """A month's points, and those outstanding at its end. Money is in the report's currency."""

    month: date
    orders: int
    revenue: Decimal
    issued: int
    matured: int
    expired: int
    revoked: int
    spent: int
    outstanding: int
    liability: Decimal | None


@dataclass(frozen=True, kw_only=True)
class CurrencyRow:
    """What orders in a currency brought and what their points cost.

    `revenue` is net of refunds; `margin` is None unless every order's cost is known. `cost` is
    what was issued and neither clawed back nor expired, at `point_value`; `liability` is what
    is outstanding of it. Without a rate nothing is earned, and there is neither.
    """

    currency: str
    orders: int
    revenue: Decimal
    margin: Decimal | None
    point_value: Decimal | None
    issued: int
    revoked: int
    expired: int
    spent: int
    outstanding: int
    liability: Decimal | None
    cost: Decimal | None
    cost_of_revenue: Decimal | None
    cost_of_margin: Decimal | None


@dataclass(frozen=True, kw_only=True)
class Concentration:
    """What the best customers bring and get, by what they paid in the report's currency.

    `curve`: shares of customers, the best first, with their shares of revenue and points.
    """

    top_customers: int
    share_of_revenue: Decimal
    share_of_points: Decimal
    curve: tuple[tuple[Decimal, Decimal, Decimal], ...]


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that is told of one programme. `currency` is that of most orders."""

    program: str
    first_day: date
    last_day: date
    currency: str
    redeem_share: Decimal
    orders: int
    customers: int
    earning_orders: int
    earning_customers: int
    orders_by_outcome: Mapping[str, int]
    bad_lines: int
    lines: int
    total: Flow
    outstanding: int
    months: tuple[MonthRow, ...]
    currencies: tuple[CurrencyRow, ...]
    concentration: Concentration
    proofs: tuple[Proof, ...]
    notes: tuple[str, ...]

    @property
    def main(self) -> CurrencyRow:
        """Return the row of the report's currency."""
        return next(row for row in self.currencies if row.currency == self.currency)

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain data: money and shares as text, dates as ISO 8601."""
        data: dict[str, Any] = _plain(asdict(self))
        for proof, row in zip(self.proofs, data["proofs"], strict=True):
            row["holds"] = proof.holds
        return data


def report_of(
    history: History, draft: Draft, played: Played, figures: Figures, *, redeem_share: Decimal
) -> Report:
    """Return the report of a history that was played under a draft."""
    counts = Counter(one.currency for one in history.purchases)
    currency = counts.most_common(1)[0][0]
    user_ids = history.customers
    return Report(
        program=draft.name,
        first_day=played.first_day,
        last_day=played.last_day,
        currency=currency,
        redeem_share=redeem_share,
        orders=len(history.purchases),
        customers=len(user_ids),
        earning_orders=figures.earning_orders,
        earning_customers=sum(points > 0 for points in figures.points_of_users.values()),
        orders_by_outcome=figures.orders_by_outcome,
        bad_lines=len(history.bad_lines),
        lines=history.lines,
        total=figures.total,
        outstanding=figures.total.change,
        months=_months(history, draft, played, figures, currency=currency),
        currencies=tuple(
            _currency_row(
                one,
                [purchase for purchase in history.purchases if purchase.currency == one],
                draft=draft,
                flow=figures.by_currency.get(one, Flow()),
            )
            for one, _ in counts.most_common()
        ),
        concentration=_concentration(history, figures, user_ids, currency=currency),
        proofs=figures.proofs,
        notes=tuple(draft.notes(columns=history.columns)),
    )


def check_proofs(report: Report) -> None:
    """Check that the figures add up.

    Raises:
        FiguresDoNotAddUp: they do not.

    """
    broken = [
        f"{proof.what}: {proof.left}, {proof.right}" for proof in report.proofs if not proof.holds
    ]
    if broken:
        raise FiguresDoNotAddUp(proofs=broken)


def _months(
    history: History, draft: Draft, played: Played, figures: Figures, *, currency: str
) -> tuple[MonthRow, ...]:
    orders: Counter[date] = Counter()
    revenue: dict[date, Decimal] = defaultdict(Decimal)
    for purchase in history.purchases:
        on = local_date(purchase.placed_at, time_zone=played.time_zone)
        month = period_start(on, Period.MONTH)
        orders[month] += 1
        if purchase.currency == currency:
            revenue[month] += purchase.revenue
    value = draft.point_value(currency)
    rows = []
    outstanding = 0
    month = period_start(played.first_day, Period.MONTH)
    while month <= played.last_day:
        flow = figures.by_month.get(month, Flow())
        outstanding += flow.change
        rows.append(
            MonthRow(
                month=month,
                orders=orders[month],
                revenue=revenue[month],
                issued=flow.issued,
                matured=flow.matured,
                expired=flow.expired,
                revoked=flow.revoked,
                spent=flow.spent,
                outstanding=outstanding,
                liability=_money(outstanding, value),
            )
        )
        month = add_months(month, 1)
    return tuple(rows)


def _currency_row(
    currency: str, purchases: list[Purchase], *, draft: Draft, flow: Flow
) -> CurrencyRow:
    value = draft.point_value(currency)
    revenue = sum((one.revenue for one in purchases), Decimal(0))
    margins = [one.margin for one in purchases]
    margin = None if None in margins else sum((one or Decimal(0) for one in margins), Decimal(0))
    cost = _money(flow.issued - flow.revoked - flow.expired, value)
    return CurrencyRow(
        currency=currency,
        orders=len(purchases),
        revenue=revenue.quantize(CENT),
        margin=margin.quantize(CENT) if margin is not None else None,
        point_value=value,
        issued=flow.issued,
        revoked=flow.revoked,
        expired=flow.expired,
        spent=flow.spent,
        outstanding=flow.change,
        liability=_money(flow.change, value),
        cost=cost,
        cost_of_revenue=_share(cost, revenue),
        cost_of_margin=_share(cost, margin),
    )


def _concentration(
    history: History, figures: Figures, user_ids: Mapping[str, int], *, currency: str
) -> Concentration:
    paid: dict[int, Decimal] = dict.fromkeys(user_ids.values(), Decimal(0))
    for purchase in history.purchases:
        if purchase.currency == currency:
            paid[user_ids[purchase.customer]] += purchase.revenue
    ranked = sorted(paid, key=lambda user_id: (-paid[user_id], user_id))
    top = int(-(-len(ranked) * TOP_CUSTOMERS // 1))
    revenue, points = Decimal(0), 0
    sums = [(revenue, points)]
    for user_id in ranked:
        revenue += paid[user_id]
        points += figures.points_of_users.get(user_id, 0)
        sums.append((revenue, points))

    def shares(count: int) -> tuple[Decimal, Decimal]:
        return (
            _share(sums[count][0], revenue) or Decimal(0),
            _share(Decimal(sums[count][1]), Decimal(points)) or Decimal(0),
        )

    steps = sorted({len(ranked) * step // LORENZ_STEPS for step in range(LORENZ_STEPS + 1)})
    in_all = Decimal(len(ranked))
    curve = [(_share(Decimal(step), in_all) or Decimal(0), *shares(step)) for step in steps]
    of_revenue, of_points = shares(top)
    return Concentration(
        top_customers=top,
        share_of_revenue=of_revenue,
        share_of_points=of_points,
        curve=tuple(curve),
    )


def _money(points: int, value: Decimal | None) -> Decimal | None:
    return None if value is None else (points * value).quantize(CENT)


def _share(part: Decimal | None, whole: Decimal | None) -> Decimal | None:
    return None if part is None or whole is None or whole <= 0 else (part / whole).quantize(SHARE)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return value.value if isinstance(value, Enum) else value
