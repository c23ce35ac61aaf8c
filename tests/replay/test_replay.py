from datetime import date
from decimal import Decimal

import pytest

from saleor_loyalty.points.models import Balance, Entry, Lot
from saleor_loyalty.replay.drafts import draft_from_json
from saleor_loyalty.replay.figures import Flow, figures_of
from saleor_loyalty.replay.player import RedeemShareInvalid, play
from saleor_loyalty.replay.report import FiguresDoNotAddUp, check_proofs, report_of
from saleor_loyalty.replay.scratch import scratch
from saleor_loyalty.replay.tables import months_table, proofs_table, summary_table
from tests.replay.histories import TWO_YEARS, draft_data, history

YEAR = {"expiry": "after_earning", "expiry_months": 12}
EUR = {"currency": "EUR", "points_per_unit": "20", "point_value": "0.005"}


def replay(folder, text, *, redeem_share=Decimal(0), **values):
    """Play a history under a draft, prove it and return its report."""
    purchases, draft = history(folder, text), draft_from_json(draft_data(**values))
    with scratch() as place:
        played = play(purchases, draft, scratch=place, redeem_share=redeem_share)
        with place.transaction():
            figures = figures_of(played)
    report = report_of(purchases, draft, played, figures, redeem_share=redeem_share)
    check_proofs(report)
    return report


def rule(name, **definition):
    return {"name": name, "definition": definition}


def month(report, first):
    return next(row for row in report.months if row.month == date.fromisoformat(first))


def test_without_expiry_all_that_was_issued_is_owed(live, tmp_path):
    report = replay(tmp_path, TWO_YEARS)

    assert (report.first_day, report.last_day) == (date(2024, 1, 10), date(2025, 3, 31))
    assert report.total == Flow(issued=1605, matured=1605, change=1605)
    assert (report.orders, report.customers) == (3, 2)
    assert (report.earning_orders, report.earning_customers) == (3, 2)
    assert report.orders_by_outcome == {"earned": 3}
    assert report.main.revenue == Decimal("160.50")
    assert (report.main.cost, report.main.liability) == (Decimal("16.05"), Decimal("16.05"))
    assert (report.main.cost_of_revenue, report.main.cost_of_margin) == (Decimal("0.1000"), None)


def test_points_expire_on_the_day_they_would_have(live, tmp_path):
    report = replay(tmp_path, TWO_YEARS, policy=YEAR)

    assert report.total == Flow(issued=1605, matured=1605, expired=1105, change=500)
    assert len(report.months) == 15
    assert month(report, "2024-12-01").outstanding == 1105
    assert (month(report, "2025-01-01").expired, month(report, "2025-02-01").expired) == (1000, 105)
    assert month(report, "2025-03-01").liability == Decimal("5.00")
    assert report.main.cost == Decimal("5.00")


def test_points_that_expire_by_inactivity_do_so_before_a_later_order_revives_them(live, tmp_path):
    text = "customer,time,amount\nada,2024-01-10,100\nada,2024-07-05,1\nada,2025-01-20,1\n"

    report = replay(tmp_path, text, policy={"expiry": "after_activity", "expiry_months": 6})

    assert report.total == Flow(issued=1020, matured=1020, expired=1010, change=10)
    assert month(report, "2025-01-01").expired == 1010


def test_points_mature_by_the_clock_of_the_history(live, tmp_path):
    report = replay(tmp_path, TWO_YEARS, policy={"maturing": "after_payment", "maturing_days": 30})

    assert [row.matured for row in report.months[:3]] == [0, 1000, 105]
    assert report.total.matured == 1105
    assert report.outstanding == 1605


def test_a_refund_takes_points_back_two_weeks_after_its_order(live, tmp_path):
    text = (
        "customer,time,amount,refunded\n"
        "ada,2024-01-25,100,40\nbob,2024-02-20,10,10\ncid,2024-02-28,10,5\n"
    )

    report = replay(tmp_path, text)

    assert report.total == Flow(issued=1200, matured=1200, revoked=550, change=650)
    assert [row.revoked for row in report.months] == [0, 550]
    assert (report.main.revenue, report.main.cost) == (Decimal("65.00"), Decimal("6.50"))
    assert (report.earning_orders, report.earning_customers) == (3, 2)


def test_a_refund_of_points_that_are_spent_is_owed_or_forgiven(live, tmp_path):
    text = "customer,time,amount,refunded\nada,2024-01-31,100,100\nada,2024-02-25,4,0\n"

    owed = replay(tmp_path, text, redeem_share=Decimal(1))
    forgiven = replay(tmp_path, text, redeem_share=Decimal(1), policy={"when_short": "forgive"})

    assert (owed.outstanding, owed.total.spent, owed.total.revoked) == (-960, 1000, 1000)
    assert (forgiven.outstanding, forgiven.total.spent) == (0, 1040)
    assert (forgiven.total.issued, forgiven.total.forgiven) == (2040, 1000)
    assert (forgiven.main.issued, forgiven.main.spent) == (2040, 1040)


def test_members_spend_the_share_that_is_assumed_and_the_rest_expires(live, tmp_path):
    report = replay(tmp_path, TWO_YEARS, policy=YEAR, redeem_share=Decimal("0.7"))

    assert report.total.spent == 700 + 73 + 350
    assert report.total.expired == 300 + 32
    assert report.outstanding == 150
    assert month(report, "2024-01-01").spent == 700
    assert report.main.cost == Decimal("12.73")


@pytest.mark.parametrize("share", ["-0.1", "1.1", "NaN"])
def test_a_share_that_is_none_is_refused_before_anything_is_played(live, tmp_path, share):
    with pytest.raises(RedeemShareInvalid):
        replay(tmp_path, TWO_YEARS, redeem_share=Decimal(share))


