"""Tiers' vouchers as Saleor's own: one voucher for all members, and a secret code for each.

In Saleor a voucher's `usage_limit` counts the uses of all its codes together; only `single_use` is
about one code: it closes with its first use. So every code is good for one order, and a benefit
that is good for more brings as many codes.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from saleor.channel.models import Channel
from saleor.discount import DiscountValueType, VoucherType
from saleor.discount.models import Voucher, VoucherChannelListing, VoucherCode

from saleor_loyalty.programs.calendar import Period
from saleor_loyalty.programs.models import ProgramChannel
from saleor_loyalty.shop.codes import new_voucher_code
from saleor_loyalty.tiers.benefits import Benefit, BenefitKind
from saleor_loyalty.tiers.models import BenefitGrant, BenefitVoucher

logger = logging.getLogger(__name__)

MAX_NAME_LENGTH = 255
TERMS_KEY = "loyalty.terms"
# Saleor still accepts the end itself; ours is the first instant that does not count.
TICK = timedelta(microseconds=1)

Key = tuple[int, str, date]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What members get with a voucher; those with other terms need a voucher of their own."""

    tier_id: int
    benefit_key: str
    period_start: date
    kind: BenefitKind
    percentage: Decimal
    valid_until: datetime | None
    channel_ids: tuple[int, ...]

    @property
    def key(self) -> Key:
        """Return what the voucher is found by."""
        return (self.tier_id, self.benefit_key, self.period_start)

    @property
    def text(self) -> str:
        """Return the terms as the voucher remembers them, whatever staff make of it later."""
        until = self.valid_until.isoformat() if self.valid_until else ""
        channels = ",".join(map(str, self.channel_ids))
        return "|".join([self.kind.value, f"{self.percentage:f}", until, channels])


def issue_codes(grants: Sequence[BenefitGrant]) -> dict[int, str]:
    """Make a code for each granted voucher, and return the codes by the grant's id.

    What cannot be issued is left out: its programme serves no channel that exists. Call it in a
    transaction, with the grants locked; ten queries at most and two for each new voucher's row.
    """
    served = channels_of({grant.tier.program_id for grant in grants})
    groups: dict[Terms, list[BenefitGrant]] = defaultdict(list)
    for grant in grants:
        channels = served.get(grant.tier.program_id)
        if channels:
            groups[_terms(grant, channels)].append(grant)
    for program_id in {grant.tier.program_id for grant in grants} - set(served):
        logger.warning("Programme %s serves no channel: its vouchers have to wait", program_id)
    if not groups:
        return {}
    vouchers = _vouchers_for(groups, served)
    codes = {
        grant.pk: new_voucher_code(grant.tier.slug) for group in groups.values() for grant in group
    }
    VoucherCode.objects.bulk_create(
        [
            VoucherCode(voucher_id=vouchers[terms], code=codes[grant.pk])
            for terms, group in groups.items()
            for grant in group
        ],
        batch_size=5000,
    )
    return codes


def open_codes(codes: Collection[str], *, using: str = "default") -> frozenset[str]:
    """Return the codes that can still be used; used ones, and those that staff closed, are left out.

    One query.
    """
    rows = VoucherCode.objects.using(using).filter(
        code__in=[code for code in codes if code], is_active=True
    )
    return frozenset(rows.order_by().values_list("code", flat=True))


def channels_of(program_ids: Collection[int]) -> dict[int, list[Channel]]:
    """Return the channels that programmes serve now; who serves none is left out."""
    rows = ProgramChannel.objects.filter(program__in=program_ids, valid_until=None)
    links = list(rows.order_by("channel_id").values_list("program", "channel_id"))
    channels = Channel.objects.in_bulk([channel_id for _, channel_id in links])
    found: dict[int, list[Channel]] = defaultdict(list)
    for program_id, channel_id in links:
        if channel_id in channels:
            found[program_id].append(channels[channel_id])
    return dict(found)


