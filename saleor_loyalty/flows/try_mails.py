"""What a mail that is tried would tell: made-up facts, or a member's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from saleor_loyalty.emails.kinds import KINDS
from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.emails.samples import SAMPLES
from saleor_loyalty.flows.adjust_points import MemberNotFound
from saleor_loyalty.flows.mail_approval import FindPeople
from saleor_loyalty.flows.mail_desk import open_desk
from saleor_loyalty.members.models import Member


@dataclass(frozen=True)
class TrialFacts:
    """What a tried mail tells, and whether a mail told it before."""

    facts: Mapping[str, Any]
    was_sent: bool = False


def trial_facts(
    *, kind: EmailKind, member_id: int | None, find_people: FindPeople, now: datetime
) -> TrialFacts:
    """Return what a tried mail tells: a member's last mail of the kind, else made-up facts.

    A member's name, programme, points and tier are in the made-up facts, as far as they have any.

    Raises:
        MemberNotFound: there is no such member.

    """
    samples = SAMPLES[kind]
    if member_id is None:
        return TrialFacts(samples)
    desk = open_desk(member_ids=[member_id], now=now)
    member = desk.members.get(member_id)
    if member is None:
        raise MemberNotFound(field="member")
    name = {"first_name": _first_name(member, find_people)}
    mails = EmailMessage.objects.filter(member_id=member.pk, kind=kind.value).exclude(facts={})
    last = mails.order_by("-pk").first()
    if last is not None:
        return TrialFacts({**name, **last.facts}, was_sent=True)
    own = desk.facts(member)
    if kind is EmailKind.TIER_AT_RISK:
        own |= desk.tier_facts(member, to_keep=True, currency=own["currency"])
    needed = {*KINDS[kind].always, "currency"}
    known = {key: one for key, one in own.items() if key not in needed or one not in ("", None)}
    return TrialFacts({**samples, **known, **name})


def _first_name(member: Member, find_people: FindPeople) -> str:
    if member.user_id is None:
        return ""
    person = find_people([member.user_id]).get(member.user_id)
    return person.first_name if person else ""
