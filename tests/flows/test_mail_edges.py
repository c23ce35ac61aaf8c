"""Mails where something is odd: merged, deleted and imported members, forms that are off, many orders at once."""

from datetime import timedelta
from functools import partial

import pytest

from saleor_loyalty.emails.models import EmailAddressFailure, EmailMessage
from saleor_loyalty.emails.operations import EmailForgotten, forget_old, note_address_failure
from saleor_loyalty.emails.rendering import ShopIdentity, render
from saleor_loyalty.emails.rules import Drop, EmailKind, Go, Why
from saleor_loyalty.flows import join_program as joining
from saleor_loyalty.flows.forget_accounts import forget_accounts
from saleor_loyalty.flows.mail_addresses import AddressInvalid, report_bounce, send_mail_again
from saleor_loyalty.flows.mail_approval import Person
from saleor_loyalty.flows.member_mails import tell_of_matured_points
from saleor_loyalty.flows.merge_members import merge_members
from saleor_loyalty.flows.order_mails import tell_of_orders
from saleor_loyalty.flows.review_tiers import review_all_tiers
from saleor_loyalty.flows.settle_orders import settle as settle_facts
from saleor_loyalty.mailings.models import Consent, PersonalDay
from saleor_loyalty.mailings.operations import DayInput, change_kind, set_personal_days
from saleor_loyalty.mailings.queries import choices_of
from saleor_loyalty.mailings.rules import DayKind, KindTerms, PersonalDayInvalid
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.postings import GiveBack
from saleor_loyalty.points.rules import LotTerms, Reason
from saleor_loyalty.points.sweeps import mature_due
from saleor_loyalty.points.transfers import MoveDebt
from tests.factories import (
    CHANNEL,
    NOW,
    make_member,
    make_order,
    make_posting,
    make_program,
    make_user,
)
from tests.flows.test_mail_approval import choose, decide, mail, people
from tests.flows.test_member_mails import buy, kinds, switch_off
from tests.flows.test_reward_activities import add
from tests.flows.test_settle_orders import Orders
from tests.tiers.ladders import make_ladder, make_tier

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SHOP = ShopIdentity(name="Aurora")


@pytest.fixture
def orders():
    return Orders()


@pytest.fixture
def program(db):
    return make_program(time_zone="Europe/Zagreb")


@pytest.fixture
def ada(db):
    return make_user()


@pytest.fixture
def member(program, ada):
    return make_member(program, user=ada)


@pytest.fixture
def other(program):
    return make_member(program, user=make_user("b@example.com"))


def merge(one, into):
    merge_members(member_id=one.pk, into_id=into.pk, actor="user:1", now=NOW)


def day(name="Mia", month=1, on=1):
    return DayInput(kind=DayKind.OTHER, name=name, month=month, day=on)


def mature(at):
    mature_due(now=at, then=partial(tell_of_matured_points, now=at))


def pend(member, points, at, key=None):
    lot = LotTerms(is_pending=True, matures_at=at)
    post(postings=[make_posting(member, points, key=key or f"p{points}", lot=lot)], now=NOW)


@pytest.mark.parametrize("end", ["deleted", "switched off"])
def test_whose_account_is_gone_gets_no_mail_about_an_order_either(member, ada, end):
    mail(member, EmailKind.THANK_YOU, recipient="ada@example.com")
    if end == "deleted":
        ada.delete()
    else:
        ada.is_active = False
        ada.save()

    assert decide() == [Drop(why=Why.NO_ADDRESS)]


def test_a_stop_by_an_old_link_of_a_merged_member_counts(member, other):
    choose(other, accepts_marketing=True)
    merge(member, other)

    choose(member, accepts_marketing=False)

    assert not choices_of(member_ids=[other.pk])[other.pk].accepts_marketing


def test_what_a_merged_member_agreed_to_comes_with_its_proof(member, other):
    choose(member, accepts_marketing=True, language_code="hr", time_zone="Europe/Oslo")
    choose(other, stopped=[EmailKind.WELCOME])

    merge(member, other)

    chosen = choices_of(member_ids=[other.pk])[other.pk]
    assert (chosen.accepts_marketing, chosen.language_code) == (True, "hr")
    assert (chosen.time_zone, chosen.stopped) == ("Europe/Oslo", {EmailKind.WELCOME})
    proof = Consent.objects.get(member=other)
    assert (proof.is_given, proof.source, proof.actor) == (True, "storefront", "user:1")


