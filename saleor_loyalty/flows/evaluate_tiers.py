"""Looking at members: where they stand on the ladder now, and what follows from a change."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from django.db import transaction

from saleor_loyalty.flows.grant_benefits import grant_benefits
from saleor_loyalty.members.models import Member
from saleor_loyalty.points.operations import lock_members
from saleor_loyalty.programs.calendar import local_date, start_of_day
from saleor_loyalty.tiers.entitlement import met_on
from saleor_loyalty.tiers.evaluation import Decision, Standing, decide
from saleor_loyalty.tiers.history import History
from saleor_loyalty.tiers.measuring import histories_of
from saleor_loyalty.tiers.models import TierChange, TierStanding
from saleor_loyalty.tiers.queries import ladders_of, standing_of, standings_of
from saleor_loyalty.tiers.rules import Amounts, ChangeKind, Ladder
from saleor_loyalty.tiers.windows import window_ending

STANDING_FIELDS = [
    field.name for field in TierStanding._meta.concrete_fields if not field.primary_key
]


@dataclass(frozen=True, kw_only=True)
class Look:
    """A member, where they stood (`row` None: never looked at), and what a look at them says."""

    member: Member
    row: TierStanding | None
    before: Standing
    history: History
    decision: Decision
    joined_on: date
    today: date
    time_zone: str

    @property
    def before_id(self) -> int | None:
        """Return the tier that was in force."""
        return self.row.tier_id if self.row else None

    @property
    def is_news(self) -> bool:
        """Whether anything is to be written."""
        if self.row is None:
            return self.decision.tier_id is not None
        return (
            self.before != self.decision.standing
            or self.before_id != self.decision.tier_id
            or self.row.review_at != self.review_at
        )

    @property
    def review_at(self) -> datetime | None:
        """Return the instant at which time alone may change something."""
        on = self.decision.next_on
        return None if on is None else start_of_day(on, time_zone=self.time_zone)


@transaction.atomic
def evaluate_tiers(
    *,
    member_ids: Collection[int],
    now: datetime,
    because: ChangeKind | None = None,
    actor: str = "",
) -> list[TierChange]:
    """Put members into the tiers that are theirs by now, and return what changed.

    Call it after everything that counts was written, in the same transaction. It locks the
    members; a repeat changes nothing. Where a programme has no ladder it is one query. A merged
    member is looked at as the one they were merged into. `because`: what to call another tier, if
    not by what the ladder did, and `actor`: who did it.
    """
    with_ladder = Member.objects.filter(pk__in=set(member_ids), program__ladder__isnull=False)
    members = lock_owners(member_ids=with_ladder.values_list("pk", flat=True))
    ladders = ladders_of(program_ids={member.program_id for member in members.values()})
    changes: list[TierChange] = []
    for program_id, ladder in ladders.items():
        mine = [member for member in members.values() if member.program_id == program_id]
        looks = look_at(members=mine, ladder=ladder, now=now)
        news = [_called(look, because) for look in looks if look.is_news]
        changes += write_looks(news, ladder=ladder, now=now, actor=actor)
    return changes


def _called(look: Look, kind: ChangeKind | None) -> Look:
    if kind is None or look.before_id == look.decision.tier_id:
        return look
    return replace(look, decision=replace(look.decision, kind=kind))


def lock_owners(*, member_ids: Iterable[int]) -> dict[int, Member]:
    """Lock members, and return by id whom they are: those that they were merged into.

    They are read under the lock: who waited for a merge finds the other member.
    """
    wanted, locked = set(member_ids), set[int]()
    owners: dict[int, Member] = {}
    while wanted - locked:
        lock_members(member_ids=wanted)
        locked |= wanted
        found = Member.objects.filter(pk__in=wanted).select_related("merged_into")
        owners = {owner.pk: owner for one in found for owner in [one.merged_into or one]}
        wanted = set(owners)
    return owners


def look_at(
    *, members: Sequence[Member], ladder: Ladder, now: datetime, using: str = "default"
) -> list[Look]:
    """Look at members of one programme, writing nothing. Two queries."""
    today = local_date(now, time_zone=ladder.time_zone)
    ids = [member.pk for member in members]
    rows = standings_of(member_ids=ids, using=using)
    histories = histories_of(member_ids=ids, ladder=ladder, today=today, using=using)
    looks = []
    for member in members:
        row = rows.get(member.pk)
        before = standing_of(row) if row else Standing(version=ladder.version)
        joined_on = local_date(member.joined_at, time_zone=ladder.time_zone)
        looks.append(
            Look(
                member=member,
                row=row,
                before=before,
                history=histories[member.pk],
                decision=decide(
                    before,
                    histories[member.pk],
                    ladder=ladder,
                    joined_on=joined_on,
                    today=today,
                ),
                joined_on=joined_on,
                today=today,
                time_zone=ladder.time_zone,
            )
        )
    return looks


def write_looks(
    looks: Sequence[Look],
    *,
    ladder: Ladder,
    now: datetime,
    note: str = "",
    actor: str = "",
) -> list[TierChange]:
    """Write where members stand now, a row for each change, and give what new tiers bring.

    The caller holds the members' locks.
    """
    if not looks:
        return []
    TierStanding.objects.bulk_create(
        [_row(look, ladder=ladder, now=now) for look in looks],
        update_conflicts=True,
        unique_fields=["member"],
        update_fields=STANDING_FIELDS,
        batch_size=5000,
    )
    told = [look for look in looks if look.decision.kind or look.before_id != look.decision.tier_id]
    changes = TierChange.objects.bulk_create(
        [_change(look, ladder=ladder, now=now, note=note, actor=actor) for look in told],
        batch_size=5000,
    )
    reached = {
        look.member: look.decision.tier_id
        for look in told
        if look.decision.tier_id is not None and look.decision.tier_id != look.before_id
    }
    risen = {look.member.pk for look in told if _has_risen(look, ladder=ladder)}
    grant_benefits(reached=reached, risen=risen, time_zone=ladder.time_zone, now=now)
    return changes


def _has_risen(look: Look, *, ladder: Ladder) -> bool:
    """Tell whether a look leads higher; out of a tier that was deleted it does not."""
    is_deleted = look.before_id is not None and look.before_id not in ladder.by_id
    before, after = ladder.tier(look.before_id), ladder.tier(look.decision.tier_id)
    return not is_deleted and ladder.rank(after) > ladder.rank(before)


def _row(look: Look, *, ladder: Ladder, now: datetime) -> TierStanding:
    after, decision = look.decision.standing, look.decision
    is_same = look.row is not None and look.row.tier_id == decision.tier_id
    return TierStanding(
        member_id=look.member.pk,
        program_id=look.member.program_id,
        tier_id=decision.tier_id,
        since=look.row.since if look.row and is_same else now,
        earned_id=after.earned_id,
        kept_on=after.kept_on,
        needed=plain(after.needed),
        qualified_from=after.qualified_from,
        version=after.version,
        grace_on=after.grace_on,
        is_warned=after.is_warned,
        assigned_id=after.assigned_id,
        assigned_on=after.assigned_on,
        is_pinned=after.is_pinned,
        review_at=look.review_at,
        is_published=bool(look.row and look.row.is_published and is_same),
    )


def _change(look: Look, *, ladder: Ladder, now: datetime, note: str, actor: str) -> TierChange:
    decision = look.decision
    return TierChange(
        program_id=look.member.program_id,
        member_id=look.member.pk,
        kind=(decision.kind or ChangeKind.LADDER_CHANGED).value,
        from_tier_id=look.before_id,
        to_tier_id=decision.tier_id,
        since=now,
        until_on=decision.standing.ends_on(ladder),
        details=why(look, ladder=ladder),
        note=note,
        actor=actor,
        created_at=now,
    )


def why(look: Look, *, ladder: Ladder) -> dict[str, Any]:
    """Return what a change was decided by: the metric, what was there, what was needed, and when.

    `needed` is the threshold of the tier that it is about: the one reached, kept or lost.
    """
    after, before = look.decision.standing, look.before
    about = ladder.tier(after.earned_id)
    is_lost = look.decision.kind in {ChangeKind.FELL, ChangeKind.GRACE, ChangeKind.WARNED}
    if is_lost:
        about = ladder.tier(before.earned_id) or about
    needed: Amounts = {}
    if about is not None and not about.is_invitation_only:
        needed = about.thresholds.needed(ladder.terms.metric) or {}
    on = look.today
    if not is_lost and needed:
        found = met_on(
            look.history, needed, ladder=ladder, joined_on=look.joined_on, today=look.today
        )
        on = found or on
    elif before.kept_on is not None:
        on = min(on, before.kept_on)
    window = window_ending(on, terms=ladder.terms, joined_on=look.joined_on)
    return {
        "metric": ladder.terms.metric.value,
        "had": plain(look.history.within(window)),
        "needed": plain(needed),
        "first": window.first.isoformat() if window.first > date.min else None,
        "last": window.last.isoformat(),
        "grace_on": after.grace_on.isoformat() if after.grace_on else None,
        "version": ladder.version,
    }


def plain(amounts: Amounts | None) -> dict[str, str] | None:
    """Return amounts as plain data."""
    return None if amounts is None else {key: f"{amount:f}" for key, amount in amounts.items()}
