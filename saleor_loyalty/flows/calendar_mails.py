"""What the mails that the calendar causes have in common: whose they are, and when they come."""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from django.db import OperationalError, transaction
from django.db.models import CharField, Exists, Expression, F, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Concat

from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.rules import EmailKind, EmailRequest
from saleor_loyalty.flows.mail_desk import Desk
from saleor_loyalty.mailings.queries import mailings_of
from saleor_loyalty.mailings.rules import MailingTerms
from saleor_loyalty.members.models import Member
from saleor_loyalty.programs.calendar import local_date
from saleor_loyalty.programs.models import Program

logger = logging.getLogger(__name__)

MEMBERS_A_CALL = 500

Work = Callable[[Program, MailingTerms], int]
Tell = Callable[[Sequence[int]], int]


def for_programs(*, kinds: Collection[EmailKind], work: Work) -> int:
    """Do something for each programme that is on and sends one of some kinds; return the sum.

    Whatever is wrong with one programme must not stop the others.
    """
    programs = list(Program.objects.filter(is_active=True))
    mailings = mailings_of(program_ids=[program.pk for program in programs])
    done = 0
    for program in programs:
        if not any(mailings[program.pk].kind(kind).is_on for kind in kinds):
            continue
        try:
            done += work(program, mailings[program.pk])
        except Exception:
            logger.exception("The mails %s of programme %s failed", sorted(kinds), program.pk)
    return done


def tell_all(ids: Sequence[int], tell: Tell, *, what: str) -> int:
    """Tell some at a time, each time in one transaction; return how many mails were asked for.

    `ids` are of members or of whatever `tell` knows. What is wrong with some stops no others.
    """
    return sum(_in_halves(some, tell, what=what) for some in batched(ids, MEMBERS_A_CALL))


def _in_halves(ids: Sequence[int], tell: Tell, *, what: str) -> int:
    """Tell some together; where that fails, one half after the other, down to the bad one."""
    try:
        with transaction.atomic():
            return tell(ids)
    except OperationalError:  # the database's trouble, or another's lock: not the members'
        raise
    except Exception:
        if len(ids) == 1:
            logger.exception("Mail %s of %s could not be written", what, ids[0])
            return 0
    middle = len(ids) // 2
    return _in_halves(ids[:middle], tell, what=what) + _in_halves(ids[middle:], tell, what=what)


def members_to_tell(program: Program) -> QuerySet[Member]:
    """Return a programme's members but those who were merged and whose account was deleted."""
    return Member.objects.filter(program=program, merged_into=None).exclude(user=None, email="")


def is_written(*parts: str | F) -> Exists:
    """Return whether the mail was written whose key has these parts, between colons."""
    pieces: list[Expression] = []
    for part in parts:
        own = Value(part) if isinstance(part, str) else Cast(OuterRef(part.name), CharField())
        pieces += [own, Value(":")]
    return Exists(EmailMessage.objects.filter(key=Concat(*pieces[:-1])))


def has_had(kind: EmailKind, name: str, *, member: str = "pk") -> Exists:
    """Return whether a member got a kind of mail under a name (the end of its key).

    Also as somebody who was merged into them: mails come along. `member` is where the query has their id.
    """
    mails = EmailMessage.objects.filter(member_id=OuterRef(member), kind=kind.value)
    return Exists(mails.filter(key__endswith=f":{name}"))


def had_as_another(kind: EmailKind, name: str, *, member: str) -> Exists:
    """Return whether a member got a kind of mail under a name as somebody who was merged into them."""
    own = Concat(Value(f"{kind.value}:"), Cast(OuterRef(member), CharField()), Value(":"))
    mails = EmailMessage.objects.filter(member_id=OuterRef(member), kind=kind.value)
    return Exists(mails.filter(key__endswith=f":{name}").exclude(key__startswith=own))


def next_at_hour(kind: EmailKind, member: Member, desk: Desk) -> datetime:
    """Return the next instant at which it is a kind's hour."""
    today = local_date(desk.now, time_zone=member.program.time_zone)
    due_at = desk.at_hour(kind, member, on=today)
    return (
        due_at if due_at >= desk.now else desk.at_hour(kind, member, on=today + timedelta(days=1))
    )


def dated(
    kind: EmailKind,
    member: Member,
    desk: Desk,
    *,
    key: str,
    facts: dict[str, Any],
    due_at: datetime,
    until: datetime,
) -> EmailRequest | None:
    """Return a mail that comes at an instant, or now if that is over, and not later than `until`.

    None where the programme does not send its kind, and where it would come too late.
    """
    request = desk.request(kind, member, key=key, facts=facts)
    delay = timedelta(hours=desk.mailings[member.program_id].kind(kind).delay_hours)
    due_at = max(due_at + delay, desk.now)
    if request is None or due_at >= until:
        return None
    return replace(request, due_at=due_at, expires_at=until)
