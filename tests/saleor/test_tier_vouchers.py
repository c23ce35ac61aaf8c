"""Tiers' vouchers in real checkouts, and how their codes come about."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Event

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from freezegun import freeze_time
from saleor.account.models import User
from saleor.core.utils.promo_code import InvalidPromoCode
from saleor.discount.models import Voucher, VoucherChannelListing, VoucherCode
from saleor.discount.utils.voucher import get_voucher_code_instance
from saleor.order.models import Order

from saleor_loyalty.codes import LETTERS
from saleor_loyalty.flows.grant_benefits import grant_due_benefits, issue_benefits
from saleor_loyalty.members.operations import Membership, enroll
from saleor_loyalty.members.rules import JoinedBy
from saleor_loyalty.plugin.tasks import hourly_task, publish_tiers_task
from saleor_loyalty.programs.calendar import Period
from saleor_loyalty.programs.models import ProgramChannel
from saleor_loyalty.programs.operations import ProgramChanges, create_program, update_program
from saleor_loyalty.programs.rules import PriceBasis, RateInput
from saleor_loyalty.shop.vouchers import issue_codes, open_codes
from saleor_loyalty.tiers.benefits import Benefit, BenefitKind
from saleor_loyalty.tiers.models import BenefitGrant, BenefitVoucher, TierStanding
from saleor_loyalty.tiers.operations import TierChanges, update_tier
from tests.saleor.buying import add_code, complete, fill, prices
from tests.threads import in_threads
from tests.tiers.ladders import make_ladder
from tests.waiting import wait_until_blocked

SHIPPING = Benefit(
    key="shipping", kind=BenefitKind.FREE_SHIPPING, uses=1, period=Period.QUARTER, name="Free post"
)
DISCOUNT = Benefit(
    key="discount",
    kind=BenefitKind.PERCENTAGE_VOUCHER,
    percentage=Decimal(15),
    uses=1,
    period=Period.YEAR,
)


@pytest.fixture
def gold(program):
    """The higher of two tiers, without benefits yet."""
    return make_ladder(program)[1]


@pytest.fixture
def shop_open(channel_USD, product, shipping_method):
    """A shop with something to sell and ship, where unpaid checkouts become orders."""
    channel_USD.allow_unpaid_orders = True
    channel_USD.save()
    return channel_USD


def brings(tier, *benefits):
    update_tier(tier_id=tier.pk, changes=TierChanges(benefits=benefits), now=timezone.now())


def put_into(tier, *users):
    """Make customers members of a tier, as if they had come into it before it brought anything."""
    joined = {Membership(tier.program_id, user.pk): timezone.now() for user in users}
    for member in enroll(joined=joined, by=JoinedBy.ORDER).values():
        TierStanding.objects.create(
            member=member,
            program_id=tier.program_id,
            tier=tier,
            earned=tier,
            since=timezone.now(),
            is_published=True,
        )


def issue():
    grant_due_benefits(now=timezone.now())
    publish_tiers_task()


def code_of(user, key="shipping") -> str:
    return BenefitGrant.objects.get(member__user=user, benefit_key=key).code


def customers(count) -> list[User]:
    return [
        User.objects.create(email=f"member{number}@example.com", is_active=True)
        for number in range(count)
    ]


def buy_with(client, product, code) -> Order:
    checkout_id = fill(client, product)
    assert add_code(client, checkout_id, code) == []
    return complete(client, checkout_id)


@pytest.mark.usefixtures("shop_open")
def test_free_shipping_brings_shipping_to_nothing_and_is_used_up(
    gold, customer_user, api_client, product
):
    brings(gold, SHIPPING)
    put_into(gold, customer_user)
    issue()
    code = code_of(customer_user)
    checkout_id = fill(api_client, product)
    assert prices(api_client, checkout_id) == (10.0, 20.0)

    assert add_code(api_client, checkout_id, code) == []
    assert prices(api_client, checkout_id) == (0.0, 10.0)
    order = complete(api_client, checkout_id)

    assert order.total_gross_amount == Decimal(10)
    assert open_codes([code, "", "other"]) == frozenset()
    assert add_code(api_client, fill(api_client, product), code) == ["INVALID"]


@pytest.mark.usefixtures("shop_open")
def test_a_percentage_comes_off_the_goods(gold, customer_user, api_client, product):
    brings(gold, DISCOUNT)
    put_into(gold, customer_user)
    issue()
    code = code_of(customer_user, "discount")

    order = buy_with(api_client, product, code)

    assert (order.subtotal_gross_amount, order.shipping_price_gross_amount) == (
        Decimal("8.50"),
        Decimal(10),
    )


@pytest.mark.usefixtures("shop_open")
def test_what_one_member_uses_is_not_taken_from_another(gold, api_client, product):
    ada, ben = customers(2)
    brings(gold, SHIPPING)
    put_into(gold, ada, ben)
    issue()
    buy_with(api_client, product, code_of(ada))

    order = buy_with(api_client, product, code_of(ben))

    assert order.shipping_price_gross_amount == 0
    assert open_codes([code_of(ada), code_of(ben)]) == frozenset()


@pytest.mark.usefixtures("shop_open")
def test_a_benefit_for_two_orders_brings_two_codes_each_for_one(gold, api_client, product):
    ada, ben = customers(2)
    brings(gold, Benefit(key="shipping", kind=SHIPPING.kind, uses=2, period=Period.MONTH))
    put_into(gold, ada, ben)
    issue()
    first, second = BenefitGrant.objects.filter(member__user=ada).values_list("code", flat=True)

    for code in (first, second):
        assert buy_with(api_client, product, code).shipping_price_gross_amount == 0

    issue()
    for code in (first, second):
        assert add_code(api_client, fill(api_client, product), code) == ["INVALID"]
    assert Voucher.objects.count() == 1
    open_ones = open_codes(list(BenefitGrant.objects.values_list("code", flat=True)))
    assert open_ones == set(
        BenefitGrant.objects.filter(member__user=ben).values_list("code", flat=True)
    )


def test_a_voucher_is_good_from_the_first_instant_of_its_period_to_the_last(
    gold, customer_user, channel_USD
):
    brings(gold, SHIPPING)
    put_into(gold, customer_user)
    issue()
    grant = BenefitGrant.objects.get()
    code = grant.code

    for moment in (grant.valid_from, grant.valid_until - timedelta(microseconds=1)):
        with freeze_time(moment):
            assert get_voucher_code_instance(code, channel_USD.slug).code == code
    for moment in (grant.valid_from - timedelta(microseconds=1), grant.valid_until):
        with freeze_time(moment), pytest.raises(InvalidPromoCode):
            get_voucher_code_instance(code, channel_USD.slug)


def test_a_voucher_for_life_has_no_end(gold, customer_user):
    brings(gold, Benefit(key="shipping", kind=SHIPPING.kind, uses=1, period=Period.LIFETIME))
    put_into(gold, customer_user)

    issue()

    voucher = Voucher.objects.get()
    assert (voucher.end_date, voucher.usage_limit, voucher.single_use) == (None, None, True)
    assert voucher.name == "Aurora Club · Gold · Free shipping"


def test_staff_find_the_voucher_by_programme_tier_benefit_and_period(gold, customer_user):
    brings(gold, SHIPPING, DISCOUNT)
    put_into(gold, customer_user)

    with freeze_time("2026-11-22 12:00:00"):
        issue()

    names = set(Voucher.objects.values_list("name", flat=True))
    assert names == {
        "Aurora Club · Gold · Free post · 2026 Q4",
        "Aurora Club · Gold · Percentage voucher · 2026",
    }
    voucher = Voucher.objects.get(type="shipping")
    assert voucher.start_date == datetime(2026, 10, 1, tzinfo=UTC)
    assert voucher.end_date == datetime(2026, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)


def test_codes_are_readable_and_no_two_are_alike(gold):
    users = customers(30)
    brings(gold, SHIPPING)
    put_into(gold, *users)

    issue()

    codes = set(BenefitGrant.objects.values_list("code", flat=True))
    assert len(codes) == 30
    assert len(LETTERS) == 32
    pattern = rf"GOLD(-[{LETTERS}]{{4}}){{4}}"
    assert [code for code in codes if not re.fullmatch(pattern, code)] == []


def test_a_batch_takes_the_same_queries_for_two_members_as_for_eight(gold):
    brings(gold, SHIPPING, DISCOUNT)
    counts = []
    everybody = customers(11)
    for users in (everybody[:1], everybody[1:3], everybody[3:]):
        put_into(gold, *users)
        grant_due_benefits(now=timezone.now())
        Voucher.objects.all().delete()
        with CaptureQueriesContext(connection) as queries:
            assert issue_benefits(issue=issue_codes, now=timezone.now()).issued == 2 * len(users)
        counts.append(len(queries))

    assert counts[1:] == [14, 14]


def test_issuing_again_makes_nothing_new(gold, customer_user):
    brings(gold, SHIPPING)
    put_into(gold, customer_user)

    issue()
    issue()

    assert (VoucherCode.objects.count(), Voucher.objects.count()) == (1, 1)


def test_every_channel_of_the_programme_takes_the_voucher(
    gold, program, customer_user, channel_USD, channel_PLN
):
    rates = [
        RateInput(currency=code, points_per_unit=Decimal(10), point_value=Decimal("0.01"))
        for code in ("USD", "PLN")
    ]
    changes = ProgramChanges(channel_ids=[channel_USD.pk, channel_PLN.pk], rates=rates)
    update_program(program_id=program.pk, changes=changes, now=timezone.now())
    brings(gold, DISCOUNT)
    put_into(gold, customer_user)

    issue()

    listings = VoucherChannelListing.objects.values_list("channel", "currency", "discount_value")
    assert list(listings) == [
        (channel_USD.pk, "USD", Decimal(15)),
        (channel_PLN.pk, "PLN", Decimal(15)),
    ]


def test_a_voucher_that_staff_deleted_is_made_again_for_new_members_only(gold):
    ada, ben = customers(2)
    brings(gold, SHIPPING)
    put_into(gold, ada)
    issue()
    Voucher.objects.all().delete()
    put_into(gold, ben)

    issue()

    voucher = Voucher.objects.get()
    assert BenefitVoucher.objects.get().voucher_id == str(voucher.pk)
    assert [code.code for code in voucher.codes.all()] == [code_of(ben)]
    assert open_codes([code_of(ada), code_of(ben)]) == {code_of(ben)}


def test_who_was_granted_other_terms_gets_a_voucher_of_their_own(gold):
    ada, ben, eve = customers(3)
    brings(gold, DISCOUNT)
    put_into(gold, ada)
    issue()
    better = Benefit(**{**vars(DISCOUNT), "percentage": Decimal(20)})
    brings(gold, better)
    put_into(gold, ben)
    issue()
    put_into(gold, eve)
    issue()

    found = dict(
        VoucherCode.objects.values_list("code", "voucher__channel_listings__discount_value")
    )
    assert [found[code_of(user, "discount")] for user in (ada, ben, eve)] == [15, 20, 20]
    assert Voucher.objects.count() == 2


def test_what_staff_change_about_a_voucher_stays_as_they_set_it(gold):
    ada, ben = customers(2)
    brings(gold, DISCOUNT)
    put_into(gold, ada)
    issue()
    VoucherChannelListing.objects.update(discount_value=30)
    put_into(gold, ben)

    issue()

    assert Voucher.objects.get().codes.count() == 2
    assert VoucherChannelListing.objects.get().discount_value == 30


def test_a_programme_without_a_channel_waits_and_holds_up_no_other(
    gold, customer_user, channel_USD, channel_PLN, caplog
):
    other = create_program(
        changes=ProgramChanges(
            name="Elsewhere",
            points_name="",
            channel_ids=[channel_PLN.pk],
            price_basis=PriceBasis.GROSS,
            rates=[
                RateInput(currency="PLN", points_per_unit=Decimal(1), point_value=Decimal("0.01"))
            ],
        ),
        now=timezone.now() - timedelta(days=1),
    )
    platinum = make_ladder(other)[1]
    for tier in (platinum, gold):
        brings(tier, SHIPPING)
        put_into(tier, customer_user)
    zloty_id = channel_PLN.pk
    ProgramChannel.objects.filter(channel_id=zloty_id).update(channel_id=987654)
    grant_due_benefits(now=timezone.now())

    publish_tiers_task()

    grants = dict(BenefitGrant.objects.values_list("tier", "code"))
    assert grants[platinum.pk] == ""
    assert grants[gold.pk].startswith("GOLD-")
    assert f"Programme {other.pk} serves no channel" in caplog.text
    assert "1 vouchers of tiers could not be issued; they wait" in caplog.text

    ProgramChannel.objects.filter(channel_id=987654).update(channel_id=zloty_id)
    publish_tiers_task()

    assert BenefitGrant.objects.filter(code="").count() == 0


def test_many_that_wait_do_not_starve_those_behind_them(gold, monkeypatch):
    users = customers(7)
    brings(gold, SHIPPING)
    put_into(gold, *users)
    grant_due_benefits(now=timezone.now())
    last = BenefitGrant.objects.order_by("pk").last()
    BenefitGrant.objects.exclude(pk=last.pk).update(benefit={"kind": "no such kind"})
    monkeypatch.setattr("saleor_loyalty.plugin.tasks.ROUNDS_PER_TASK", 2)
    after_id = 0

    for _ in range(4):
        report = issue_benefits(issue=issue_codes, now=timezone.now(), after_id=after_id, limit=2)
        after_id = report.last_id

    last.refresh_from_db()
    assert last.code.startswith("GOLD-")
    assert BenefitGrant.objects.exclude(code="").count() == 1


def test_a_grant_that_cannot_be_read_waits_alone(gold, caplog):
    ada, ben, eve = customers(3)
    brings(gold, SHIPPING)
    put_into(gold, ada, ben, eve)
    grant_due_benefits(now=timezone.now())
    bad = BenefitGrant.objects.get(member__user=ben)
    BenefitGrant.objects.filter(pk=bad.pk).update(benefit={"kind": "no such kind"})

    publish_tiers_task()

    assert code_of(ben) == ""
    assert "" not in {code_of(ada), code_of(eve)}
    assert f"Benefit {bad.pk} could not be issued" in caplog.text


def test_a_period_that_is_over_gets_no_code_any_more(gold, customer_user):
    brings(gold, SHIPPING)
    put_into(gold, customer_user)
    grant_due_benefits(now=timezone.now() - timedelta(days=100))

    publish_tiers_task()

    assert BenefitGrant.objects.get().code == ""
    assert Voucher.objects.count() == 0


def test_whose_account_was_deleted_gets_no_more_vouchers(gold):
    ada, ben = customers(2)
    brings(gold, SHIPPING)
    put_into(gold, ada, ben)
    ada.delete()

    issue()

    assert BenefitGrant.objects.get().member.user == ben


def test_switched_off_nothing_is_issued(gold, customer_user, plugin_on):
    brings(gold, SHIPPING)
    put_into(gold, customer_user)
    grant_due_benefits(now=timezone.now())
    plugin_on.active = False
    plugin_on.save()

    publish_tiers_task()
    hourly_task()

    assert BenefitGrant.objects.get().issued_at is None
    assert Voucher.objects.count() == 0


def test_a_programme_that_is_off_issues_nothing(gold, program, customer_user):
    brings(gold, SHIPPING)
    put_into(gold, customer_user)
    grant_due_benefits(now=timezone.now())
    update_program(
        program_id=program.pk, changes=ProgramChanges(is_active=False), now=timezone.now()
    )

    publish_tiers_task()

    assert BenefitGrant.objects.get().code == ""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_workers_at_once_make_one_voucher_and_one_code_each(gold):
    first, *users = customers(41)
    brings(gold, SHIPPING, DISCOUNT)
    put_into(gold, first)
    issue()
    Voucher.objects.all().delete()
    put_into(gold, *users)
    grant_due_benefits(now=timezone.now())
    halves = [0, BenefitGrant.objects.filter(code="").order_by("pk")[40].pk - 1] * 2

    reports = in_threads(
        4,
        lambda number: issue_benefits(
            issue=issue_codes, now=timezone.now(), after_id=halves[number], limit=40
        ),
    )

    assert sum(report.issued for report in reports) == 80
    assert [report.waiting for report in reports] == [0] * 4
    assert Voucher.objects.count() == 2
    grants = BenefitGrant.objects.exclude(member__user=first)
    codes = list(grants.values_list("code", flat=True))
    assert len(set(codes)) == 80
    assert set(VoucherCode.objects.values_list("code", flat=True)) == set(codes)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_voucher_that_staff_deleted_is_made_again_once(gold):
    ada, ben, eve = customers(3)
    brings(gold, SHIPPING)
    put_into(gold, ada)
    issue()
    Voucher.objects.all().delete()
    put_into(gold, ben, eve)
    grant_due_benefits(now=timezone.now())
    first = BenefitGrant.objects.filter(code="").order_by("pk").first()
    is_locked = Event()

    def work(number: int) -> None:
        if number == 0:
            with transaction.atomic():
                BenefitVoucher.objects.select_for_update().get()
                is_locked.set()
                wait_until_blocked()
                issue_benefits(issue=issue_codes, now=timezone.now(), limit=1)
        else:
            assert is_locked.wait(5)
            issue_benefits(issue=issue_codes, now=timezone.now(), after_id=first.pk)

    assert in_threads(2, work) == [None, None]

    assert Voucher.objects.get().codes.count() == 2
