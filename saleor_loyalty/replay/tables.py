"""The report of a replay as text, for a terminal 100 columns wide."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from saleor_loyalty.replay.report import Report

NOTHING = "-"
RIGHT_OF_A_ROW = 26


def summary_table(reports: Sequence[Report]) -> str:
    """Return what matters of one or more programmes, side by side."""
    first = reports[0]
    lines = [
        f"{first.orders:,} orders of {first.customers:,} customers,"
        f" {first.first_day} to {first.last_day}",
        "",
        _row("", [report.program for report in reports]),
        _row("", ["-" * (RIGHT_OF_A_ROW - 2)] * len(reports)),
    ]
    lines += [_row(name, [of(report) for report in reports]) for name, of in SUMMARY]
    for report in reports:
        lines += [_currency_line(report)] if len(report.currencies) > 1 else []
        lines += [f"note on {report.program}: {note}" for note in report.notes]
    if first.bad_lines:
        lines.append(
            f"{first.bad_lines:,} of {first.lines:,} lines made no sense and were left out"
        )
    return "\n".join(lines)


def months_table(report: Report) -> str:
    """Return a programme's points month by month."""
    header = (
        f"{'month':8}{'orders':>8}{'issued':>12}{'matured':>12}{'expired':>12}{'clawed back':>13}"
        f"{'spent':>12}{'outstanding':>13}  liability, {report.currency}"
    )
    rows = [
        f"{row.month:%Y-%m} {row.orders:>8,}{row.issued:>12,}{row.matured:>12,}{row.expired:>12,}"
        f"{row.revoked:>13,}{row.spent:>12,}{row.outstanding:>13,}  {_money(row.liability):>14}"
        for row in report.months
    ]
    return "\n".join([f"{report.program}, by month", header, *rows])


def proofs_table(report: Report) -> str:
    """Return what was proved of a programme's figures."""
    return "\n".join(
        f"{'proved' if proof.holds else 'WRONG '}  {proof.what}  ({proof.left:,})"
        + ("" if proof.holds else f" ({proof.right:,})")
        for proof in report.proofs
    )


def _row(name: str, values: Sequence[str]) -> str:
    cells = "".join(f"{value[: RIGHT_OF_A_ROW - 2]:>{RIGHT_OF_A_ROW}}" for value in values)
    return f"{name:40}{cells}".rstrip()


def _money(amount: Decimal | None) -> str:
    return NOTHING if amount is None else f"{amount:,.2f}"


def _percent(share: Decimal | None) -> str:
    return NOTHING if share is None else f"{share * 100:.2f} %"


def _part(count: int, whole: int) -> str:
    return f"{count:,} ({Decimal(100 * count) / whole:.1f} %)" if whole else NOTHING


def _in_currency(report: Report, amount: Decimal | None) -> str:
    return NOTHING if amount is None else f"{_money(amount)} {report.currency}"


def _currency_line(report: Report) -> str:
    parts = [
        f"{row.currency} {_percent(row.cost_of_revenue)} of {_money(row.revenue)}"
        for row in report.currencies
    ]
    return f"{report.program}, cost of revenue by currency: {'; '.join(parts)}"


SUMMARY: tuple[tuple[str, Callable[[Report], str]], ...] = (
    ("points issued", lambda one: f"{one.total.issued:,}"),
    ("  became usable", lambda one: f"{one.total.matured:,}"),
    ("  expired", lambda one: f"{one.total.expired:,}"),
    ("  clawed back after refunds", lambda one: f"{one.total.revoked:,}"),
    ("  spent (assumed)", lambda one: f"{one.total.spent:,}"),
    ("  outstanding at the end", lambda one: f"{one.outstanding:,}"),
    ("liability at the end", lambda one: _in_currency(one, one.main.liability)),
    (
        "highest liability at a month's end",
        lambda one: _in_currency(
            one, max((row.liability for row in one.months if row.liability), default=None)
        ),
    ),
    ("revenue, net of refunds", lambda one: _in_currency(one, one.main.revenue)),
    ("cost (issued, kept, not expired)", lambda one: _in_currency(one, one.main.cost)),
    ("  share of revenue", lambda one: _percent(one.main.cost_of_revenue)),
    ("  share of margin", lambda one: _percent(one.main.cost_of_margin)),
    ("orders that earn", lambda one: _part(one.earning_orders, one.orders)),
    ("customers that earn", lambda one: _part(one.earning_customers, one.customers)),
    (
        "the top 20 % of customers bring",
        lambda one: f"{_percent(one.concentration.share_of_revenue)} of revenue",
    ),
    (
        "  and get",
        lambda one: f"{_percent(one.concentration.share_of_points)} of points",
    ),
)