def test_a_day_that_both_told_of_is_one(member, other):
    set_personal_days(member_id=member.pk, days=[day(), day("Eva", 2, 29)], now=NOW)
    set_personal_days(member_id=other.pk, days=[day()], now=NOW)

    merge(member, other)

    assert list(PersonalDay.objects.values_list("member", "slot", "name")) == [
        (other.pk, 1, "Mia"),
        (other.pk, 2, "Eva"),
    ]


@pytest.mark.parametrize(
    "terms",
    [KindTerms(is_on=False), KindTerms(is_on=True, channel_ids=(999,))],
    ids=["switched off", "for others"],
)
def test_where_a_special_form_may_not_go_the_plain_one_does(program, member, terms):
    mail(member, EmailKind.THANK_YOU_FIRST, recipient="ada@example.com")
    change_kind(program_id=program.pk, kind=EmailKind.THANK_YOU_FIRST, terms=terms, now=NOW)

    (verdict,) = decide()

    assert isinstance(verdict, Go)
    assert EmailMessage.objects.get().kind == "thank_you"


def test_a_tier_is_told_of_where_no_thanks_do_it(program, ada, orders):
    make_ladder(program)
    switch_off(program, EmailKind.THANK_YOU_TIER)

    buy(orders, ada, earlier_orders=4)

    assert sorted(kinds()) == ["thank_you", "tier_reached"]


def test_two_orders_at_once_congratulate_once_on_the_later_one(program, ada):
    make_ladder(program)
    facts = [
        make_order(
            f"o{number}",
            user_id=ada.pk,
            earlier_orders=4 + number,
            placed_at=NOW - timedelta(hours=2 - number),
        )
        for number in (0, 1)
    ]

    settle_facts(facts=facts, now=NOW)

    found = dict(EmailMessage.objects.values_list("order_id", "kind"))
    assert found == {"o0": "thank_you", "o1": "thank_you_tier"}


def test_a_welcome_survives_that_rewarding_it_failed(program, ada, monkeypatch):
    def broken(**_):
        raise ConnectionError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(joining, "reward_sign_ups", broken)
        with pytest.raises(ConnectionError):
            joining.join_program(user_id=ada.pk, channel_id=CHANNEL, now=NOW)
    joining.join_program(user_id=ada.pk, channel_id=CHANNEL, now=NOW + HOUR)

    assert kinds() == ["welcome"]


def test_joining_with_points_that_bring_a_tier_is_one_mail(program, ada):
    make_tier(program, "Silver", 20)
    add(program, trigger="sign_up")

    joining.join_program(user_id=ada.pk, channel_id=CHANNEL, now=NOW)

    assert kinds() == ["welcome"]
    assert EmailMessage.objects.get().facts["tier_name"] == {"": "Silver"}


def test_points_that_repay_a_debt_are_not_there_to_be_used(program, member):
    pend(member, 300, NOW + DAY)
    debt = MoveDebt(
        program_id=program.pk,
        member_id=member.pk,
        key="d",
        reason=Reason.MERGED,
        effective_at=NOW,
        points=200,
    )
    post(postings=[debt], now=NOW)

    mature(NOW + DAY)

    assert EmailMessage.objects.get().facts["points_matured"] == 100


def test_points_that_all_repay_a_debt_are_not_told_of(program, member):
    pend(member, 300, NOW + DAY)
    debt = MoveDebt(
        program_id=program.pk,
        member_id=member.pk,
        key="d",
        reason=Reason.MERGED,
        effective_at=NOW,
        points=500,
    )
    post(postings=[debt], now=NOW)

    mature(NOW + DAY)

    assert kinds() == []


def test_points_that_mature_within_the_hour_are_told_of_together(member):
    pend(member, 1, NOW + HOUR)
    pend(member, 1000, NOW + HOUR + timedelta(minutes=30))
    mature(NOW + HOUR)
    mature(NOW + 2 * HOUR)

    message = EmailMessage.objects.get()
    assert message.facts["points_matured"] == message.facts["points_balance"] == 1001
    assert message.due_at == NOW + 2 * HOUR


