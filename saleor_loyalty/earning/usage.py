"""What was used of caps and budgets, kept up while awards are made.

A book is opened under locks, asked and told for each cause, and closed: what changed is then
written in a few statements, however many causes there were.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import reduce
from operator import or_

from django.db import connection
from django.db.models import Q

from saleor_loyalty.earning.evaluation import Part, RuleUsage, Usage
from saleor_loyalty.earning.models import BudgetUse, EarningGrant
from saleor_loyalty.earning.rules import RuleDefinition, RuleVersion
from saleor_loyalty.members.queries import members_of
from saleor_loyalty.programs.calendar import Period, local_date, period_start
from saleor_loyalty.programs.policies.rules import Policy

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Customer:
    """Who caps count for: a user of a programme, who need not be a member yet.

    A member without an account has minus the member's id for a `user_id`.
    """

    program_id: int
    user_id: int


@dataclass(frozen=True, kw_only=True)
class Cause:
    """What points are given for: its name ("order:17"), when it was, by what policy and zone."""

    name: str
    moment: datetime
    customer: Customer
    policy: Policy
    time_zone: str

    @property
    def on(self) -> date:
        """Return its date in the programme's zone."""
        return local_date(self.moment, time_zone=self.time_zone)


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a rule gave for a cause."""

    rule_id: int
    version_id: int
    wanted: int
    granted: int
    moment: datetime


BudgetKey = tuple[int, int, date]  # programme, rule (0: the programme's own), first day


class UsageBook:
    """Grants and budgets of some causes' customers, as they were and as they become."""

    def __init__(
        self,
        *,
        grants: Mapping[Customer, Mapping[tuple[int, str], Given]],
        budgets: Mapping[BudgetKey, int],
    ) -> None:
        self._grants = defaultdict(dict, {key: dict(value) for key, value in grants.items()})
        self._before = {key: dict(value) for key, value in grants.items()}
        self._used = dict(budgets)
        self._budgets_before = dict(budgets)
        self._alerts_at: dict[BudgetKey, Decimal] = {}

    def usage(self, cause: Cause, rules: Iterable[RuleVersion]) -> Usage:
        """Return what was used before a cause, leaving out what the cause itself got earlier."""
        policy = cause.policy
        program_left = None
        if policy.budget_points is not None:
            key = self._key(cause, 0, policy.budget_period)
            program_left = policy.budget_points - self._used.get(key, 0)
        return Usage(
            by_rule={rule.rule_id: self._usage_of(rule, cause) for rule in rules},
            program_left=program_left,
        )

    def has(self, cause: Cause, rule_id: int) -> bool:
        """Tell whether a rule was asked for a cause before."""
        return (rule_id, cause.name) in self._grants[cause.customer]

    def _usage_of(self, rule: RuleVersion, cause: Cause) -> RuleUsage:
        definition = rule.definition
        others = [
            given
            for (rule_id, name), given in self._grants[cause.customer].items()
            if rule_id == rule.rule_id and name != cause.name and given.granted > 0
        ]
        since = period_start(cause.on, definition.cap_period)
        counted = [
            given
            for given in others
            if period_start(
                local_date(given.moment, time_zone=cause.time_zone), definition.cap_period
            )
            == since
        ]
        left = None
        if definition.budget_points is not None:
            key = self._key(cause, rule.rule_id, definition.budget_period)
            left = definition.budget_points - self._used.get(key, 0)
        nearest = min(others, key=lambda one: abs(one.moment - cause.moment), default=None)
        return RuleUsage(
            points=sum(given.granted for given in counted),
            times=len(counted),
            last_at=nearest.moment if nearest else None,
            budget_left=left,
        )

    def forget(self, cause: Cause, rules: Mapping[int, RuleVersion], *, points: int) -> None:
        """Take back what a cause had used: its grants, and `points` of the programme's budget."""
        self._use_program(cause, -points)
        mine = [key for key in self._grants[cause.customer] if key[1] == cause.name]
        for key in mine:
            given = self._grants[cause.customer].pop(key)
            self._use_rule(cause, rules.get(given.rule_id), -given.granted)

    def note(self, cause: Cause, parts: Sequence[Part], *, points: int) -> None:
        """Remember what a cause got: a grant for each rule, and `points` of the budget in all.

        Of a rule that gives a reward the gift is what is wanted and granted: one or none.
        """
        self._use_program(cause, points)
        for part in parts:
            if part.rule is None:
                continue
            if part.rule.definition.gives_reward:
                self._grants[cause.customer][part.rule.rule_id, cause.name] = Given(
                    rule_id=part.rule.rule_id,
                    version_id=part.rule.version_id,
                    wanted=1,
                    granted=part.gifts,
                    moment=cause.moment,
                )
                continue
            if part.wanted <= 0:
                continue
            self._grants[cause.customer][part.rule.rule_id, cause.name] = Given(
                rule_id=part.rule.rule_id,
                version_id=part.rule.version_id,
                wanted=part.wanted,
                granted=part.granted,
                moment=cause.moment,
            )
            self._use_rule(cause, part.rule, part.granted)

    def _use_program(self, cause: Cause, points: int) -> None:
        self._use(cause, 0, cause.policy, points)

    def _use_rule(self, cause: Cause, rule: RuleVersion | None, points: int) -> None:
        if rule is not None:
            self._use(cause, rule.rule_id, rule.definition, points)

    def _use(
        self, cause: Cause, rule_id: int, limits: Policy | RuleDefinition, points: int
    ) -> None:
        if limits.budget_points is None:
            return
        key = self._key(cause, rule_id, limits.budget_period)
        self._used[key] = max(self._used.get(key, 0) + points, 0)
        share = Decimal(limits.budget_alert_percent) / 100
        self._alerts_at[key] = limits.budget_points * share

    @staticmethod
    def _key(cause: Cause, rule_id: int, period: Period) -> BudgetKey:
        return (cause.customer.program_id, rule_id, period_start(cause.on, period))

    def close(self, *, member_ids: Mapping[Customer, int], now: datetime) -> None:
        """Write what changed. `member_ids`: the members that the customers are by now."""
        rows, gone = [], []
        for customer, grants in self._grants.items():
            before = self._before.get(customer, {})
            gone += [key for key in before if key not in grants]
            if customer not in member_ids:
                continue
            rows += [
                EarningGrant(
                    rule_id=rule_id,
                    version_id=given.version_id,
                    member_id=member_ids[customer],
                    cause=name,
                    wanted=given.wanted,
                    granted=given.granted,
                    effective_at=given.moment,
                )
                for (rule_id, name), given in grants.items()
                if before.get((rule_id, name)) != given
            ]
        if gone:
            pairs = (Q(rule=rule_id, cause=name) for rule_id, name in gone)
            EarningGrant.objects.filter(reduce(or_, pairs)).delete()
        if rows:
            EarningGrant.objects.bulk_create(
                rows,
                update_conflicts=True,
                unique_fields=["rule", "cause"],
                update_fields=["version", "member", "wanted", "granted", "effective_at"],
            )
        for key, used in self._used.items():
            if used != self._budgets_before.get(key, 0):
                self._write_budget(key, used, now=now)

    def _write_budget(self, key: BudgetKey, used: int, *, now: datetime) -> None:
        program_id, rule_id, start = key
        row = BudgetUse.objects.filter(program=program_id, rule=rule_id or None, period_start=start)
        row.update(used_points=used)
        if used >= self._alerts_at[key] > self._budgets_before.get(key, 0):
            row.update(alerted_at=now)
            logger.warning(
                "Loyalty programme %s: %s points of the budget of %s since %s are used",
                program_id,
                used,
                f"rule {rule_id}" if rule_id else "the programme",
                start,
            )


