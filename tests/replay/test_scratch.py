import pytest
from django.db import DatabaseError, connection

from saleor_loyalty.members.models import Member
from saleor_loyalty.points.models import Entry
from saleor_loyalty.replay.scratch import FIRST_PROGRAM_ID, Scratch, ScratchRefused, scratch
from tests.factories import make_member
from tests.replay.conftest import scratch_schemas


def test_in_the_scratch_schema_the_tables_are_empty_and_their_numbers_their_own(live):
    with scratch() as place, place.transaction():
        member = make_member()

        assert (member.pk, member.program_id) == (1, FIRST_PROGRAM_ID)
        assert Entry.objects.count() == 0


def test_the_path_holds_for_a_transaction_alone(live):
    with scratch() as place:
        with place.transaction():
            assert Member.objects.count() == 0
        assert Member.objects.count() == 1
        connection.close()
        with place.transaction():
            assert Member.objects.count() == 0


def test_tables_of_the_shop_cannot_be_reached_from_there(live):
    with scratch() as place, pytest.raises(DatabaseError, match="auth_user"), place.transaction():
        connection.cursor().execute("SELECT * FROM auth_user")


@pytest.mark.parametrize("stopped_by", [KeyboardInterrupt, ValueError, SystemExit])
def test_the_schema_goes_however_the_work_ends(live, stopped_by):
    def work():
        with scratch() as place, place.transaction():
            make_member()
            assert len(scratch_schemas()) == 1
            raise stopped_by

    with pytest.raises(stopped_by):
        work()

    assert scratch_schemas() == []


def test_the_schema_goes_when_the_connection_broke(live):
    with pytest.raises(DatabaseError), scratch() as place, place.transaction():
        connection.cursor().execute("SELECT pg_terminate_backend(pg_backend_pid())")

    assert scratch_schemas() == []


def test_two_replays_do_not_meet(live):
    with scratch() as one, scratch() as two:
        with one.transaction():
            make_member()
        with two.transaction():
            assert Member.objects.count() == 0


def test_who_may_not_create_a_schema_is_told(live):
    with connection.cursor() as cursor:
        cursor.execute("DROP ROLE IF EXISTS loyalty_reader")
        cursor.execute("CREATE ROLE loyalty_reader")
        cursor.execute("SET SESSION AUTHORIZATION loyalty_reader")

    try:
        with pytest.raises(ScratchRefused), scratch():
            pass
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET SESSION AUTHORIZATION")
            cursor.execute("DROP ROLE loyalty_reader")


def test_the_planner_learns_of_the_scratch_tables_alone(live):
    with scratch() as place:
        with place.transaction():
            make_member()
        place.analyze()

        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT reltuples FROM pg_class WHERE oid = %s::regclass",
                [f"{place.schema}.saleor_loyalty_member"],
            )
            assert cursor.fetchone() == (1,)
    assert isinstance(place, Scratch)
