import pytest

from saleor_loyalty.members.models import Member
from saleor_loyalty.members.operations import Membership, enroll
from saleor_loyalty.members.queries import all_members, members_of
from saleor_loyalty.members.rules import JoinedBy
from tests.factories import NOW, make_program, make_user
from tests.threads import in_threads


@pytest.fixture
def program(db):
    return make_program()


def test_members_are_found_by_words_of_their_address_and_name(program):
    users = [make_user(f"user{n}@example.com") for n in range(3)]
    other = make_program(name="Other", channel_ids=[8])
    joined = {Membership(program.pk, user.pk): NOW for user in users}
    enroll(joined={**joined, Membership(other.pk, users[0].pk): NOW}, by=JoinedBy.CUSTOMER)

    assert all_members().count() == 4
    assert all_members(program_id=other.pk).get().user == users[0]
    assert all_members(search="USER2").get().user == users[2]
    assert all_members(search="ada user1@").get().user == users[1]
    assert not all_members(search="nobody").exists()


def test_members_are_found_by_programme_and_user_in_one_query(program, django_assert_num_queries):
    users = [make_user(f"user{n}@example.com") for n in range(3)]
    enroll(joined={Membership(program.pk, user.pk): NOW for user in users}, by=JoinedBy.ORDER)

    with django_assert_num_queries(1):
        found = members_of(user_ids=[user.pk for user in users])

    assert set(found) == {(program.pk, user.pk) for user in users}


@pytest.mark.django_db(transaction=True)
def test_joining_from_8_threads_makes_one_member():
    program, user = make_program(), make_user()
    membership = Membership(program.pk, user.pk)

    results = in_threads(8, lambda _: enroll(joined={membership: NOW}, by=JoinedBy.CUSTOMER))

    assert Member.objects.count() == 1
    assert {result[membership].pk for result in results} == {Member.objects.get().pk}