def test_points_that_mature_after_the_days_mail_are_told_of_the_day_after(member):
    pend(member, 1, NOW)
    mature(NOW)
    EmailMessage.objects.update(status="sent")
    for points, hours in ((1000, 3), (5, 4)):
        pend(member, points, NOW + timedelta(hours=hours))
        mature(NOW + timedelta(hours=hours))

    late = EmailMessage.objects.get(status="queued")
    assert late.facts["points_matured"] == 1005
    assert late.key == f"points_available:{member.pk}:2026-06-16"
    assert late.due_at.isoformat() == "2026-06-16T07:00:00+00:00"


def test_many_lots_that_mature_together_are_one_mail_with_all_of_them(member):
    lot = LotTerms(is_pending=True, matures_at=NOW)
    postings = [make_posting(member, 1, key=f"p{number}", lot=lot) for number in range(501)]
    post(postings=postings, now=NOW)

    mature(NOW)

    assert EmailMessage.objects.get().facts["points_matured"] == 501


def test_the_nightly_look_tells_nobody_of_a_ladder_that_was_not_applied_yet(program, ada, orders):
    buy(orders, ada)
    make_ladder(program, now=NOW)

    review_all_tiers(now=NOW)

    assert kinds() == ["thank_you_first"]


def test_staff_send_again_what_an_address_had_stopped(member):
    note_address_failure(address="ada@example.com", error="550", now=NOW)
    message = mail(member)
    assert decide() == [Drop(why=Why.ADDRESS_FAILED)]

    send_mail_again(email_id=message.pk, find_people=people, now=NOW)

    (verdict,) = decide()
    assert verdict.recipient == "ada@example.com"


def test_a_mail_to_nobody_in_particular_is_sent_again_to_the_same_address(db):
    message = mail(None, EmailKind.THANK_YOU, recipient="guest@example.com")
    decide()
    EmailMessage.objects.update(status="sent")

    send_mail_again(email_id=message.pk, find_people=people, now=NOW)

    assert decide()[0].recipient == "guest@example.com"


def test_a_mail_of_before_can_still_be_rendered(program, ada, orders):
    buy(orders, ada)
    facts = EmailMessage.objects.get().facts
    for name in ("benefits", "order_count", "tier_name", "tier_percent", "missing"):
        facts.pop(name, None)
    for line in facts["lines"]:
        del line["product_id"]

    rendered = render(
        kind=EmailKind.THANK_YOU,
        language_code="en",
        facts=facts,
        shop=SHOP,
        pictures={"1": "https://x"},
    )

    assert "Monkey mug" in rendered.text


def test_an_address_that_failed_is_forgotten_with_its_account(member, ada):
    mail(member)
    decide()
    EmailMessage.objects.update(status="failed")
    note_address_failure(address="ada@example.com", error="550 ada@example.com", now=NOW)
    ada.delete()

    forget_accounts(now=NOW)

    assert not EmailAddressFailure.objects.exists()


def test_what_mails_said_is_forgotten_after_their_time_but_not_what_waits(member):
    for key, status in (("old", "sent"), ("waits", "queued"), ("new", "sent")):
        mail(member, key=key)
        EmailMessage.objects.filter(key=key).update(status=status, recipient="ada@example.com")
    EmailMessage.objects.exclude(key="new").update(created_at=NOW - 500 * DAY)

    forgotten = [forget_old(before=NOW - 400 * DAY) for _ in range(2)]

    assert forgotten == [1, 0]
    kept = {one.key: bool(one.facts) for one in EmailMessage.objects.all()}
    assert kept == {"old": False, "waits": True, "new": True}


@pytest.mark.parametrize("name", ["You won! www.evil.com", "see https://evil.example", "a@b.hr"])
def test_a_day_cannot_be_named_like_a_page(member, name):
    with pytest.raises(PersonalDayInvalid):
        set_personal_days(member_id=member.pk, days=[day(name)], now=NOW)

    assert not PersonalDay.objects.exists()


def test_of_whom_no_language_is_known_the_shops_is_used(program):
    Member.objects.create(
        program=program, email="old@example.com", joined_at=NOW, joined_by="import"
    )
    mail(Member.objects.get())

    assert decide(language_code="hr")[0].language_code == "hr"


