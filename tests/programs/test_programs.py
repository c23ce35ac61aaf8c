from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from saleor_loyalty.programs.models import EarningRate, Program, ProgramChannel
from saleor_loyalty.programs.operations import (
    ChannelTaken,
    ProgramChanges,
    ProgramNotFound,
    create_program,
    update_program,
)
from saleor_loyalty.programs.queries import (
    earliest_rate_at,
    load_terms,
    longest_guest_order_days,
)
from saleor_loyalty.programs.rules import Enrollment, PriceBasis, ProgramInvalid
from tests.factories import CHANNEL, NOW, START, make_program, rate
from tests.threads import in_threads


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": None}, "name"),
        ({"points_name": "x" * 61}, "points_name"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"guest_order_days": -1}, "guest_order_days"),
        ({"guest_order_days": 99999}, "guest_order_days"),
        ({"rates": None}, "rates"),
        ({"rates": []}, "rates"),
        ({"rates": [rate("XXY")]}, "rates"),
        ({"rates": [rate("EUR"), rate("EUR")]}, "rates"),
        ({"rates": [rate("EUR", "-1")]}, "rates"),
        ({"rates": [rate("EUR", "0.00001")]}, "rates"),
        ({"rates": [rate("EUR", "NaN")]}, "rates"),
        ({"rates": [rate("EUR", "10", "-0.01")]}, "rates"),
        ({"rates": [rate("EUR", "10", "0.0000001")]}, "rates"),
        ({"rates": [rate("EUR", "10", "Infinity")]}, "rates"),
    ],
)
def test_bad_input_is_refused_by_field_and_nothing_is_written(db, changes, field):
    with pytest.raises(ProgramInvalid) as refused:
        make_program(**changes)

    assert refused.value.field == field
    assert Program.objects.count() == 0
    assert EarningRate.objects.count() == 0


def test_a_channel_has_one_programme(db):
    make_program()

    with pytest.raises(ChannelTaken) as refused:
        make_program(name="Second", channel_ids=[CHANNEL, 8])

    assert refused.value.data == {"channel_id": CHANNEL}
    assert Program.objects.count() == 1
    assert ProgramChannel.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_programmes_that_want_one_channel_at_once_do_not_both_get_it():
    results = in_threads(8, lambda n: make_program(name=f"Programme {n}"))

    assert sum(isinstance(result, ChannelTaken) for result in results) == 7
    assert Program.objects.count() == 1


def test_changing_a_rate_closes_the_old_one_at_that_instant(db):
    program = make_program(rates=[rate("EUR", "10")])

    update_program(
        program_id=program.pk, changes=ProgramChanges(rates=[rate("EUR", "20")]), now=NOW
    )

    terms = load_terms(program_ids=[program.pk]).by_program[program.pk]
    before = terms.rate_at(currency="EUR", moment=NOW - timedelta(microseconds=1))
    after = terms.rate_at(currency="EUR", moment=NOW)
    assert (before.points_per_unit, after.points_per_unit) == (10, 20)
    assert terms.rate_at(currency="EUR", moment=START - timedelta(seconds=1)) is None
    assert terms.rate_at(currency="USD", moment=NOW) is None


def test_repeating_an_update_leaves_the_rates_alone(db):
    program = make_program()
    changes = ProgramChanges(rates=[rate("USD"), rate("EUR")], price_basis=PriceBasis.GROSS)

    update_program(program_id=program.pk, changes=changes, now=NOW)

    assert set(EarningRate.objects.values_list("valid_from", flat=True)) == {START}


def test_changing_the_price_basis_renews_all_rates(db):
    program = make_program()

    update_program(
        program_id=program.pk, changes=ProgramChanges(price_basis=PriceBasis.NET), now=NOW
    )

    assert sorted(
        EarningRate.objects.filter(valid_until=None).values_list("currency", "price_basis")
    ) == [("EUR", "net"), ("USD", "net")]


def test_a_currency_that_is_left_out_earns_no_more(db):
    program = make_program()

    update_program(program_id=program.pk, changes=ProgramChanges(rates=[rate("EUR")]), now=NOW)

    terms = load_terms(program_ids=[program.pk]).by_program[program.pk]
    assert terms.rate_at(currency="USD", moment=NOW) is None
    assert terms.rate_at(currency="EUR", moment=NOW) is not None


