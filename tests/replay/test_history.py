from datetime import UTC, datetime
from decimal import Decimal

import pytest

from saleor_loyalty.replay.history import HistoryInvalid, read_history
from tests.replay.histories import TODAY, history, history_file


def test_a_line_is_a_purchase_at_noon_of_its_day_in_the_shops_zone(tmp_path):
    found = history(
        tmp_path, "customer,time,amount\nada,2024-01-10,12.50\n", time_zone="Asia/Tokyo"
    )

    [purchase] = found.purchases
    assert (purchase.order, purchase.customer, purchase.currency) == ("2", "ada", "USD")
    assert (purchase.amount, purchase.refunded, purchase.cost) == (Decimal("12.50"), 0, None)
    assert purchase.placed_at.astimezone(UTC) == datetime(2024, 1, 10, 3, tzinfo=UTC)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_byte_order_marks_and_capital_headings_are_coped_with(
    tmp_path, delimiter, encoding
):
    text = " Amount ,TIME,Customer,Colour\n3,2024-01-10 09:30,Žofia,red\n"
    path = history_file(tmp_path, text.replace(",", delimiter), encoding=encoding)

    found = read_history(path, time_zone="UTC", now=TODAY, currency="USD")

    [purchase] = found.purchases
    assert (purchase.customer, purchase.amount) == ("Žofia", 3)
    assert purchase.placed_at == datetime(2024, 1, 10, 9, 30, tzinfo=UTC)


def test_white_space_separates_where_columns_are_named_and_a_heading_is_no_bad_line(tmp_path):
    text = " customer_id  date number_of_cds  dollar_value\r\n 00001 19970101  1   11.77\r\n"

    found = history(tmp_path, text, columns=["customer", "time", "_", "amount"])

    assert [(one.customer, one.amount) for one in found.purchases] == [("00001", Decimal("11.77"))]
    assert (found.bad_lines, found.lines) == ([], 1)


def test_lines_of_one_order_are_one_purchase(tmp_path):
    text = (
        "order,customer,time,amount,refunded,cost,category\n"
        "A1,ada,2024-01-10,10,4,6,books\n"
        "A2,bob,2024-01-09,7,,,\n"
        "A1,ada,2024-01-10,20,,9,toys\n"
    )

    found = history(tmp_path, text)

    assert [one.order for one in found.purchases] == ["A2", "A1"]
    purchase = found.purchases[1]
    assert [(item.amount, item.category) for item in purchase.items] == [
        (10, "books"),
        (20, "toys"),
    ]
    assert (purchase.amount, purchase.refunded, purchase.revenue) == (30, 4, 26)
    assert (purchase.cost, purchase.margin) == (15, 13)


def test_bad_lines_are_listed_with_their_numbers_and_stop_nothing(tmp_path):
    text = (
        "order,customer,time,amount,currency,refunded\n"
        "1,ada,2024-01-10,10,USD,0\n"
        "\n"
        "2,,2024-01-10,10,USD,0\n"
        "3,ada,10/01/2024,10,USD,0\n"
        "4,ada,2024-01-10,-1,USD,0\n"
        "5,ada,2024-01-10,NaN,USD,0\n"
        "6,ada,2024-01-10,10,dollars,0\n"
        "7,ada,2024-01-10,10,USD,11\n"
        "8,ada,2024-01-10\n"
        "9,ada,2026-06-16,10,USD,0\n"
        "10,ada,0001-01-01,10,USD,0\n"
        "1,bob,2024-01-10,10,USD,0\n"
        f"{'x' * 65},ada,2024-01-10,10,USD,0\n"
        "14,ada,2024-01-11,10,eur,\n"
    )

    found = history(tmp_path, text)

    assert [(one.order, one.currency) for one in found.purchases] == [("1", "USD"), ("14", "EUR")]
    assert [bad.number for bad in found.bad_lines] == [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]
    assert [bad.problem for bad in found.bad_lines] == [
        "has no customer",
        "has the time '10/01/2024', which is not like 2026-01-31 or 20260131",
        "has the amount '-1', which is not like 12.50",
        "has the amount 'NaN', which is not like 12.50",
        "has the currency 'DOLLARS', which is not three letters",
        "has more refunded than paid",
        "has too few columns",
        "lies in the future",
        "lies before 1970",
        "has the order 1 of another customer, time or currency",
        "has an order that is not 1 to 64 plain characters",
    ]


@pytest.mark.parametrize(
    ("text", "values", "problem"),
    [
        ("", {}, "is empty"),
        ("a,b\n1,2\n", {}, "needs the columns customer, time, amount; the first line has none"),
        ("1,2\n", {"columns": ["customer"]}, "needs the columns time, amount; --columns has none"),
        (
            "customer,time,amount\nada,2024-01-10,1\n",
            {"currency": ""},
            "needs a column currency, or the option --currency",
        ),
        (
            "customer,time,amount\nada,2024-01-10,1\n",
            {"currency": "usd"},
            "--currency 'usd' is not three capital letters",
        ),
        ("customer,time,amount,Time\n", {}, "has the column time twice"),
        ("customer,time,amount\n", {}, "has no good line"),
        ("customer,time,amount\n,,\nx,y,z\n", {}, "has no good line; line 3 has the amount"),
    ],
)
def test_a_file_that_is_no_history_is_refused(tmp_path, text, values, problem):
    with pytest.raises(HistoryInvalid) as refused:
        history(tmp_path, text, **values)

    assert refused.value.data["problem"].startswith(problem)


def test_a_file_that_cannot_be_read_or_is_no_text_is_refused(tmp_path):
    (tmp_path / "picture").write_bytes(b"\x89PNG\xff\xfe")
    values = {"time_zone": "UTC", "now": TODAY, "currency": "USD"}

    with pytest.raises(HistoryInvalid) as unreadable:
        read_history(tmp_path / "missing", **values)
    with pytest.raises(HistoryInvalid) as no_text:
        read_history(tmp_path / "picture", **values)

    assert unreadable.value.data == {"problem": "cannot be read: No such file or directory"}
    assert no_text.value.data == {"problem": "is not UTF-8 at byte 0"}


def test_what_came_back_brings_no_margin(tmp_path):
    text = "customer,time,amount,refunded,cost\nada,2024-01-10,100,25,60\nada,2024-01-11,0,0,5\n"

    found = history(tmp_path, text)

    assert [one.margin for one in found.purchases] == [30, -5]
