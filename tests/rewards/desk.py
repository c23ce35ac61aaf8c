"""A shop's side of rewards for tests without Saleor, and what is read of redemptions."""

from saleor_loyalty.flows.end_redemptions import cancel_redemption
from saleor_loyalty.flows.redeem_rewards import give_reward, redeem_reward
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.queries import purses_of
from saleor_loyalty.rewards.models import Redemption
from saleor_loyalty.rewards.redemptions import Issued
from tests.factories import CHANNEL, NOW, make_member, make_posting, make_user


def issue(redemptions):
    """Codes of a shop where everything can be issued."""
    return {
        one.pk: Issued(code=one.code or f"CODE-{one.pk}", issued_id=one.issued_id or f"i{one.pk}")
        for one in redemptions
    }


def issue_nothing(_redemptions):
    return {}


def close(redemptions):
    """Codes of a shop where nothing was used."""
    return frozenset(one.pk for one in redemptions)


def close_nothing(_redemptions):
    """Codes of a shop where everything was used."""
    return frozenset()


def member_with(points: int, program, *, email: str = "ada@example.com"):
    member = make_member(program, user=make_user(email))
    if points:
        post(postings=[make_posting(member, points, key=f"start:{member.pk}")], now=NOW)
    return member


def redeem(member, reward, *, key="1", now=NOW, **values):
    defaults = {"channel_id": CHANNEL, "currency": "USD", "issue": issue}
    return redeem_reward(
        member_id=member.pk, reward_id=reward.pk, key=key, now=now, **defaults | values
    )


def give(member, reward, *, key="1", now=NOW, **values):
    defaults = {
        "channel_id": CHANNEL,
        "currency": "USD",
        "issue": issue,
        "reason": "You waited for your parcel",
        "actor": "user:5",
    }
    return give_reward(
        member_id=member.pk, reward_id=reward.pk, key=key, now=now, **defaults | values
    )


def cancel(redemption, *, now=NOW, **values):
    defaults = {"note": "", "actor": "user:5", "close": close}
    return cancel_redemption(redemption_id=redemption.pk, now=now, **defaults | values)


def available(member) -> int:
    return purses_of(member_ids=[member.pk])[member.pk].available


def steps(redemption) -> list[tuple[str, str, str]]:
    return list(redemption.steps.values_list("state", "actor", "note"))


def states() -> list[str]:
    return list(Redemption.objects.order_by("pk").values_list("state", flat=True))