def test_values_that_are_left_out_stay(db):
    program = make_program(points_name="Stars", enrollment=Enrollment.ON_REQUEST)

    update_program(
        program_id=program.pk,
        changes=ProgramChanges(name=" New name ", is_active=False, channel_ids=[9]),
        now=NOW,
    )

    program.refresh_from_db()
    assert (program.name, program.points_name, program.enrollment, program.is_active) == (
        "New name",
        "Stars",
        "on_request",
        False,
    )
    assert program.updated_at == NOW
    current = program.channels.filter(valid_until=None)
    assert list(current.values_list("channel_id", flat=True)) == [9]
    assert not program.periods.filter(valid_until=None).exists()


def test_all_rates_can_be_set_again_after_none_was_open(db):
    program = make_program()
    program.rates.all().delete()

    update_program(program_id=program.pk, changes=ProgramChanges(rates=[rate("EUR")]), now=NOW)

    assert program.rates.get().price_basis == "net"


def test_an_unknown_programme_is_refused(db):
    with pytest.raises(ProgramNotFound):
        update_program(program_id=404, changes=ProgramChanges(name="x"), now=NOW)


def test_a_new_programme_needs_a_name(db):
    with pytest.raises(ProgramInvalid):
        create_program(changes=ProgramChanges(rates=[rate("EUR")]), now=NOW)


def test_terms_are_found_by_channel_in_a_bounded_number_of_queries(db, django_assert_num_queries):
    programs = [make_program(name=f"P{n}", channel_ids=[n]) for n in range(1, 4)]

    with django_assert_num_queries(5):
        index = load_terms(channel_ids=[1, 2, 3])

    served = [index.serving(channel_id=n, moment=NOW).program_id for n in (1, 2, 3)]
    assert served == [one.pk for one in programs]
    assert index.serving(channel_id=1, moment=START - timedelta(seconds=1)) is None
    assert earliest_rate_at() == START


def test_the_database_allows_one_open_rate_a_currency(db):
    program = make_program()
    rate_row = program.rates.first()
    rate_row.pk = None

    with (
        pytest.raises(IntegrityError, match="loyalty_rate_one_open_per_currency"),
        transaction.atomic(),
    ):
        rate_row.save()


def test_models_name_themselves(db):
    program = make_program()

    assert str(program) == "Aurora Club"
    assert str(program.channels.get()) == f"channel 7 of programme {program.pk}"
    assert str(program.periods.get()) == f"programme {program.pk} on from {START}"
    assert str(program.rates.get(currency="EUR")).startswith("10.0000 points per EUR")


def test_what_a_programme_was_is_remembered(db):
    program = make_program()
    changes = (
        (START + timedelta(days=10), ProgramChanges(is_active=False)),
        (START + timedelta(days=20), ProgramChanges(is_active=True, channel_ids=[8])),
        (START + timedelta(days=30), ProgramChanges(enrollment=Enrollment.ON_REQUEST)),
    )
    for now, change in changes:
        update_program(program_id=program.pk, changes=change, now=now)

    index = load_terms(channel_ids=[7, 8])
    served = {
        (day, channel): index.serving(channel_id=channel, moment=START + timedelta(days=day))
        for day in (5, 15, 25, 35)
        for channel in (7, 8)
    }

    assert {key for key, terms in served.items() if terms is not None} == {(5, 7), (25, 8), (35, 8)}
    terms = index.by_program[program.pk]
    assert terms.enrollment_at(START + timedelta(days=25)) is Enrollment.AUTOMATIC
    assert terms.enrollment_at(START + timedelta(days=35)) is Enrollment.ON_REQUEST
    assert longest_guest_order_days() == 30


def test_a_clock_that_is_behind_does_not_end_a_version_before_it_began(db):
    program = make_program(now=NOW)

    update_program(
        program_id=program.pk,
        changes=ProgramChanges(rates=[rate("EUR", "20")], is_active=False, channel_ids=[]),
        now=NOW - timedelta(seconds=5),
    )

    assert set(program.rates.values_list("valid_from", flat=True)) == {NOW}