def open_book(*, causes: Sequence[Cause], rules: Mapping[int, Sequence[RuleVersion]]) -> UsageBook:
    """Lock what the causes' awards are limited by, and read what was used of it.

    Customers are locked only where a rule has a cap or cooldown for them, budgets where there
    are any, in one order everywhere: customers, then budgets. Without rules nothing is read.
    """
    limited = {
        cause.customer
        for cause in causes
        for rule in rules.get(cause.customer.program_id, ())
        if rule.definition.has_limits_of_a_member
    }
    _lock_customers(limited)
    budgets = _locked_budgets(_budget_keys(causes, rules))
    if not any(rules.values()):
        return UsageBook(grants={}, budgets=budgets)
    customers = _members_of({cause.customer for cause in causes})
    rule_ids = {
        rule.rule_id
        for some in rules.values()
        for rule in some
        if rule.definition.has_limits_of_a_member
    }
    rows = EarningGrant.objects.filter(
        Q(rule__in=rule_ids) | Q(cause__in={cause.name for cause in causes}),
        member__in=customers,
    )
    return UsageBook(grants=_by_customer(rows, customers), budgets=budgets)


def _members_of(customers: set[Customer]) -> dict[int, Customer]:
    """Return the customers by the ids of the members that they are."""
    members = members_of(user_ids={one.user_id for one in customers if one.user_id > 0})
    found = {-one.user_id: one for one in customers if one.user_id < 0}
    for one in customers:
        member = members.get((one.program_id, one.user_id))
        if member is not None:
            found[member.pk] = one
    return found