def _terms(grant: BenefitGrant, channels: Sequence[Channel]) -> Terms:
    benefit = Benefit.from_json(grant.benefit)
    return Terms(
        tier_id=grant.tier_id,
        benefit_key=grant.benefit_key,
        period_start=grant.period_start,
        kind=benefit.kind,
        percentage=benefit.percentage or Decimal(100),
        valid_until=grant.valid_until,
        channel_ids=tuple(channel.pk for channel in channels),
    )


def _vouchers_for(
    groups: Mapping[Terms, Sequence[BenefitGrant]], served: Mapping[int, Sequence[Channel]]
) -> dict[Terms, int]:
    """Return the voucher for each terms, made where there is none (any more).

    The rows that name them are locked first, in one order, so that no two workers make one.
    """
    rows = _locked_rows(sorted({terms.key for terms in groups}))
    known = {row.voucher_id for row in rows.values() if row.voucher_id}
    found = Voucher.objects.in_bulk([int(pk) for pk in known])
    vouchers: dict[Terms, int] = {}
    missing: list[Terms] = []
    for terms in groups:
        voucher = found.get(int(rows[terms.key].voucher_id or 0))
        if voucher is None or _remembered(voucher) != terms.text:
            missing.append(terms)
        else:
            vouchers[terms] = voucher.pk
    new = Voucher.objects.bulk_create([_voucher(terms, groups[terms]) for terms in missing])
    VoucherChannelListing.objects.bulk_create(
        [
            VoucherChannelListing(
                voucher=voucher,
                channel=channel,
                currency=channel.currency_code,
                discount_value=terms.percentage,
            )
            for terms, voucher in zip(missing, new, strict=True)
            for channel in served[groups[terms][0].tier.program_id]
        ]
    )
    for terms, voucher in zip(missing, new, strict=True):
        vouchers[terms] = voucher.pk
        rows[terms.key].voucher_id = str(voucher.pk)
    BenefitVoucher.objects.bulk_update({rows[terms.key] for terms in missing}, ["voucher_id"])
    return vouchers


def _locked_rows(keys: Sequence[Key]) -> dict[Key, BenefitVoucher]:
    tiers = {tier_id for tier_id, *_ in keys}
    names = {name for _, name, _ in keys}
    starts = {start for *_, start in keys}
    BenefitVoucher.objects.bulk_create(
        [
            BenefitVoucher(tier_id=tier_id, benefit_key=name, period_start=start)
            for tier_id, name, start in keys
        ],
        ignore_conflicts=True,
    )
    rows = BenefitVoucher.objects.select_for_update().filter(
        tier__in=tiers, benefit_key__in=names, period_start__in=starts
    )
    return {
        (row.tier_id, row.benefit_key, row.period_start): row
        for row in rows.order_by("tier", "benefit_key", "period_start")
    }


def _remembered(voucher: Voucher) -> str:
    return str((voucher.private_metadata or {}).get(TERMS_KEY, ""))


def _voucher(terms: Terms, grants: Sequence[BenefitGrant]) -> Voucher:
    is_shipping = terms.kind is BenefitKind.FREE_SHIPPING
    return Voucher(
        name=_name(grants[0]),
        type=VoucherType.SHIPPING if is_shipping else VoucherType.ENTIRE_ORDER,
        discount_value_type=DiscountValueType.PERCENTAGE,
        single_use=True,
        start_date=min(grant.valid_from for grant in grants),
        end_date=terms.valid_until - TICK if terms.valid_until else None,
        private_metadata={TERMS_KEY: terms.text},
    )


def _name(grant: BenefitGrant) -> str:
    """Return what staff see in the list of vouchers: programme, tier, benefit and period."""
    benefit = Benefit.from_json(grant.benefit)
    what = benefit.name or benefit.kind.value.replace("_", " ").capitalize()
    parts = [grant.tier.program.name, grant.tier.name, what, _period(grant, benefit.period)]
    return " · ".join(part for part in parts if part)[:MAX_NAME_LENGTH]


def _period(grant: BenefitGrant, period: Period | None) -> str:
    start = grant.period_start
    if period is Period.MONTH:
        return f"{start.year}-{start.month:02}"
    if period is Period.QUARTER:
        return f"{start.year} Q{(start.month + 2) // 3}"
    return str(start.year) if period is Period.YEAR else ""
