"""The mails that happenings cause: joining, orders, refunds, tiers, rewards, points that mature."""

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest

from saleor_loyalty.emails.kinds import KINDS
from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.rendering import ShopIdentity, render
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.flows.assign_tier import assign_tier
from saleor_loyalty.flows.forget_accounts import forget_accounts
from saleor_loyalty.flows.join_program import join_program
from saleor_loyalty.flows.keep_rewards import issue_redemptions
from saleor_loyalty.flows.member_mails import tell_of_matured_points
from saleor_loyalty.flows.release_points import release_points
from saleor_loyalty.flows.review_tiers import (
    apply_changed_ladders,
    review_all_tiers,
    review_due_tiers,
)
from saleor_loyalty.mailings.models import MemberPreferences, PersonalDay
from saleor_loyalty.mailings.operations import (
    DayInput,
    MailingChanges,
    change_kind,
    change_mailing,
    set_personal_days,
)
from saleor_loyalty.mailings.rules import DayKind, KindTerms
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.facts import OrderState
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.rules import LotTerms
from saleor_loyalty.points.sweeps import mature_due
from saleor_loyalty.rewards.models import RewardTranslation
from saleor_loyalty.tiers.benefits import Benefit, BenefitKind
from saleor_loyalty.tiers.models import TierTranslation
from saleor_loyalty.tiers.operations import TierChanges, update_tier
from tests.factories import (
    CHANNEL,
    NOW,
    line,
    make_member,
    make_order,
    make_posting,
    make_program,
    make_user,
    refunded,
)
from tests.flows.test_settle_orders import Orders, settle
from tests.rewards.desk import give, issue, issue_nothing, member_with, redeem
from tests.rewards.shelf import make_reward
from tests.tiers.ladders import make_ladder, make_tier

DAY = timedelta(days=1)


@pytest.fixture
def orders():
    return Orders()


@pytest.fixture
def program(db):
    return make_program(time_zone="Europe/Zagreb")


@pytest.fixture
def ada(db):
    return make_user()


def kinds() -> list[str]:
    return list(EmailMessage.objects.order_by("id").values_list("kind", flat=True))


def the_mail(kind: EmailKind) -> EmailMessage:
    """The only mail of a kind; all mails can be rendered in every language."""
    for message in EmailMessage.objects.all():
        for language in ("en", "hr", "nb"):
            render(
                kind=EmailKind(message.kind),
                language_code=language,
                facts=message.facts,
                shop=ShopIdentity(name="Aurora"),
            )
        facts = {name for name, value in message.facts.items() if value not in ("", None)}
        assert set(KINDS[EmailKind(message.kind)].sure) <= facts
    return EmailMessage.objects.get(kind=kind.value)


def switch_off(program, kind):
    change_kind(program_id=program.pk, kind=kind, terms=KindTerms(is_on=False), now=NOW)


def buy(orders, ada, order_id="order-1", **values):
    settle(orders, make_order(order_id, user_id=ada.pk, **values))


def test_who_joins_is_welcomed_once(program, ada):
    for _ in range(2):
        join_program(user_id=ada.pk, channel_id=CHANNEL, now=NOW)

    welcome = the_mail(EmailKind.WELCOME)
    assert kinds() == ["welcome"]
    assert (welcome.member_id, welcome.recipient) == (Member.objects.get().pk, "")
    assert welcome.facts["points_balance"] == 0


def test_a_welcome_tells_the_tier_that_everybody_has_and_nobody_is_congratulated_on_it(
    program, ada
):
    make_tier(program, "Bronze", 0)
    make_tier(program, "Silver", 1000)

    join_program(user_id=ada.pk, channel_id=CHANNEL, now=NOW)

    facts = the_mail(EmailKind.WELCOME).facts
    assert kinds() == ["welcome"]
    assert (facts["tier_name"], facts["next_tier_name"]) == ({"": "Bronze"}, {"": "Silver"})
    assert facts["missing"] == {"metric": "points", "amount": "1000.000", "currency": ""}


@pytest.mark.parametrize(
    ("earlier", "kind"),
    [
        (0, "thank_you_first"),
        (1, "thank_you"),
        (8, "thank_you"),
        (9, "thank_you_milestone"),
        (24, "thank_you_milestone"),
    ],
)
def test_the_form_of_thanks_follows_from_the_orders_number(program, ada, orders, earlier, kind):
    buy(orders, ada, earlier_orders=earlier)

    assert kinds() == [kind]
    message = EmailMessage.objects.get()
    assert message.facts["order_count"] == earlier + 1
    assert (message.order_id, message.key) == ("order-1", "thank_you:order-1")


def test_the_shop_says_which_orders_are_milestones(program, ada, orders):
    changes = MailingChanges(milestones=[3])
    change_mailing(program_id=program.pk, changes=changes, now=NOW)

    buy(orders, ada, "a", earlier_orders=2)
    buy(orders, ada, "b", earlier_orders=9)

    assert kinds() == ["thank_you_milestone", "thank_you"]