def test_rules_count_categories_and_who_ordered_before(live, tmp_path):
    text = (
        "order,customer,time,amount,category\n"
        "A,ada,2024-01-10,10,books\nA,ada,2024-01-10,10,toys\nB,ada,2024-01-11,10,toys\n"
    )
    books = [{"kind": "category", "values": ["books"], "exclude": False}]
    rules = [
        rule("Books", action="multiplier", factor="3", conditions=books),
        rule("Welcome", action="fixed_points", points=50, trigger="first_order"),
        rule("Once a month", action="fixed_points", points=7, cap_times=1),
    ]

    report = replay(tmp_path, text, rules=rules)

    assert report.total.issued == (200 + 200 + 50 + 7) + 100
    assert report.notes == ()


def test_a_rule_that_gives_a_reward_is_noted_and_not_played(live, tmp_path, caplog):
    text = "order,customer,time,amount\nA,ada,2024-01-10,10\n"

    report = replay(
        tmp_path, text, rules=[rule("Surprise", action="give_reward", reward_id=7, cap_times=1)]
    )

    assert report.total.issued == 100
    assert report.notes == ("Surprise: gives a reward and no points, and is not played",)
    assert "gives nothing" not in caplog.text


def test_a_budget_ends_what_is_given(live, tmp_path):
    policy = {"budget_points": 1040, "budget_period": "lifetime"}

    report = replay(tmp_path, TWO_YEARS, policy=policy)

    assert report.total.issued == 1040
    assert (report.earning_orders, report.earning_customers) == (2, 2)


def test_each_currency_is_counted_in_its_own_money(live, tmp_path):
    text = (
        "customer,time,amount,currency,cost\n"
        "ada,2024-01-10,100,USD,60\nada,2024-01-11,10,USD,5\nbob,2024-01-12,100,EUR,\n"
        "cid,2024-01-13,100,GBP,1\n"
    )
    usd = draft_data()["rates"]

    report = replay(tmp_path, text, rates=[*usd, EUR])

    dollars, euros, pounds = report.currencies
    assert (dollars.currency, dollars.issued, dollars.cost) == ("USD", 1100, Decimal("11.00"))
    assert (dollars.margin, dollars.cost_of_margin) == (Decimal("45.00"), Decimal("0.2444"))
    assert (euros.issued, euros.cost, euros.margin) == (2000, Decimal("10.00"), None)
    assert (pounds.issued, pounds.cost, pounds.point_value) == (0, None, None)
    assert report.orders_by_outcome == {"earned": 3, "no_rate": 1}
    assert "GBP -" in summary_table([report])


def test_the_best_fifth_of_the_customers_is_told(live, tmp_path):
    lines = [f"c{number},2024-01-10,{amount}" for number, amount in enumerate([60, 20, 10, 5, 5])]

    report = replay(tmp_path, "customer,time,amount\n" + "\n".join(lines))

    best = report.concentration
    assert (best.top_customers, best.share_of_revenue) == (1, Decimal("0.6000"))
    assert best.share_of_points == Decimal("0.6000")
    assert best.curve[0] == (0, 0, 0)
    assert best.curve[1] == (Decimal("0.2"), Decimal("0.6"), Decimal("0.6"))
    assert best.curve[-1] == (1, 1, 1)


def test_free_orders_are_played_too(live, tmp_path):
    report = replay(tmp_path, "customer,time,amount,refunded\nada,2024-01-10,0,0\n")

    assert report.total == Flow()
    assert (report.earning_orders, report.main.cost_of_revenue) == (0, None)
    assert report.concentration.share_of_points == 0
    assert "0 (0.0 %)" in summary_table([report])


def test_days_are_those_of_the_programmes_zone(live, tmp_path):
    text = "customer,time,amount\nada,2024-01-31T23:30:00+00:00,1\n"

    report = replay(tmp_path, text, time_zone="Asia/Tokyo")

    assert [(row.month, row.issued) for row in report.months] == [(date(2024, 2, 1), 10)]


def test_progress_is_told_and_batches_are_cut(live, tmp_path, monkeypatch):
    monkeypatch.setattr("saleor_loyalty.replay.player.BATCH", 1)
    purchases = history(tmp_path, TWO_YEARS.replace("02-10", "01-10"))
    told = []

    with scratch() as place:
        play(purchases, draft_from_json(draft_data()), scratch=place, on_progress=told.append)

    assert told == [2, 3]


@pytest.mark.parametrize(
    ("spoil", "broken"),
    [
        (lambda: Balance.objects.update(available=1), 3),
        (lambda: Lot.objects.update(available=1), 1),
        (lambda: Entry.objects.update(points=1), 3),
    ],
)
def test_figures_that_do_not_add_up_are_found(live, tmp_path, spoil, broken):
    purchases, draft = history(tmp_path, TWO_YEARS), draft_from_json(draft_data())
    with scratch() as place:
        played = play(purchases, draft, scratch=place)
        with place.transaction():
            spoil()
            figures = figures_of(played)

    report = report_of(purchases, draft, played, figures, redeem_share=Decimal(0))

    with pytest.raises(FiguresDoNotAddUp) as found:
        check_proofs(report)
    assert len(found.value.data["proofs"]) == broken
    assert "WRONG" in proofs_table(report)


def test_the_tables_are_for_people(live, tmp_path):
    report = replay(tmp_path, TWO_YEARS, policy=YEAR)

    summary, months = summary_table([report, report]), months_table(report)

    assert "3 orders of 2 customers, 2024-01-10 to 2025-03-31" in summary
    assert "liability at the end" + " " * 38 + "5.00 USD" + " " * 18 + "5.00 USD" in summary
    assert max(map(len, summary.splitlines())) <= 100
    assert "2025-01        0           0           0       1,000" in months
