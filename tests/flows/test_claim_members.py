import io
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, models

from saleor_loyalty.flows.claim_members import claim_members
from saleor_loyalty.flows.import_balances import import_balances
from saleor_loyalty.flows.merge_members import merge_members
from saleor_loyalty.members.models import Member
from saleor_loyalty.members.operations import Membership, enroll
from saleor_loyalty.members.rules import JoinedBy
from saleor_loyalty.points.models import Balance, Entry
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.postings import Authorize
from saleor_loyalty.points.queries import purses_of
from saleor_loyalty.points.rules import Purse, Reason
from saleor_loyalty.tiers.models import TierStanding
from tests.factories import NOW, make_member, make_posting, make_program, make_user
from tests.threads import in_threads
from tests.tiers.ladders import make_tier

ADA = "ada@example.com"


@pytest.fixture
def program(db):
    return make_program()


def imported(program, email=ADA, points=100):
    member = Member.objects.create(
        program=program, email=email, joined_at=NOW - timedelta(days=400), joined_by="import"
    )
    post(postings=[make_posting(member, points, key=f"opening:{email}")], now=NOW)
    return member


@pytest.fixture
def is_confirmed(db):
    """Users with Saleor's field of that name, in the database too, for the time of a test."""
    user = get_user_model()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE auth_user ADD COLUMN is_confirmed boolean DEFAULT false")
    user.add_to_class("is_confirmed", models.BooleanField(default=False))
    yield
    user._meta.local_fields.remove(user._meta.get_field("is_confirmed"))
    user._meta._expire_cache()
    del user.is_confirmed


def test_an_imported_member_gets_the_account_with_its_address(program):
    member = imported(program)
    nobody = imported(program, "nobody@example.com")
    user = make_user(ADA)

    claimed = claim_members(NOW)

    member.refresh_from_db()
    nobody.refresh_from_db()
    assert claimed == 1
    assert (member.user, member.email) == (user, "")
    assert (nobody.user, nobody.email) == (None, "nobody@example.com")
    assert purses_of(member_ids=[member.pk])[member.pk] == Purse(available=100)
    assert Entry.objects.count() == 2


def test_the_case_of_an_accounts_address_does_not_matter(program):
    member = imported(program)
    make_user("Ada@Example.COM")

    assert claim_members(NOW) == 1
    assert Member.objects.get().pk == member.pk


def test_a_repeat_claims_nothing(program):
    imported(program)
    make_user(ADA)
    claim_members(NOW)

    assert claim_members(NOW) == 0


def test_each_programme_has_its_own_member_of_an_account(program):
    other = make_program(channel_ids=[8])
    imported(program)
    imported(other)
    user = make_user(ADA)

    assert claim_members(NOW) == 2
    assert Member.objects.filter(user=user).count() == 2


def test_an_account_that_is_not_confirmed_gets_nothing_until_it_is(program, is_confirmed):
    member = imported(program)
    stranger = make_user(ADA)

    assert claim_members(NOW) == 0
    member.refresh_from_db()
    assert (member.user, member.email) == (None, ADA)

    stranger.is_confirmed = True
    stranger.save()
    assert claim_members(NOW) == 1
    member.refresh_from_db()
    assert member.user == stranger


def test_an_import_gives_nothing_to_an_account_that_is_not_confirmed(program, is_confirmed):
    stranger = make_user(ADA)
    member_of_stranger = make_member(program, user=stranger)

    import_balances(
        program_id=program.pk,
        file=io.BytesIO(b"email,points,earned_on\nada@example.com,100,2025-03-01\n"),
        now=NOW,
        is_applied=True,
        on_error=lambda _: None,
        on_progress=lambda *_: None,
    )

    unclaimed = Member.objects.exclude(pk=member_of_stranger.pk).get()
    assert (unclaimed.user, unclaimed.email) == (None, ADA)
    assert Balance.objects.get().member == unclaimed


def test_an_account_that_is_not_active_gets_nothing(program):
    member = imported(program)
    user = make_user(ADA)
    user.is_active = False
    user.save()

    assert claim_members(NOW) == 0
    member.refresh_from_db()
    assert member.user is None


def test_an_address_of_two_accounts_is_nobodys(program):
    imported(program)
    make_user(ADA)
    make_user("ADA@example.com")

    assert claim_members(NOW) == 0


def test_who_is_a_member_already_gets_what_was_imported(program):
    member = imported(program)
    Member.objects.filter(pk=member.pk).update(external_id="C-1")
    mine = make_member(program, user=make_user(ADA))
    post(postings=[make_posting(mine, 5)], now=NOW)

    assert claim_members(NOW) == 1

    member.refresh_from_db()
    mine.refresh_from_db()
    assert (member.merged_into, member.user, member.email) == (mine, None, "")
    assert mine.joined_at == NOW - timedelta(days=400)
    assert purses_of(member_ids=[member.pk, mine.pk]) == {
        member.pk: Purse(),
        mine.pk: Purse(available=105),
    }
    assert claim_members(NOW) == 0


def test_where_the_accounts_membership_was_merged_the_other_one_gets_it(program):
    imported(program)
    mine = make_member(program, user=make_user(ADA))
    other = make_member(program)
    merge_members(member_id=mine.pk, into_id=other.pk, actor="user:1", now=NOW)

    assert claim_members(NOW) == 1
    assert purses_of(member_ids=[other.pk])[other.pk] == Purse(available=100)


def test_what_cannot_be_merged_yet_stays_and_is_claimed_later(program):
    member = imported(program)
    make_member(program, user=make_user(ADA))
    hold = Authorize(
        program_id=program.pk,
        member_id=member.pk,
        key="hold",
        points=1,
        reason=Reason.HELD,
        effective_at=NOW,
    )
    post(postings=[hold], now=NOW)

    assert claim_members(NOW) == 0

    member.refresh_from_db()
    assert (member.merged_into, member.email) == (None, ADA)


def test_nobody_to_claim_takes_one_query(program, django_assert_num_queries):
    make_user(ADA)

    with django_assert_num_queries(1):
        assert claim_members(NOW) == 0


@pytest.mark.django_db(transaction=True)
def test_joining_and_being_claimed_at_the_same_instant_ends_in_one_member():
    program = make_program()
    users = [make_user(f"u{n}@example.com") for n in range(20)]
    for user in users:
        imported(program, user.email, 10)

    def work(number):
        if number % 2:
            return claim_members(NOW)
        for user in users:
            enroll(joined={Membership(program.pk, user.pk): NOW}, by=JoinedBy.CUSTOMER)
        return None

    results = in_threads(4, work)
    claim_members(NOW)

    assert [result for result in results if isinstance(result, Exception)] == []
    for user in users:
        member = Member.objects.get(user=user)
        assert purses_of(member_ids=[member.pk])[member.pk] == Purse(available=10)
    assert not Member.objects.exclude(email="").exists()


def test_whoever_finds_their_account_has_their_tier_published_in_it(program):
    member = imported(program)
    tier = make_tier(program, "Silver", 1000)
    TierStanding.objects.create(
        member=member, program=program, tier=tier, since=NOW, is_published=True
    )
    make_user(ADA)

    claim_members(NOW)

    assert TierStanding.objects.get().is_published is False