def test_a_form_that_is_off_gives_way_to_the_plain_one_and_both_off_to_none(program, ada, orders):
    switch_off(program, EmailKind.THANK_YOU_FIRST)
    buy(orders, ada, "a")
    switch_off(program, EmailKind.THANK_YOU)
    buy(orders, ada, "b")

    assert kinds() == ["thank_you"]


def test_an_order_that_reaches_a_tier_is_thanked_for_with_it_in_one_mail(program, ada, orders):
    silver, _ = make_ladder(program)
    update_tier(
        tier_id=silver.pk,
        changes=TierChanges(
            benefits=[
                Benefit(key="ship", kind=BenefitKind.PERK, name="Free shipping", text="Always"),
                Benefit(key="more", kind=BenefitKind.EARN_MULTIPLIER, factor=Decimal(2)),
            ]
        ),
        now=NOW,
    )
    TierTranslation.objects.create(
        tier=silver,
        language_code="hr",
        name="Srebrna",
        benefits={"ship": {"name": "Besplatna dostava"}},
    )

    buy(orders, ada, earlier_orders=4)

    facts = the_mail(EmailKind.THANK_YOU_TIER).facts
    assert kinds() == ["thank_you_tier"]
    assert facts["tier_name"] == {"": "Silver", "hr": "Srebrna"}
    assert facts["tier_until"] == "2027-12-31"
    assert (facts["next_tier_name"], facts["tier_percent"]) == ({"": "Gold"}, 20)
    assert facts["benefits"] == [
        {"name": {"": "Free shipping", "hr": "Besplatna dostava"}, "text": {"": "Always"}}
    ]


def test_a_first_order_that_reaches_a_tier_says_both(program, ada, orders):
    make_ladder(program)

    buy(orders, ada)

    assert the_mail(EmailKind.THANK_YOU_FIRST).facts["reached_tier"] == {"": "Silver"}
    assert kinds() == ["thank_you_first"]


def test_a_tier_that_an_old_order_brings_is_told_of_by_itself(program, ada, orders):
    make_ladder(program)

    buy(orders, ada, placed_at=NOW - 15 * DAY)

    message = the_mail(EmailKind.TIER_REACHED)
    assert kinds() == ["tier_reached"]
    assert message.facts["tier_name"] == {"": "Silver"}


def test_a_tier_that_comes_and_goes_in_a_year_is_told_of_once(program, ada, orders):
    make_ladder(program, grace_days=0)
    old = {"placed_at": NOW - 15 * DAY}
    buy(orders, ada, **old)
    buy(orders, ada, state=OrderState.CANCELLED, **old)
    buy(orders, ada, **old)

    assert kinds().count("tier_reached") == 1


def test_members_hear_of_no_tier_because_staff_changed_the_ladder(program, ada, orders):
    buy(orders, ada)
    make_ladder(program)

    apply_changed_ladders(now=NOW)

    assert kinds() == ["thank_you_first"]


def test_imported_members_are_not_congratulated_on_the_tier_that_they_came_with(program, ada):
    member = Member.objects.create(program=program, user=ada, joined_at=NOW, joined_by="import")
    make_ladder(program)
    apply_changed_ladders(now=NOW)
    post(postings=[make_posting(member, 2000, is_qualifying=True)], now=NOW)
    review_all_tiers(now=NOW)
    assert kinds() == []

    post(postings=[make_posting(member, 4000, key="more", is_qualifying=True)], now=NOW)
    review_all_tiers(now=NOW)

    assert kinds() == ["tier_reached"]


def test_staff_who_put_a_member_higher_make_the_member_hear_of_it(program, ada):
    member = make_member(program, user=ada)
    silver, gold = make_ladder(program)
    common = {"member_id": member.pk, "reason": "Friend", "actor": "user:1", "now": NOW}

    assign_tier(tier_id=gold.pk, **common)
    assign_tier(tier_id=silver.pk, is_pinned=True, **common)

    assert kinds() == ["tier_reached"]
    assert EmailMessage.objects.get().facts["tier_name"] == {"": "Gold"}


def test_a_tier_at_risk_says_what_is_missing_and_by_when(program, ada, orders):
    make_ladder(program)
    buy(orders, ada)
    EmailMessage.objects.all().delete()

    for day in range(0, 600, 5):
        review_due_tiers(now=NOW + day * DAY)

    mails = EmailMessage.objects.filter(kind="tier_at_risk").order_by("id")
    assert [mail.facts["missing_by"] for mail in mails] == ["2027-12-31", "2028-01-14"]  # grace
    facts = mails[0].facts
    assert facts["missing"] == {"metric": "points", "amount": "1000.000", "currency": ""}
    assert (facts["tier_name"], facts["next_tier_name"]) == ({"": "Silver"}, "")


def test_a_refund_is_explained_once_a_step(program, ada, orders):
    buy(orders, ada)
    for _ in range(2):
        buy(orders, ada, **refunded("55"))
    buy(orders, ada, **refunded("110"))

    mails = list(EmailMessage.objects.filter(kind="refund_explained").order_by("id"))
    assert [mail.facts["points_taken"] for mail in mails] == [500, 500]
    assert [mail.facts["refunded"] for mail in mails] == ["55", "110"]
    assert [mail.facts["points_balance"] for mail in mails] == [500, 0]
    assert {mail.order_id for mail in mails} == {"order-1"}


