"""What the mails about members have in common: their programme, points and tier, read in batches."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from saleor_loyalty.emails.operations import queue_emails
from saleor_loyalty.emails.rules import EmailKind, EmailRequest
from saleor_loyalty.flows.evaluate_tiers import Look, look_at
from saleor_loyalty.mailings.queries import mailings_of
from saleor_loyalty.mailings.rules import MailingTerms
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.points.queries import purses_of
from saleor_loyalty.points.rules import Purse
from saleor_loyalty.programs.models import EarningRate, ProgramChannel
from saleor_loyalty.tiers.goals import Goal, keep_goal, next_goal
from saleor_loyalty.tiers.models import Tier, TierTranslation
from saleor_loyalty.tiers.queries import ladders_of
from saleor_loyalty.tiers.rules import Ladder, Metric

USEFUL_FOR = timedelta(days=14)


@dataclass(frozen=True, kw_only=True)
class PointWorth:
    """What a point of a programme is worth now, where all its channels have one currency."""

    currency: str
    point_value: Decimal


@dataclass
class Desk:
    """Some members, and all that their mails tell of them as they are now."""

    now: datetime
    members: Mapping[int, Member]
    mailings: Mapping[int, MailingTerms]
    purses: Mapping[int, Purse]
    channels: Mapping[int, int]
    worth: Mapping[int, PointWorth]
    own_channels: Mapping[int, int] = field(default_factory=dict)
    ladders: Mapping[int, Ladder] = field(default_factory=dict)
    looks: Mapping[int, Look] = field(default_factory=dict)
    tiers: Mapping[int, Tier] = field(default_factory=dict)
    translations: Mapping[int, list[TierTranslation]] = field(default_factory=dict)

    def facts(self, member: Member, *, currency: str = "") -> dict[str, Any]:
        """Return what every mail tells: programme, points and tier.

        The balance's value is in `currency` (empty: the programme's only one, if it has one).
        """
        purse = self.purses[member.pk]
        worth = self.worth.get(member.program_id)
        value = ""
        if worth is not None and currency in ("", worth.currency):
            amount = max(purse.total, 0) * worth.point_value
            value = str(amount) if amount else ""
        return {
            "program_name": member.program.name,
            "points_name": member.program.points_name,
            "points_balance": purse.total,
            "points_pending": purse.pending,
            "balance_value": value,
            "currency": currency or (worth.currency if worth else ""),
            **self.tier_facts(member, currency=currency or (worth.currency if worth else "")),
        }

    def tier_facts(
        self, member: Member, *, currency: str = "", to_keep: bool = False
    ) -> dict[str, Any]:
        """Return a member's tier and what is missing: to the next one, or `to_keep` this one."""
        facts: dict[str, Any] = {
            "tier_name": "",
            "tier_until": "",
            "next_tier_name": "",
            "tier_percent": None,
            "missing": "",
            "missing_by": "",
        }
        look, ladder = self.looks.get(member.pk), self.ladders.get(member.program_id)
        if look is None or ladder is None:
            return facts
        standing = look.before
        tier_id = standing.tier_id(ladder)
        facts["tier_name"] = self.tier_names(tier_id)
        until = standing.ends_on(ladder)
        facts["tier_until"] = until.isoformat() if until else ""
        find = keep_goal if to_keep else next_goal
        goal = find(
            standing, look.history, ladder=ladder, joined_on=look.joined_on, today=look.today
        )
        if goal is None or (goal.percent >= 100 and not to_keep):  # noqa: PLR2004 -- met already
            return facts
        facts["next_tier_name"] = "" if to_keep else self.tier_names(goal.tier.tier_id)
        facts["tier_percent"] = goal.percent
        facts["missing"] = _measure(goal, ladder.terms.metric, currency=currency)
        facts["missing_by"] = goal.by.isoformat() if goal.by else ""
        return facts

    def tier_names(self, tier_id: int | None) -> Any:
        """Return a tier's name by language, its own under ""; empty for no tier."""
        tier = self.tiers.get(tier_id or 0)
        if tier is None:
            return ""
        rows = self.translations.get(tier.pk, ())
        return {"": tier.name, **{row.language_code: row.name for row in rows if row.name}}

    def benefits(self, tier_id: int | None) -> list[dict[str, Any]]:
        """Return the benefits of a tier that have a name, with their translations."""
        tier = self.tiers.get(tier_id or 0)
        if tier is None:
            return []
        rows = self.translations.get(tier.pk, ())
        found = []
        for benefit in tier.benefits:
            if not benefit.get("name"):
                continue
            texts: dict[str, dict[str, str]] = {}
            for part in ("name", "text"):
                own = {"": benefit[part]} if benefit.get(part) else {}
                others = {
                    row.language_code: row.benefits.get(benefit["key"], {}).get(part, "")
                    for row in rows
                }
                texts[part] = own | {code: text for code, text in others.items() if text}
            found.append(texts)
        return found

    def channel_of(self, member: Member) -> int | None:
        """Return the channel that a member bought in last, or the first of the programme's."""
        return self.own_channels.get(member.pk, self.channels.get(member.program_id))

    def request(
        self,
        kind: EmailKind,
        member: Member,
        *,
        key: str,
        facts: Mapping[str, Any],
        channel_id: int | None = None,
        useful_for: timedelta = USEFUL_FOR,
        due_at: datetime | None = None,
        **values: Any,
    ) -> EmailRequest | None:
        """Return a mail to a member; None where the programme does not send its kind.

        Of a special form that is off, the plain one. It comes the kind's delay after `due_at`
        (None: now), and no later than `useful_for` after that. The facts of every mail come with it.
        """
        terms = self.mailings[member.program_id]
        form = terms.form(kind)
        if form is None or not member.program.is_active:
            return None
        due = (due_at or self.now) + timedelta(hours=terms.kind(form).delay_hours)
        return EmailRequest(
            key=key,
            kind=form,
            program_id=member.program_id,
            member_id=member.pk,
            channel_id=channel_id or self.channel_of(member),
            facts={**self.facts(member, currency=facts.get("currency", "")), **facts},
            due_at=due,
            expires_at=due + useful_for,
            **values,
        )

    def is_on(self, kind: EmailKind, member: Member) -> bool:
        """Tell whether the member's programme sends a kind."""
        return self.mailings[member.program_id].form(kind) is not None

    def at_hour(self, kind: EmailKind, member: Member, *, on: date) -> datetime:
        """Return when what the calendar causes on a day is due: at the kind's hour."""
        hour = self.mailings[member.program_id].kind(kind).send_hour
        zone = ZoneInfo(member.program.time_zone)
        return datetime.combine(on, time(hour), tzinfo=zone)

    def queue(self, requests: Iterable[EmailRequest | None]) -> int:
        """Queue what is not None, in the caller's transaction; return how many were asked for."""
        wanted = [request for request in requests if request is not None]
        if wanted:
            queue_emails(requests=wanted, now=self.now)
        return len(wanted)


