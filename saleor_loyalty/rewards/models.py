"""The catalogue, what was redeemed or given, and each step of it."""

from django.db import models

from saleor_loyalty.constraints import check
from saleor_loyalty.members.models import Member
from saleor_loyalty.programs.calendar import Period
from saleor_loyalty.programs.models import Program
from saleor_loyalty.rewards.rules import (
    LIVE,
    MAX_CODE_LENGTH,
    MAX_NAME_LENGTH,
    RedemptionState,
    RewardKind,
)
from saleor_loyalty.tiers.models import Tier

KINDS = [(kind.value, kind.value) for kind in RewardKind]
STATES = [(state.value, state.value) for state in RedemptionState]
PERIODS = [(period.value, period.value) for period in Period]


class Reward(models.Model):
    """A reward in a programme's catalogue; `content` is a `RewardContent` as plain data.

    Members of `tiers` may redeem it; of all tiers and of none where that is empty. `ends_at` is
    exclusive. `stock` is how many are left; None: as many as are asked for. A member gets at most
    `limit_count` a `limit_period`, staff and rules give at most `gift_count` a `gift_period` without
    points; None: no limit. A code is good for `valid_days`, to the end of the day in the
    programme's zone; None: for ever. A deleted reward stays for what was redeemed.
    """

    program = models.ForeignKey(Program, related_name="rewards", on_delete=models.PROTECT)
    kind = models.CharField(max_length=32, choices=KINDS)
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    description = models.TextField(blank=True, default="")
    terms = models.TextField(blank=True, default="")
    image_url = models.CharField(max_length=500, blank=True, default="")
    image_alt = models.CharField(max_length=255, blank=True, default="")
    content = models.JSONField(default=dict)
    price_points = models.BigIntegerField()
    tiers = models.ManyToManyField(Tier, related_name="+")
    position = models.PositiveIntegerField(default=0)
    is_active = models.BooleanField(default=True)
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    stock = models.PositiveIntegerField(null=True)
    limit_count = models.PositiveIntegerField(null=True)
    limit_period = models.CharField(max_length=16, choices=PERIODS, default=Period.LIFETIME.value)
    gift_count = models.PositiveIntegerField(null=True)
    gift_period = models.CharField(max_length=16, choices=PERIODS, default=Period.MONTH.value)
    valid_days = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("position", "pk")
        default_permissions = ()
        constraints = (check(name="loyalty_reward_price", condition=models.Q(price_points__gt=0)),)

    def __str__(self) -> str:
        return self.name


class RewardTranslation(models.Model):
    """A reward's texts in a language; what is empty is as in the reward itself."""

    reward = models.ForeignKey(Reward, related_name="translations", on_delete=models.CASCADE)
    language_code = models.CharField(max_length=35)
    name = models.CharField(max_length=MAX_NAME_LENGTH, blank=True, default="")
    description = models.TextField(blank=True, default="")
    terms = models.TextField(blank=True, default="")

    class Meta:
        ordering = ("reward", "language_code")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=["reward", "language_code"], name="loyalty_reward_translation"
            ),
        )

    def __str__(self) -> str:
        return f"reward {self.reward_id} in {self.language_code}"


class RewardVoucher(models.Model):
    """Which of the shop's vouchers holds the codes of a reward, with the same content and channels.

    `terms` tell those apart that were made before staff changed the reward.
    """

    reward = models.ForeignKey(Reward, related_name="+", on_delete=models.PROTECT)
    terms = models.CharField(max_length=64)
    voucher_id = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=["reward", "terms"], name="loyalty_reward_voucher"),
        )

    def __str__(self) -> str:
        return f"voucher {self.voucher_id} of reward {self.reward_id}"


class Redemption(models.Model):
    """A reward that a member bought with points, or was given (`is_gift`).

    `kind`, `name` and `content` are the reward's of that time. `code` and `issued_id` (the id of the
    shop's voucher code or gift card, as text) are empty until `is_issued`. `channel_id` and `currency`
    are those it was redeemed in. `valid_until` is exclusive. `order_id` is the order that used it.
    `reason` says why it was given, `actor` who gave it ("user:<id>", "app:<id>", "rule:<id>").
    `key` tells a repeated request from a new one. `asked_at`: when a checkout with it was last about to
    become an order.
    """

    id = models.BigAutoField(primary_key=True)
    reward = models.ForeignKey(Reward, related_name="redemptions", on_delete=models.PROTECT)
    program = models.ForeignKey(Program, related_name="+", on_delete=models.PROTECT, db_index=False)
    member = models.ForeignKey(Member, related_name="redemptions", on_delete=models.PROTECT)
    key = models.CharField(max_length=200)
    kind = models.CharField(max_length=32, choices=KINDS)
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    content = models.JSONField(default=dict)
    price_points = models.BigIntegerField()
    is_gift = models.BooleanField(default=False)
    reason = models.TextField(blank=True, default="")
    actor = models.CharField(max_length=64, blank=True, default="")
    channel_id = models.PositiveIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=16, choices=STATES)
    is_issued = models.BooleanField(default=False)
    code = models.CharField(max_length=MAX_CODE_LENGTH, blank=True, default="")
    issued_id = models.CharField(max_length=64, blank=True, default="")
    valid_until = models.DateTimeField(null=True)
    order_id = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    asked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        default_permissions = ()
        indexes = (
            models.Index(
                fields=["program", "id"],
                condition=models.Q(state__in=sorted(state.value for state in LIVE)),
                name="loyalty_redemption_live",
            ),
            models.Index(
                fields=["valid_until"],
                condition=models.Q(state=RedemptionState.OPEN.value, valid_until__isnull=False),
                name="loyalty_redemption_expiring",
            ),
            models.Index(
                fields=["id"],
                condition=models.Q(is_issued=False),
                name="loyalty_redemption_unissued",
            ),
            models.Index(
                fields=["order_id"],
                condition=~models.Q(order_id=""),
                name="loyalty_redemption_order",
            ),
            models.Index(
                fields=["issued_id"],
                condition=~models.Q(issued_id=""),
                name="loyalty_redemption_issued",
            ),
        )
        constraints = (
            models.UniqueConstraint(fields=["member", "key"], name="loyalty_redemption_key"),
            models.UniqueConstraint(
                fields=["code"], condition=~models.Q(code=""), name="loyalty_redemption_code"
            ),
            check(
                name="loyalty_redemption_price",
                condition=models.Q(price_points__gte=0)
                & (models.Q(is_gift=False, price_points__gt=0) | models.Q(is_gift=True)),
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} of member {self.member_id}: {self.state}"


class RedemptionStep(models.Model):
    """A step of a redemption: the state it went into, when, by whom, with which words."""

    id = models.BigAutoField(primary_key=True)
    redemption = models.ForeignKey(Redemption, related_name="steps", on_delete=models.CASCADE)
    state = models.CharField(max_length=16, choices=STATES)
    at = models.DateTimeField()
    actor = models.CharField(max_length=64, blank=True, default="")
    note = models.TextField(blank=True, default="")

    class Meta:
        ordering = ("id",)
        default_permissions = ()

    def __str__(self) -> str:
        return f"redemption {self.redemption_id}: {self.state}"