def test_a_refund_that_moves_no_points_is_not_written_about(program, ada, orders):
    make_member(program, user=ada)
    gift = {"lines": (line("110", "110", is_gift_card=True),)}
    buy(orders, ada, **gift)
    buy(orders, ada, **gift, **refunded("110"))

    assert kinds() == ["thank_you_first"]


def test_points_that_mature_are_told_of_once_a_day_with_their_sum(program, ada):
    member = make_member(program, user=ada)
    pending = LotTerms(is_pending=True, matures_at=NOW + DAY)
    postings = [
        make_posting(member, points, key=f"p{points}", lot=pending) for points in (300, 200)
    ]
    post(postings=postings, now=NOW)
    assert kinds() == []

    for hours in (24, 25, 26):
        now = NOW + timedelta(hours=hours)
        mature_due(now=now, then=partial(tell_of_matured_points, now=now))

    message = the_mail(EmailKind.POINTS_AVAILABLE)
    assert message.facts["points_matured"] == 500
    assert message.facts["points_balance"] == 500
    assert message.key == f"points_available:{member.pk}:2026-06-16"


def test_points_and_their_mail_are_one_transaction(program, ada):
    member = make_member(program, user=ada)
    pending = LotTerms(is_pending=True, matures_at=NOW)
    post(postings=[make_posting(member, 300, lot=pending)], now=NOW)

    def broken(_):
        raise ConnectionError("killed")

    with pytest.raises(ConnectionError):
        mature_due(now=NOW, then=broken)

    member.balance.refresh_from_db()
    assert (member.balance.pending, member.balance.available) == (300, 0)


def test_points_that_staff_release_are_told_of(program, ada):
    member = make_member(program, user=ada)
    lot = LotTerms(is_pending=True)
    post(postings=[make_posting(member, 300, lot=lot)], now=NOW)

    release_points(member_id=member.pk, actor="user:1", now=NOW)

    assert kinds() == ["points_available"]


def test_a_reward_comes_with_its_code_and_name_in_the_members_language(program):
    member = member_with(5000, program)
    reward = make_reward(program, valid_days=30)
    RewardTranslation.objects.create(reward=reward, language_code="hr", name="Deset manje")

    redemption = redeem(member, reward)
    redeem(member, reward)

    facts = the_mail(EmailKind.REWARD_ISSUED).facts
    assert facts["reward_name"] == {"": "Ten off", "hr": "Deset manje"}
    assert facts["reward_code"] == f"CODE-{redemption.pk}"
    assert (facts["reward_until"], facts["reward_price"]) == ("2026-07-15", 1000)
    assert facts["points_balance"] == 4000


def test_a_gift_that_waits_for_its_code_is_told_of_when_it_has_one(program):
    member = member_with(0, program)
    give(member, make_reward(program), issue=issue_nothing)
    assert kinds() == []

    for _ in range(2):
        issue_redemptions(issue=issue, now=NOW)

    assert kinds() == ["reward_issued"]


def test_kinds_that_are_off_leave_no_rows(program, ada, orders):
    make_ladder(program)
    for kind in EmailKind:
        switch_off(program, kind)

    join_program(user_id=ada.pk, channel_id=CHANNEL, now=NOW)
    buy(orders, ada)
    buy(orders, ada, **refunded("55"))

    assert kinds() == []


def test_a_delay_puts_a_mail_off(program, ada):
    terms = KindTerms(is_on=True, delay_hours=48)
    change_kind(program_id=program.pk, kind=EmailKind.WELCOME, terms=terms, now=NOW)

    join_program(user_id=ada.pk, channel_id=CHANNEL, now=NOW)

    message = EmailMessage.objects.get()
    assert message.due_at == NOW + 2 * DAY
    assert message.expires_at == NOW + 16 * DAY


def test_what_mails_said_is_forgotten_with_the_account(program, ada, orders):
    join_program(user_id=ada.pk, channel_id=CHANNEL, now=NOW)
    buy(orders, ada)
    EmailMessage.objects.filter(kind="thank_you_first").update(
        status="sent", sent_at=NOW, subject="Hello Ada"
    )
    member = Member.objects.get()
    MemberPreferences.objects.create(member=member, accepts_marketing=True)
    day = DayInput(kind=DayKind.ANNIVERSARY, name="Wedding", month=2, day=29)
    set_personal_days(member_id=member.pk, days=[day], now=NOW)
    ada.delete()

    forgotten = [forget_accounts(now=NOW), forget_accounts(now=NOW)]

    assert forgotten == [1, 0]
    assert set(EmailMessage.objects.values_list("recipient", "subject", "facts__first_name")) == {
        ("", "", None)
    }
    assert set(EmailMessage.objects.values_list("kind", "status", "why")) == {
        ("welcome", "suppressed", "no_address"),
        ("thank_you_first", "sent", ""),
    }
    assert EmailMessage.objects.filter(facts={}).count() == 2
    assert not PersonalDay.objects.exists()
    assert not MemberPreferences.objects.exists()