def open_desk(*, member_ids: Collection[int], now: datetime, with_tiers: bool = True) -> Desk:
    """Read what the mails about some members need. At most twelve queries; none for no members.

    Members that were merged are found under their own ids, as those that they live on in.
    """
    found = Member.objects.select_related("program", "merged_into__program").in_bulk(
        set(member_ids)
    )
    members = {pk: member.merged_into or member for pk, member in found.items()}
    owners = {member.pk: member for member in members.values()}
    program_ids = {member.program_id for member in owners.values()}
    desk = Desk(
        now=now,
        members=members,
        mailings=mailings_of(program_ids=program_ids),
        purses=purses_of(member_ids=owners),
        channels=_first_channels(program_ids),
        worth=_worth(program_ids),
        own_channels=_last_channels(owners.values()),
    )
    if with_tiers:
        _read_tiers(desk, list(owners.values()))
    return desk


def _read_tiers(desk: Desk, members: Collection[Member]) -> None:
    desk.ladders = ladders_of(program_ids={member.program_id for member in members})
    looks: dict[int, Look] = {}
    for program_id, ladder in desk.ladders.items():
        mine = [member for member in members if member.program_id == program_id]
        looks |= {
            look.member.pk: look for look in look_at(members=mine, ladder=ladder, now=desk.now)
        }
    desk.looks = looks
    if not desk.ladders:
        return
    desk.tiers = {tier.pk: tier for tier in Tier.objects.filter(program__in=desk.ladders)}
    translations: dict[int, list[TierTranslation]] = defaultdict(list)
    for row in TierTranslation.objects.filter(tier__in=desk.tiers):
        translations[row.tier_id].append(row)
    desk.translations = translations


def _first_channels(program_ids: Collection[int]) -> dict[int, int]:
    rows = ProgramChannel.objects.filter(program__in=program_ids, valid_until=None)
    return dict(rows.order_by("-pk").values_list("program", "channel_id"))


def _last_channels(members: Collection[Member]) -> dict[int, int]:
    """Return the channels that members bought in last, as far as their programmes serve them still."""
    served = set(
        ProgramChannel.objects.filter(
            program__in={member.program_id for member in members}, valid_until=None
        ).values_list("program", "channel_id")
    )
    orders = SettledOrder.objects.filter(
        member__in=[member.pk for member in members], channel_id__isnull=False
    )
    last = orders.order_by("member_id", "-order_placed_at").distinct("member_id")
    return {
        member_id: channel_id
        for member_id, program_id, channel_id in last.values_list(
            "member_id", "program", "channel_id"
        )
        if member_id is not None and channel_id is not None and (program_id, channel_id) in served
    }


def _worth(program_ids: Collection[int]) -> dict[int, PointWorth]:
    """Return what points are worth in programmes that have one currency."""
    by_program: dict[int, list[PointWorth]] = defaultdict(list)
    rows = EarningRate.objects.filter(program__in=program_ids, valid_until=None)
    for rate in rows:
        worth = PointWorth(currency=rate.currency, point_value=rate.point_value)
        by_program[rate.program_id].append(worth)
    return {pk: some[0] for pk, some in by_program.items() if len(some) == 1}


def _measure(goal: Goal, metric: Metric, *, currency: str) -> dict[str, str]:
    """Return what is missing as a fact: in the given currency where money counts, if it can be."""
    missing = goal.missing
    key = currency if currency in missing else next(iter(missing), "")
    return {"metric": metric.value, "amount": str(missing.get(key, 0)), "currency": key}
