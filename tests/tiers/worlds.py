"""Worlds in which everything that may happen to tiers happens, by a seed, on the real database."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from saleor_loyalty.flows.assign_tier import assign_tier
from saleor_loyalty.flows.evaluate_tiers import evaluate_tiers, look_at
from saleor_loyalty.flows.merge_members import merge_members
from saleor_loyalty.members.models import Member
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.orders.rules import Outcome
from saleor_loyalty.points.operations import post
from saleor_loyalty.points.postings import Award, Forgive, Take
from saleor_loyalty.points.queries import balances_of
from saleor_loyalty.points.rules import Reason, Shortfall
from saleor_loyalty.programs.calendar import local_date
from saleor_loyalty.tiers.candidates import members_to_look_at
from saleor_loyalty.tiers.models import Tier
from saleor_loyalty.tiers.operations import (
    TierChanges,
    create_tier,
    delete_tier,
    reorder_tiers,
    update_ladder,
    update_tier,
)
from saleor_loyalty.tiers.queries import ladders_of
from saleor_loyalty.tiers.rules import (
    ROLLING,
    YEARLY,
    Demotion,
    Falling,
    Keeping,
    LadderInvalid,
    Metric,
    MovingUp,
    Thresholds,
    TierInvalid,
    Window,
)
from tests.factories import make_program

BIRTH = datetime(2023, 11, 20, 15, 0, tzinfo=UTC)
ZONES = ("Europe/Zagreb", "America/Los_Angeles", "Pacific/Auckland")
DAY = timedelta(days=1)


def any_terms(random: Random) -> dict:
    window = random.choice([*Window, *YEARLY, *YEARLY])
    keeping = random.choice([Keeping.NEXT_PERIOD, *Keeping])
    if window is Window.LIFETIME:
        keeping = Keeping.FOREVER
    return {
        "metric": random.choice([Metric.POINTS, *Metric]),
        "window": window,
        "window_length": random.choice([1, 3, 12]) if window in ROLLING else 0,
        "keeping": keeping,
        "keep_months": random.choice([1, 6, 14]) if keeping is Keeping.MONTHS else 0,
        "moving_up": random.choice(list(MovingUp)) if window in YEARLY else MovingUp.AT_ONCE,
        "falling": random.choice([*Falling, Falling.TO_METRIC]),
        "grace_days": random.choice([0, 14]),
        "notice_days": random.choice([0, 30]),
    }


def needs(points: int) -> Thresholds:
    amounts = {"USD": Decimal(points), "EUR": Decimal(points) * 3 / 4}
    return Thresholds(points=points, orders=points // 100, amounts=amounts)


class World:
    """A programme, its members and a clock; everything happens by a seed."""

    def __init__(self, seed: int, *, lowest: int | None = None, **terms) -> None:
        self.random = Random(seed)
        self.now = BIRTH
        self.number = 0
        zone = self.random.choice(ZONES)
        self.program = make_program(now=BIRTH, time_zone=zone)
        self.other = make_program(now=BIRTH, name="Another", channel_ids=[8])
        lowest = self.random.choice([0, 100, 100]) if lowest is None else lowest
        update_ladder(program_id=self.program.pk, terms=terms or any_terms(self.random), now=BIRTH)
        for number, points in enumerate((lowest, 300, 600)):
            changes = TierChanges(name=f"Tier {number}", thresholds=needs(points))
            create_tier(program_id=self.program.pk, changes=changes, now=BIRTH)
        circle = TierChanges(name="Circle", is_invitation_only=True)
        create_tier(program_id=self.program.pk, changes=circle, now=BIRTH)
        joined = [0, 100, 1371, 1362]  # one on 29 February 2020
        self.members = [
            Member.objects.create(
                program=self.program, joined_at=BIRTH - number * DAY, joined_by="customer"
            )
            for number in joined
        ]
        self.stranger = Member.objects.create(
            program=self.other, joined_at=BIRTH, joined_by="customer"
        )
        self.awards: list[Award] = []

    def step(self) -> None:
        """Let some days pass and some things happen; some of it nobody notices."""
        self.now += self.random.choice([1, 14, 30, 90]) * DAY
        self.now += timedelta(hours=self.random.randrange(24))
        for _ in range(self.random.randrange(6)):
            things = [self.earn, self.earn, self.earn, self.give_back, self.take_off, self.forgive]
            things += [self.settle, self.settle, self.settle, self.rather_rare]
            touched = self.random.choice(things)()
            if touched is not None and self.random.random() < 0.6:
                evaluate_tiers(member_ids=[touched.pk], now=self.now)

    def anyone(self) -> Member:
        return self.random.choice(self.members)

    def post(self, kind, member: Member, points: int, at: datetime, **values):
        self.number += 1
        posting = kind(
            program_id=member.program_id,
            member_id=member.pk,
            key=f"key-{self.number}",
            points=points,
            reason=Reason.ADJUSTMENT,
            effective_at=at,
            **{"is_qualifying": self.random.random() < 0.9, **values},
        )
        post(postings=[posting], now=self.now)
        return posting

    def earlier(self) -> datetime:
        return self.now - self.random.choice([0, 0, 0, 1, 40, 200, 400]) * DAY

    def earn(self) -> Member:
        member = self.random.choice([*self.members, self.stranger])
        points = self.random.choice([30, 100, 200, 300, 600])
        order_id = self.random.choice(["", f"order-{self.number}"])
        self.awards.append(self.post(Award, member, points, self.earlier(), order_id=order_id))
        return member

    def give_back(self) -> Member | None:
        orders = [one for one in self.awards if one.order_id]
        if not orders:
            return None
        award = self.random.choice(orders)
        self.awards.remove(award)
        member = Member.objects.get(pk=award.member_id)
        short = self.random.choice([Shortfall.DEBT, Shortfall.FORGIVE])
        self.post(
            Take, member, award.points, award.effective_at,
            order_id=award.order_id, shortfall=short, is_qualifying=award.is_qualifying,
        )  # fmt: skip
        return member

    def take_off(self) -> Member:
        member = self.anyone()
        points = self.random.choice([30, 100, 400])
        self.post(Take, member, points, self.earlier(), shortfall=Shortfall.DEBT)
        return member

    def forgive(self) -> Member | None:
        member = self.anyone()
        debt = balances_of(member_ids=[member.pk])[member.pk].debt
        if debt:
            self.post(Forgive, member, debt, self.now)
        return member

    def settle(self) -> Member:
        member = self.random.choice([*self.members, self.stranger])
        order_id = f"settled-{self.random.randrange(30)}"
        SettledOrder.objects.update_or_create(
            order_id=order_id,
            create_defaults={
                "order_id": order_id,
                "order_placed_at": self.earlier(),
                "program": member.program,
                "member": member,
                "outcome": Outcome.EARNED.value,
                "currency": self.random.choice(["USD", "EUR", "EUR"]),
                "spent_amount": Decimal(self.random.choice(["33.333", "100", "300", "450"])),
                "settled_at": self.now,
            },
            defaults={"spent_amount": Decimal(self.random.choice([0, 10])), "settled_at": self.now},
        )
        return SettledOrder.objects.get(order_id=order_id).member

    def rather_rare(self) -> Member | None:
        things = [self.merge, self.assign, self.retire, self.raise_or_lower, self.new_terms]
        return self.random.choice([*things, self.shuffle])()

    def merge(self) -> Member | None:
        if len(self.members) < 3:
            return None
        member = self.members.pop(self.random.randrange(len(self.members)))
        into = self.anyone()
        merge_members(member_id=member.pk, into_id=into.pk, actor="user:1", now=self.now)
        self.awards = [one for one in self.awards if one.member_id != member.pk]
        return into

    def tiers(self) -> list[Tier]:
        return list(Tier.objects.filter(program=self.program, deleted_at=None))

    def assign(self) -> Member:
        member = self.anyone()
        until = self.random.choice([None, (self.now + 90 * DAY).date()])
        assign_tier(
            member_id=member.pk,
            tier_id=self.random.choice(self.tiers()).pk,
            reason="because",
            actor="user:1",
            until_on=until,
            is_pinned=self.random.random() < 0.3,
            now=self.now,
        )
        return member

    def retire(self) -> None:
        tiers = self.tiers()
        if len(tiers) > 2:
            gone = tiers.pop(self.random.randrange(len(tiers)))
            target = self.random.choice([None, *tiers])
            delete_tier(tier_id=gone.pk, move_to_id=target and target.pk, now=self.now)

    def raise_or_lower(self) -> None:
        with suppress(TierInvalid):  # not above the one below
            update_tier(
                tier_id=self.random.choice(self.tiers()).pk,
                changes=TierChanges(thresholds=needs(self.random.choice([0, 150, 400, 700]))),
                demotion=self.random.choice(list(Demotion)),
                now=self.now,
            )

    def new_terms(self) -> None:
        some = any_terms(self.random)
        few = {name: some[name] for name in ("grace_days", "notice_days", "falling")}
        with suppress(LadderInvalid):
            update_ladder(
                program_id=self.program.pk,
                terms=self.random.choice([some, few, few]),
                demotion=self.random.choice(list(Demotion)),
                now=self.now,
            )

    def shuffle(self) -> None:
        order = [tier.pk for tier in self.tiers()]
        order.insert(0, order.pop())  # the tier by invitation goes to the bottom
        with suppress(TierInvalid):
            reorder_tiers(program_id=self.program.pk, tier_ids=order, now=self.now)

    def found(self) -> set[int]:
        ladder = ladders_of(program_ids=[self.program.pk])[self.program.pk]
        today = local_date(self.now, time_zone=ladder.time_zone)
        return set(members_to_look_at(ladder=ladder, today=today, now=self.now))

    def news(self) -> set[int]:
        """Whoever a look at really everybody would change."""
        ladder = ladders_of(program_ids=[self.program.pk])[self.program.pk]
        members = list(Member.objects.filter(program=self.program, merged_into=None))
        looks = look_at(members=members, ladder=ladder, now=self.now)
        return {look.member.pk for look in looks if look.is_news}
