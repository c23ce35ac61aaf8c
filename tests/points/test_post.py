import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from saleor_loyalty.points.models import Balance, Entry
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.queries import history_of, purses_of
from saleor_loyalty.points.rules import InsufficientPoints, Purse, Shortfall
from saleor_loyalty.points.writing import IdempotencyConflict
from tests.factories import NOW, make_member, make_posting, make_program
from tests.threads import in_threads


@pytest.fixture
def member(db):
    return make_member()


def test_a_posting_writes_an_entry_and_the_balance(member):
    posted = post(postings=[make_posting(member, 120, note="hello")], now=NOW)

    entry = Entry.objects.get()
    assert (entry.source, entry.target, entry.points) == ("issued", "available", 120)
    assert (entry.signed_points, entry.note, entry.created_at) == (120, "hello", NOW)
    assert posted.new_keys == {"key-1"}
    assert purses_of(member_ids=[member.pk]) == {member.pk: Purse(available=120)}


def test_the_same_key_again_is_a_no_op(member):
    post(postings=[make_posting(member, 120)], now=NOW)

    again = post(postings=[make_posting(member, 120)], now=NOW)

    assert again.new_keys == frozenset()
    assert again.purses == {member.pk: Purse(available=120)}
    assert Entry.objects.count() == 1


def test_the_same_key_twice_in_one_call_posts_once(member):
    post(postings=[make_posting(member, 120), make_posting(member, 120)], now=NOW)

    assert purses_of(member_ids=[member.pk])[member.pk].available == 120


def test_the_same_key_with_other_data_is_an_error_and_writes_nothing(member):
    post(postings=[make_posting(member, 120)], now=NOW)

    with pytest.raises(IdempotencyConflict):
        post(
            postings=[make_posting(member, 5, key="new"), make_posting(member, 121)],
            now=NOW,
        )

    assert Entry.objects.count() == 1
    assert purses_of(member_ids=[member.pk])[member.pk].available == 120


def test_the_same_key_may_be_used_in_another_programme(member):
    other = make_member(make_program(channel_ids=[8]))

    post(postings=[make_posting(member, 1), make_posting(other, 2)], now=NOW)

    assert Entry.objects.count() == 2


def test_one_refused_posting_refuses_all(member):
    with pytest.raises(InsufficientPoints):
        post(postings=[make_posting(member, 10), make_posting(member, -11, key="take")], now=NOW)

    assert Entry.objects.count() == 0
    assert not Balance.objects.filter(available__gt=0).exists()


def test_a_debt_is_repaid_by_the_next_award(member):
    post(postings=[make_posting(member, 40, key="a")], now=NOW)
    post(postings=[make_posting(member, -100, key="b", shortfall=Shortfall.DEBT)], now=NOW)

    post(postings=[make_posting(member, 70, key="c")], now=NOW)

    assert purses_of(member_ids=[member.pk]) == {member.pk: Purse(available=10, debt=0)}
    assert [entry.signed_points for entry in history_of(member_id=member.pk)] == [
        70,
        -40,
        40,
    ]


def test_a_batch_takes_as_many_statements_as_one(member):
    members = [make_member(member.program) for _ in range(50)]
    post(postings=[make_posting(one, 1, key=f"warm-{one.pk}") for one in members], now=NOW)

    with CaptureQueriesContext(connection) as single:
        post(postings=[make_posting(member, 1, key="single")], now=NOW)
    with CaptureQueriesContext(connection) as many:
        post(postings=[make_posting(one, 1, key=f"many-{one.pk}") for one in members], now=NOW)

    assert len(many) == len(single)


def test_nothing_to_post_is_fine(db):
    assert post(postings=[], now=NOW).purses == {}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE saleor_loyalty_entry SET points = 1",
        "DELETE FROM saleor_loyalty_entry",
        "TRUNCATE saleor_loyalty_entry",
    ],
)
def test_the_database_refuses_to_change_entries(statement):
    member = make_member()
    post(postings=[make_posting(member, 120)], now=NOW)

    with (
        pytest.raises(DatabaseError, match="immutable"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert Entry.objects.get().points == 120


def test_the_database_refuses_a_negative_balance(member):
    with (
        pytest.raises(DatabaseError, match="loyalty_balance_not_negative"),
        transaction.atomic(),
    ):
        Balance.objects.create(member=member, available=-1)


@pytest.mark.django_db(transaction=True)
def test_the_same_posting_from_16_threads_happens_once():
    member = make_member()

    results = in_threads(16, lambda _: post(postings=[make_posting(member, 120)], now=NOW))

    assert sum(len(result.new_keys) for result in results) == 1
    assert purses_of(member_ids=[member.pk])[member.pk].available == 120


@pytest.mark.django_db(transaction=True)
def test_32_threads_spend_one_balance_exactly_as_often_as_it_lasts():
    member = make_member()
    post(postings=[make_posting(member, 100, key="give")], now=NOW)

    results = in_threads(
        32, lambda n: post(postings=[make_posting(member, -10, key=f"take-{n}")], now=NOW)
    )

    refused = [result for result in results if isinstance(result, InsufficientPoints)]
    assert len(refused) == 22
    assert purses_of(member_ids=[member.pk])[member.pk] == Purse(available=0)


@pytest.mark.django_db(transaction=True)
def test_crossing_batches_of_members_do_not_deadlock():
    program = make_program()
    first, second = make_member(program), make_member(program)

    def work(number):
        pair = [first, second] if number % 2 else [second, first]
        for turn in range(5):
            post(
                postings=[make_posting(one, 1, key=f"{number}-{turn}-{one.pk}") for one in pair],
                now=NOW,
            )

    results = in_threads(8, work)

    assert results == [None] * 8
    purses = purses_of(member_ids=[first.pk, second.pk])
    assert [purse.available for purse in purses.values()] == [40, 40]


@pytest.mark.django_db(transaction=True)
def test_one_key_for_two_members_at_once_is_a_conflict_for_one_of_them():
    program = make_program()
    members = [make_member(program), make_member(program)]

    results = in_threads(2, lambda n: post(postings=[make_posting(members[n], 5)], now=NOW))

    assert sum(isinstance(result, IdempotencyConflict) for result in results) == 1
    assert Entry.objects.count() == 1
