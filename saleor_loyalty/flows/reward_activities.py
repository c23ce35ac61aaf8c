"""Points for what is no order: signing up, days that came, and whatever activity the shop reports."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from saleor_loyalty.earning.conditions import (
    MemberCondition,
    MemberTier,
    MomentCondition,
    Situation,
)
from saleor_loyalty.earning.evaluation import Part, limit_of_rule
from saleor_loyalty.earning.models import EarningGrant, EarningRuleVersion
from saleor_loyalty.earning.queries import rules_of
from saleor_loyalty.earning.rules import MAX_ACTIVITY_LENGTH, Limit, RuleVersion, Trigger
from saleor_loyalty.earning.usage import Cause, Customer, UsageBook, open_book
from saleor_loyalty.errors import LoyaltyError
from saleor_loyalty.flows.adjust_points import MemberNotFound
from saleor_loyalty.flows.evaluate_tiers import evaluate_tiers
from saleor_loyalty.flows.member_mails import tell_of_tiers
from saleor_loyalty.flows.order_lots import expiring
from saleor_loyalty.flows.rule_gifts import RuleGift, give_rule_gifts
from saleor_loyalty.members.models import Member
from saleor_loyalty.members.rules import JoinedBy
from saleor_loyalty.points.operations import lock_members, post
from saleor_loyalty.points.postings import Award
from saleor_loyalty.points.rules import Reason
from saleor_loyalty.programs.queries import load_terms
from saleor_loyalty.programs.rules import ProgramTerms
from saleor_loyalty.tiers.queries import Presence, tiers_at

MAX_KEY_LENGTH = 100
SIGN_UPS_BACK_DAYS = 30
MEMBERS_A_CALL = 500


class ActivityInvalid(LoyaltyError):
    """The name or the key of an activity is missing or too long; `field` names it."""

    code = "activity_invalid"


@dataclass(frozen=True, kw_only=True)
class Activity:
    """Something that a member did, or a day that came: what a rule with its trigger rewards."""

    member: Member
    cause: str
    trigger: Trigger
    moment: datetime
    name: str = ""


@transaction.atomic
def reward_activities(
    *, activities: Sequence[Activity], now: datetime, tells: bool = True
) -> dict[str, int]:
    """Award what the rules give for some activities; return the points by cause.

    Each rule rewards a cause once, whatever its limits are by then: a repeat does nothing. `tells`:
    whether members hear of a tier that the points bring.
    """
    terms = load_terms(program_ids={one.member.program_id for one in activities}).by_program
    rules = {
        program_id: [one for one in some if not one.definition.is_on_orders]
        for program_id, some in rules_of(
            program_ids=terms, since=min((one.moment for one in activities), default=now)
        ).items()
    }
    causes = [_cause(one, terms[one.member.program_id]) for one in activities]
    book = open_book(causes=causes, rules=rules)
    tiers = tiers_at(
        presences={_presence(one) for one in activities} if any(rules.values()) else ()
    )
    postings: list[Award] = []
    gifts: list[RuleGift] = []
    points: dict[str, int] = {}
    for activity, cause in zip(activities, causes, strict=True):
        if terms[activity.member.program_id].enrollment_at(activity.moment) is None:
            continue
        for rule in rules.get(activity.member.program_id, ()):
            tier = tiers.get(_presence(activity))
            if book.has(cause, rule.rule_id) or not _applies(rule, activity, cause, tier):
                continue
            part = _part(rule, cause, book=book)
            book.note(cause, [part], points=part.granted)
            points[cause.name] = points.get(cause.name, 0) + part.granted
            if part.granted:
                postings.append(_award(activity, cause, part, now=now))
            if part.gifts:
                gifts.append(_gift(activity, cause, rule))
    if gifts:
        lock_members(
            member_ids={one.member_id for one in gifts} | {one.member_id for one in postings}
        )
    post(postings=postings, now=now)
    give_rule_gifts(gifts=gifts, now=now)
    book.close(
        member_ids={
            cause.customer: one.member.pk for one, cause in zip(activities, causes, strict=True)
        },
        now=now,
    )
    changes = evaluate_tiers(member_ids={one.member_id for one in postings}, now=now)
    if tells:
        tell_of_tiers(changes, now=now)
    return points


def _cause(activity: Activity, terms: ProgramTerms) -> Cause:
    return Cause(
        name=activity.cause,
        moment=activity.moment,
        customer=Customer(terms.program_id, activity.member.user_id or -activity.member.pk),
        policy=terms.policy_at(activity.moment),
        time_zone=terms.time_zone,
    )


def _presence(activity: Activity) -> Presence:
    return Presence(activity.member.pk, activity.moment)


def _applies(rule: RuleVersion, activity: Activity, cause: Cause, tier: MemberTier | None) -> bool:
    definition = rule.definition
    local_time = cause.moment.astimezone(ZoneInfo(cause.time_zone))
    situation = Situation(None, local_time, tier=tier)
    return (
        definition.trigger is activity.trigger
        and definition.activity == activity.name
        and rule.held_at(cause.moment)
        and all(
            one.holds(situation)
            for one in definition.conditions
            if isinstance(one, MomentCondition | MemberCondition)
        )
    )


def _part(rule: RuleVersion, cause: Cause, *, book: UsageBook) -> Part:
    wanted = rule.definition.points
    usage = book.usage(cause, [rule])
    if rule.definition.gives_reward:
        used = usage.by_rule[rule.rule_id]
        number, why = limit_of_rule(rule, 1, usage=used, moment=cause.moment)
        return Part(rule=rule, wanted=0, granted=0, why=why, gifts=number)
    granted, why = limit_of_rule(
        rule, wanted, usage=usage.by_rule[rule.rule_id], moment=cause.moment
    )
    if usage.program_left is not None and granted > usage.program_left:
        granted, why = max(usage.program_left, 0), Limit.PROGRAM_BUDGET
    return Part(rule=rule, wanted=wanted, granted=granted, why=why)


def _gift(activity: Activity, cause: Cause, rule: RuleVersion) -> RuleGift:
    assert rule.definition.reward_id is not None
    return RuleGift(
        member_id=activity.member.pk,
        program_id=activity.member.program_id,
        reward_id=rule.definition.reward_id,
        rule_id=rule.rule_id,
        rule_name=rule.name,
        cause=cause.name,
    )


def _award(activity: Activity, cause: Cause, part: Part, *, now: datetime) -> Award:
    assert part.rule is not None
    definition = part.rule.definition
    lot = expiring(
        cause.policy,
        earned_at=cause.moment,
        now=now,
        time_zone=cause.time_zone,
        expiry_days=definition.expiry_days,
        is_pending=bool(definition.maturing_days),
        matures_at=cause.moment + timedelta(days=definition.maturing_days or 0),
    )
    return Award(
        program_id=activity.member.program_id,
        member_id=activity.member.pk,
        key=f"{cause.name}:{part.rule.rule_id}",
        reason=Reason.ACTIVITY_EARNED,
        effective_at=cause.moment,
        points=part.granted,
        lot=lot,
        is_qualifying=True,
        is_activity=activity.trigger is Trigger.ACTIVITY,
        details={
            "trigger": activity.trigger.value,
            "activity": activity.name,
            "rules": [
                {
                    "rule": part.rule.rule_id,
                    "version": part.rule.version_id,
                    "number": part.rule.number,
                    "name": part.rule.name,
                    "wanted": part.wanted,
                    "granted": part.granted,
                    "why": part.why,
                }
            ],
        },
    )


@transaction.atomic
def report_activity(
    *, member_id: int, name: str, key: str, happened_at: datetime, now: datetime
) -> int:
    """Reward an activity that the shop reports, such as a review; return the points given.

    `key` tells one from another: the same name and key again give nothing.

    Raises:
        MemberNotFound, ActivityInvalid: name or key empty or too long, or a time to come.

    """
    for field, value, longest in (
        ("name", name, MAX_ACTIVITY_LENGTH),
        ("key", key, MAX_KEY_LENGTH),
    ):
        if not 1 <= len(value) <= longest:
            raise ActivityInvalid(field=field, problem=f"needs 1 to {longest} characters")
    if happened_at.tzinfo is None:
        raise ActivityInvalid(field="happened_at", problem="needs a time zone")
    if happened_at > now + timedelta(minutes=5):
        raise ActivityInvalid(field="happened_at", problem="must not lie in the future")
    member = Member.objects.filter(pk=member_id).select_related("merged_into").first()
    if member is None:
        raise MemberNotFound(field="member_id")
    activity = Activity(
        member=member.merged_into or member,
        cause=f"activity:{name}:{key}",
        trigger=Trigger.ACTIVITY,
        moment=happened_at,
        name=name,
    )
    return reward_activities(activities=[activity], now=now).get(activity.cause, 0)


def reward_sign_ups(*, members: Sequence[Member], now: datetime, tells: bool = True) -> None:
    """Award what the rules give for signing up, to new members, as of when they joined."""
    reward_activities(
        activities=[
            Activity(
                member=member,
                cause=f"sign_up:{member.pk}",
                trigger=Trigger.SIGN_UP,
                moment=member.joined_at,
            )
            for member in members
        ],
        now=now,
        tells=tells,
    )


def reward_late_sign_ups(*, now: datetime) -> int:
    """Reward signing up for members of the last weeks who got nothing for it yet.

    Who joins by a first order does so in the middle of settling; this finds them soon after,
    and whomever a broken worker left out. Imported members did not sign up here. Returns how
    many were looked at: those whose programme had such a rule when they joined.
    """
    held = EarningRuleVersion.objects.filter(
        Q(valid_until=None) | Q(valid_until__gt=OuterRef("joined_at")),
        rule__program=OuterRef("program"),
        definition__trigger=Trigger.SIGN_UP.value,
        valid_from__lte=OuterRef("joined_at"),
    )
    grants = EarningGrant.objects.filter(
        member=OuterRef("pk"), cause__startswith="sign_up:", rule__program=OuterRef("program")
    )
    late = Member.objects.filter(
        Exists(held),
        ~Exists(grants),
        merged_into=None,
        joined_at__gt=now - timedelta(days=SIGN_UPS_BACK_DAYS),
        joined_at__lte=now,
    ).exclude(joined_by=JoinedBy.IMPORT.value)
    looked_at = 0
    for members in batched(late.order_by("pk").iterator(), MEMBERS_A_CALL):
        looked_at += len(members)
        reward_sign_ups(members=members, now=now)
    return looked_at
