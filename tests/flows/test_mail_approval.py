"""Which mails may leave: switches, targets, choices, consent, quiet hours, the week, addresses."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from saleor_loyalty.emails.links import LinkPurpose, read
from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.operations import (
    claim_emails,
    note_address_failure,
    note_verdicts,
    queue_emails,
)
from saleor_loyalty.emails.rules import Drop, EmailKind, EmailRequest, Go, Transport, Wait, Why
from saleor_loyalty.emails.samples import SAMPLES
from saleor_loyalty.flows.mail_approval import LinkMaker, Person, approve
from saleor_loyalty.flows.merge_members import merge_members
from saleor_loyalty.mailings.operations import (
    MailingChanges,
    PreferenceChanges,
    change_kind,
    change_mailing,
    change_preferences,
)
from saleor_loyalty.mailings.rules import ConsentSource, KindTerms
from saleor_loyalty.tiers.models import TierStanding
from tests.factories import CHANNEL, NOW, make_member, make_program, make_user
from tests.threads import in_threads
from tests.tiers.ladders import make_ladder

LINKS = LinkMaker(base="https://shop.example/plugins/saleor.loyalty/")
MARKETING_ON = KindTerms(is_on=True)


@pytest.fixture
def program(db):
    program = make_program(time_zone="Europe/Zagreb")
    change_kind(program_id=program.pk, kind=EmailKind.WIN_BACK, terms=MARKETING_ON, now=NOW)
    change_kind(program_id=program.pk, kind=EmailKind.BIRTHDAY, terms=MARKETING_ON, now=NOW)
    return program


@pytest.fixture
def ada(program):
    return make_member(program, user=make_user())


@pytest.fixture
def agreed(ada):
    choose(ada, accepts_marketing=True)
    return ada


def choose(member, **changes):
    change_preferences(
        member_id=member.pk,
        changes=PreferenceChanges(**changes),
        source=ConsentSource.STOREFRONT,
        now=NOW,
    )


def people(user_ids):
    """Everybody who has an account, with names and a language."""
    from django.contrib.auth import get_user_model

    users = get_user_model().objects.filter(pk__in=user_ids, is_active=True)
    return {
        user.pk: Person(email=user.email, first_name=user.first_name, language_code="hr")
        for user in users
    }


def mail(member, kind=EmailKind.POINTS_AVAILABLE, key=None, **values):
    key = key or f"{kind}:{EmailMessage.objects.count()}"
    request = EmailRequest(
        key=key,
        kind=kind,
        member_id=member.pk if member else None,
        program_id=member.program_id if member else None,
        facts=SAMPLES[kind],
        **{"channel_id": CHANNEL, **values},
    )
    queue_emails(requests=[request], now=NOW)
    return EmailMessage.objects.get(key=key)


def decide(now=NOW, **values):
    """Claim all that is due, decide of it and note that; return the verdicts in order."""
    messages = claim_emails(limit=100, now=now)
    with transaction.atomic():
        verdicts = approve(messages, now, **{"find_people": people, "links": LINKS, **values})
        note_verdicts(messages=messages, verdicts=verdicts, now=now)
    return [verdicts[message.pk] for message in sorted(messages, key=lambda one: one.pk)]


def set_kind(program, kind=EmailKind.POINTS_AVAILABLE, **terms):
    change_kind(
        program_id=program.pk, kind=kind, terms=KindTerms(**{"is_on": True, **terms}), now=NOW
    )


def test_a_mail_goes_to_the_members_address_and_language_as_they_are_now(ada):
    mail(ada)

    (verdict,) = decide()

    assert isinstance(verdict, Go)
    assert (verdict.recipient, verdict.language_code) == ("ada@example.com", "hr")
    assert (verdict.first_name, verdict.transport) == ("Ada", Transport.EMAIL)
    row = EmailMessage.objects.get()
    assert (row.recipient, row.language_code, row.approved_at) == ("ada@example.com", "hr", NOW)


def test_a_mail_about_an_order_goes_to_the_orders_address_in_its_language(ada):
    mail(ada, EmailKind.THANK_YOU, recipient="work@example.com", language_code="nb")

    (verdict,) = decide()

    assert (verdict.recipient, verdict.language_code) == ("work@example.com", "nb")


def test_the_language_that_a_member_chose_comes_first(ada):
    choose(ada, language_code="nb")
    mail(ada, EmailKind.THANK_YOU, recipient="work@example.com", language_code="en")

    assert decide()[0].language_code == "nb"


def test_a_kind_that_is_switched_off_meanwhile_stays_here(ada, program):
    mail(ada)
    set_kind(program, is_on=False)

    assert decide() == [Drop(why=Why.SWITCHED_OFF)]
    row = EmailMessage.objects.get()
    assert (row.status, row.why) == ("suppressed", "switched_off")


def test_a_kind_that_a_member_stopped_stays_here_in_all_its_forms(ada):
    choose(ada, stopped=[EmailKind.THANK_YOU, EmailKind.POINTS_EXPIRING])
    mail(ada, EmailKind.THANK_YOU_TIER, recipient="ada@example.com")
    mail(ada, EmailKind.POINTS_EXPIRING_LAST)
    mail(ada, EmailKind.POINTS_AVAILABLE)

    verdicts = decide()

    assert verdicts[:2] == [Drop(why=Why.OPTED_OUT)] * 2
    assert isinstance(verdicts[2], Go)


def test_marketing_needs_consent_and_service_does_not(ada):
    mail(ada, EmailKind.WIN_BACK)
    mail(ada, EmailKind.POINTS_AVAILABLE)

    verdicts = decide()

    assert verdicts[0] == Drop(why=Why.NO_CONSENT)
    assert isinstance(verdicts[1], Go)


def test_consent_that_was_taken_back_stops_what_is_queued(agreed):
    mail(agreed, EmailKind.WIN_BACK)
    choose(agreed, accepts_marketing=False)

    assert decide() == [Drop(why=Why.NO_CONSENT)]


def test_only_marketing_has_a_link_that_stops_it_and_all_mails_one_to_choose(agreed):
    mail(agreed, EmailKind.WIN_BACK)
    mail(agreed)

    marketing, service = decide()

    token = marketing.unsubscribe_url.removeprefix(f"{LINKS.base}unsubscribe/")
    link = read(token, purpose=LinkPurpose.UNSUBSCRIBE)
    assert (link.member_id, link.kind) == (agreed.pk, EmailKind.WIN_BACK)
    token = service.preferences_url.removeprefix(f"{LINKS.base}preferences/")
    assert read(token, purpose=LinkPurpose.PREFERENCES).member_id == agreed.pk
    assert service.unsubscribe_url == ""


@pytest.mark.parametrize(
    ("terms", "is_told"),
    [
        ({"channel_ids": (CHANNEL,)}, True),
        ({"channel_ids": (8,)}, False),
        ({"language_codes": ("hr",)}, True),
        ({"language_codes": ("HR", "nb")}, True),
        ({"language_codes": ("nb",)}, False),
        ({"tier_ids": (999_999,)}, False),
    ],
)
def test_a_kind_can_be_for_some_alone(ada, program, terms, is_told):
    mail(ada)
    set_kind(program, **terms)

    (verdict,) = decide()

    assert isinstance(verdict, Go) if is_told else verdict == Drop(why=Why.NOT_TARGETED)


def test_a_kind_can_be_for_a_tier(ada, program):
    silver, gold = make_ladder(program)
    TierStanding.objects.create(member=ada, program=program, tier=gold, since=NOW)
    mail(ada, key="gold")
    set_kind(program, tier_ids=(gold.pk,))
    assert isinstance(decide()[0], Go)

    mail(ada, key="silver")
    set_kind(program, tier_ids=(silver.pk,))
    assert decide() == [Drop(why=Why.NOT_TARGETED)]


def test_whose_account_is_gone_or_off_gets_nothing(ada):
    ada.user.is_active = False
    ada.user.save()
    mail(ada)

    assert decide() == [Drop(why=Why.NO_ADDRESS)]


def test_a_member_who_is_not_there_gets_nothing_even_at_a_known_address(ada):
    message = mail(ada, recipient="ada@example.com")
    EmailMessage.objects.filter(pk=message.pk).update(member_id=999_999)

    assert decide() == [Drop(why=Why.NO_ADDRESS)]


def test_an_imported_member_is_written_to_by_address(program):
    member = make_member(program)
    member.email = "old@example.com"
    member.save()
    mail(member)

    (verdict,) = decide()

    assert (verdict.recipient, verdict.language_code) == ("old@example.com", "en")


def test_nothing_goes_to_an_address_that_failed_for_good(ada):
    note_address_failure(address="ADA@example.com", error="550 no such user", now=NOW)
    mail(ada)

    assert decide() == [Drop(why=Why.ADDRESS_FAILED)]


@pytest.mark.parametrize(
    ("at", "until"),
    [
        (datetime(2026, 6, 15, 18, 59, tzinfo=UTC), None),  # 20:59 in Zagreb
        (datetime(2026, 6, 15, 19, 0, tzinfo=UTC), datetime(2026, 6, 16, 6, 0, tzinfo=UTC)),
        (datetime(2026, 6, 16, 5, 59, tzinfo=UTC), datetime(2026, 6, 16, 6, 0, tzinfo=UTC)),
        (datetime(2026, 6, 16, 6, 0, tzinfo=UTC), None),
        # The night in which clocks go back: 8 o'clock is 7 UTC from then on.
        (datetime(2026, 10, 24, 20, 0, tzinfo=UTC), datetime(2026, 10, 25, 7, 0, tzinfo=UTC)),
    ],
)
def test_marketing_waits_for_the_morning_of_the_programmes_zone(agreed, at, until):
    mail(agreed, EmailKind.WIN_BACK)

    (verdict,) = decide(now=at)

    if until is None:
        assert isinstance(verdict, Go)
    else:
        assert verdict == Wait(until=until, why=Why.QUIET_HOURS)
        row = EmailMessage.objects.get()
        assert (row.status, row.due_at, row.why) == ("queued", until, "quiet_hours")


def test_the_night_is_that_of_the_members_own_zone_if_they_told_it(agreed):
    choose(agreed, time_zone="America/Los_Angeles")
    mail(agreed, EmailKind.WIN_BACK)

    (verdict,) = decide(now=datetime(2026, 6, 15, 12, 0, tzinfo=UTC))  # 5:00 there

    assert verdict == Wait(until=datetime(2026, 6, 15, 15, 0, tzinfo=UTC), why=Why.QUIET_HOURS)


def test_service_mails_know_no_night(ada):
    mail(ada, EmailKind.POINTS_AVAILABLE)

    assert isinstance(decide(now=datetime(2026, 6, 15, 23, 0, tzinfo=UTC))[0], Go)


def test_a_week_has_room_for_so_many_and_the_rest_waits_for_the_oldest_to_leave_it(agreed):
    for number in range(4):
        mail(agreed, EmailKind.WIN_BACK, key=f"m{number}")

    verdicts = decide()

    assert [type(one) for one in verdicts] == [Go, Go, Wait, Wait]
    week = NOW + timedelta(days=7)
    assert verdicts[2] == Wait(until=week + timedelta(minutes=1), why=Why.WEEKLY_LIMIT)
    assert decide(now=week) == []
    assert [type(one) for one in decide(now=week + timedelta(minutes=1))] == [Go, Go]


def test_a_mail_that_failed_leaves_its_place_in_the_week(agreed, program):
    change_mailing(program_id=program.pk, changes=MailingChanges(weekly_limit=1), now=NOW)
    mail(agreed, EmailKind.WIN_BACK, key="first")
    decide()
    EmailMessage.objects.update(status="failed")
    mail(agreed, EmailKind.WIN_BACK, key="second")

    assert isinstance(decide()[0], Go)


def test_a_limit_of_none_a_week_lets_no_marketing_out(agreed, program):
    change_mailing(program_id=program.pk, changes=MailingChanges(weekly_limit=0), now=NOW)
    mail(agreed, EmailKind.WIN_BACK)

    assert decide()[0].why is Why.WEEKLY_LIMIT


def test_a_mail_to_a_member_who_was_merged_asks_what_the_other_one_chose(ada, program):
    into = make_member(program, user=make_user("countess@example.com"))
    message = mail(ada)
    merge_members(member_id=ada.pk, into_id=into.pk, actor="user:1", now=NOW)
    choose(into, stopped=[EmailKind.POINTS_AVAILABLE])

    assert decide() == [Drop(why=Why.OPTED_OUT)]
    message.refresh_from_db()
    assert message.member_id == into.pk


def test_merging_keeps_every_no(ada, program):
    into = make_member(program, user=make_user("countess@example.com"))
    choose(into, accepts_marketing=True, stopped=[EmailKind.TIER_REACHED])
    choose(ada, accepts_marketing=False, stopped=[EmailKind.WELCOME])
    merge_members(member_id=ada.pk, into_id=into.pk, actor="user:1", now=NOW)
    mail(into, EmailKind.WIN_BACK)

    assert decide() == [Drop(why=Why.NO_CONSENT)]
    into.refresh_from_db()
    assert into.preferences.stopped == ["tier_reached", "welcome"]


def test_a_mail_to_nobody_in_particular_goes_where_its_row_says(db):
    mail(None, EmailKind.THANK_YOU, recipient="guest@example.com", language_code="nb")

    (verdict,) = decide()

    assert (verdict.recipient, verdict.language_code) == ("guest@example.com", "nb")
    assert verdict.preferences_url == ""


def test_deciding_asks_as_often_for_thirty_as_for_one(program):
    def decided(count):
        for number in range(count):
            user = make_user(f"{count}-{number}@example.com")
            member = make_member(program, user=user)
            choose(member, accepts_marketing=True)
            mail(member, EmailKind.WIN_BACK, key=f"{count}-{number}")
        messages = claim_emails(limit=100, now=NOW)
        with transaction.atomic(), CaptureQueriesContext(connection) as queries:
            verdicts = approve(messages, NOW, find_people=people, links=LINKS)
        assert all(isinstance(one, Go) for one in verdicts.values())
        return len(queries)

    assert decided(1) == decided(30)


@pytest.mark.django_db(transaction=True)
def test_two_workers_do_not_both_send_the_last_mail_of_a_week():
    program = make_program()
    change_kind(program_id=program.pk, kind=EmailKind.WIN_BACK, terms=MARKETING_ON, now=NOW)
    change_mailing(program_id=program.pk, changes=MailingChanges(weekly_limit=1), now=NOW)
    member = make_member(program, user=make_user())
    choose(member, accepts_marketing=True)
    for number in range(8):
        mail(member, EmailKind.WIN_BACK, key=f"m{number}")

    def work(_):
        messages = claim_emails(limit=1, now=NOW)
        with transaction.atomic():
            verdicts = approve(messages, NOW, find_people=people, links=LINKS)
            note_verdicts(messages=messages, verdicts=verdicts, now=NOW)
        return [type(one) for one in verdicts.values()]

    found = [one for some in in_threads(8, work) for one in some]

    assert sorted(one.__name__ for one in found) == ["Go"] + ["Wait"] * 7