def usage_of(
    *,
    cause: Cause,
    rules: Sequence[RuleVersion],
    grants: Iterable[EarningGrant],
    used: Mapping[tuple[int, Period], int],
) -> Usage:
    """Return what was used before a cause, from what a preview has loaded without locks.

    `grants` are the customer's; `used` are the current periods' budgets by rule (0: the
    programme's own) and period.
    """
    budgets = {
        (cause.customer.program_id, rule_id, period_start(cause.on, period)): points
        for (rule_id, period), points in used.items()
    }
    rows = list(grants)
    found = _by_customer(rows, {row.member_id: cause.customer for row in rows})
    return UsageBook(grants=found, budgets=budgets).usage(cause, rules)


def _by_customer(
    rows: Iterable[EarningGrant], customers: Mapping[int, Customer]
) -> dict[Customer, dict[tuple[int, str], Given]]:
    grants: dict[Customer, dict[tuple[int, str], Given]] = defaultdict(dict)
    for row in rows:
        grants[customers[row.member_id]][row.rule_id, row.cause] = Given(
            rule_id=row.rule_id,
            version_id=row.version_id,
            wanted=row.wanted,
            granted=row.granted,
            moment=row.effective_at,
        )
    return grants


def _by_key(rows: Iterable[BudgetUse]) -> dict[BudgetKey, int]:
    return {(row.program_id, row.rule_id or 0, row.period_start): row.used_points for row in rows}


def _budget_keys(
    causes: Iterable[Cause], rules: Mapping[int, Sequence[RuleVersion]]
) -> set[BudgetKey]:
    keys = set()
    for cause in causes:
        program_id = cause.customer.program_id
        if cause.policy.budget_points is not None:
            keys.add((program_id, 0, period_start(cause.on, cause.policy.budget_period)))
        for rule in rules.get(program_id, ()):
            if rule.definition.budget_points is not None:
                start = period_start(cause.on, rule.definition.budget_period)
                keys.add((program_id, rule.rule_id, start))
    return keys


def _lock_customers(customers: Iterable[Customer]) -> None:
    names = sorted(f"{one.program_id}:{one.user_id}" for one in customers)
    if not names:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT pg_advisory_xact_lock(hashtextextended('saleor_loyalty:caps:' || name, 0))
            FROM unnest(%s::text[]) AS name
            """,
            [names],
        )


def _locked_budgets(keys: Iterable[BudgetKey]) -> dict[BudgetKey, int]:
    wanted = sorted(keys)
    if not wanted:
        return {}
    BudgetUse.objects.bulk_create(
        (
            BudgetUse(program_id=program_id, rule_id=rule_id or None, period_start=start)
            for program_id, rule_id, start in wanted
        ),
        ignore_conflicts=True,
    )
    rows = BudgetUse.objects.select_for_update().filter(
        program__in={program_id for program_id, _, _ in wanted},
        period_start__in={start for _, _, start in wanted},
    )
    return _by_key(rows.order_by("pk"))