def test_marketing_goes_to_confirmed_accounts_alone(member):
    choose(member, accepts_marketing=True)
    change_kind(
        program_id=member.program_id,
        kind=EmailKind.WIN_BACK,
        terms=KindTerms(is_on=True),
        now=NOW,
    )
    mail(member, EmailKind.WIN_BACK)
    mail(member)

    def unconfirmed(user_ids):
        return {pk: Person(email="ada@example.com", is_confirmed=False) for pk in user_ids}

    verdicts = decide(find_people=unconfirmed)

    assert verdicts[0] == Drop(why=Why.NOT_CONFIRMED)
    assert isinstance(verdicts[1], Go)


def test_each_step_of_giving_points_back_is_explained(program, ada, orders, monkeypatch):
    seen = []

    def remember(settlements, **values):
        seen.append((settlements, values))
        return tell_of_orders(settlements, **values)

    monkeypatch.setattr("saleor_loyalty.flows.settle_orders.tell_of_orders", remember)
    for _ in range(2):
        buy(orders, ada, earlier_orders=4)
    settlements, values = seen[-1]
    member_id = next(iter(values["member_ids"].values()))
    for key in ("one", "two", "two"):
        give = GiveBack(
            program_id=program.pk,
            member_id=member_id,
            key=key,
            reason=Reason.RETURNED,
            effective_at=NOW,
            hold_key="h",
            points=100,
            order_id="order-1",
        )
        tell_of_orders(settlements, **{**values, "postings": [give, give], "changes": []})

    mails = EmailMessage.objects.filter(kind="refund_explained")
    assert [one.facts["points_given_back"] for one in mails] == [200, 200]


def report(address, **values):
    return report_bounce(
        address=address,
        **{
            "is_complaint": False,
            "find_accounts": lambda emails: [],
            "actor": "app:1",
            "now": NOW,
            **values,
        },
    )


def test_a_bounce_that_a_mail_service_reports_stops_mails_to_the_address(member):
    assert report(" Ada@Example.com ") == 0
    mail(member)

    assert decide() == [Drop(why=Why.ADDRESS_FAILED)]


def test_a_complaint_takes_the_consent_back(member, ada):
    choose(member, accepts_marketing=True)

    found = [
        report("ada@example.com", is_complaint=True, find_accounts=lambda _: [ada.pk])
        for _ in range(2)
    ]

    assert found == [1, 1]
    assert not choices_of(member_ids=[member.pk])[member.pk].accepts_marketing
    last = Consent.objects.first()
    assert (last.is_given, last.source, last.actor) == (False, "complaint", "app:1")
    assert Consent.objects.count() == 2


def test_what_is_no_address_is_no_bounce(db):
    with pytest.raises(AddressInvalid):
        report("nobody")

    assert not EmailAddressFailure.objects.exists()


def test_an_orders_mail_is_sent_again_to_the_present_address(member, ada):
    message = mail(member, EmailKind.THANK_YOU, recipient="typo@example.com", order_id="o1")
    decide()
    EmailMessage.objects.update(status="failed")
    note_address_failure(address="typo@example.com", error="550", now=NOW)

    send_mail_again(email_id=message.pk, find_people=people, now=NOW)

    assert decide()[0].recipient == "ada@example.com"


def test_an_address_that_is_not_the_accounts_gets_no_link_to_the_members_page(member):
    mail(member, EmailKind.THANK_YOU, recipient="work@example.com", key="a")
    mail(member, EmailKind.THANK_YOU, recipient="ADA@example.com", key="b")

    assert [bool(one.preferences_url) for one in decide()] == [False, True]


def test_a_mail_that_was_forgotten_is_not_sent_again(member):
    message = mail(member)
    EmailMessage.objects.update(status="sent", facts={})

    with pytest.raises(EmailForgotten):
        send_mail_again(email_id=message.pk, find_people=people, now=NOW)

    assert EmailMessage.objects.count() == 1


def test_an_address_that_is_too_long_is_no_bounce(db):
    with pytest.raises(AddressInvalid):
        report(f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.com")

    assert not EmailAddressFailure.objects.exists()
