"""The customer's tier in their public metadata."""

from datetime import timedelta
from threading import Event

import graphene
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from saleor.account.models import User
from saleor.core.models import EventDelivery
from saleor.graphql.meta.mutations.utils import update_metadata
from saleor.graphql.tests.utils import get_graphql_content
from saleor.plugins.base_plugin import BasePlugin
from saleor.webhook.event_types import WebhookEventAsyncType

from saleor_loyalty.flows.assign_tier import assign_tier, end_assignment
from saleor_loyalty.flows.merge_members import merge_members
from saleor_loyalty.members.models import Member
from saleor_loyalty.members.operations import Membership, enroll
from saleor_loyalty.members.rules import JoinedBy
from saleor_loyalty.orders.operations import mark_due
from saleor_loyalty.plugin.tasks import (
    nightly_task,
    publish_tiers_task,
    review_tiers_task,
    settle_due_orders_task,
)
from saleor_loyalty.programs.models import Program
from saleor_loyalty.shop.tiers import PUBLISH_BATCH, publish_tiers, republish_drifted
from saleor_loyalty.shop.wake import tiers_changed
from saleor_loyalty.tiers.models import TierStanding
from saleor_loyalty.tiers.operations import TierChanges, update_tier
from tests.saleor.settings import PLUGINS
from tests.threads import in_threads
from tests.tiers.ladders import make_ladder
from tests.waiting import wait_until_blocked

HEARD: list[str] = []


class Listener(BasePlugin):
    """A plugin of the shop's that hears of metadata."""

    PLUGIN_ID = "tests.listener"
    DEFAULT_ACTIVE = True
    CONFIGURATION_PER_CHANNEL = False

    def customer_metadata_updated(self, customer, previous_value, webhooks=None):
        HEARD.append((customer.email, customer.metadata))


class Broken(Listener):
    """A plugin that fails."""

    def customer_metadata_updated(self, customer, previous_value, webhooks=None):
        raise ConnectionRefusedError("no broker")


@pytest.fixture
def ladder(program):
    """Silver and Gold."""
    return make_ladder(program)


@pytest.fixture
def customer_user(customer_user):
    """Saleor's customer, without the metadata that they come with."""
    customer_user.metadata = {}
    customer_user.save()
    return customer_user


@pytest.fixture
def gold(ladder):
    return ladder[1]


def join(program_id, user, *, days_ago=0) -> Member:
    membership = Membership(program_id, user.pk)
    joined = {membership: timezone.now() - timedelta(days=days_ago)}
    return enroll(joined=joined, by=JoinedBy.ORDER)[membership]


def put_into(tier, user, **values) -> Member:
    member = join(tier.program_id, user, **values)
    assign_tier(
        member_id=member.pk, tier_id=tier.pk, reason="VIP", actor="user:1", now=timezone.now()
    )
    return member


def metadata(user) -> dict:
    return User.objects.values_list("metadata", flat=True).get(pk=user.pk)


def tamper(user, **values):
    User.objects.filter(pk=user.pk).update(metadata=values)


def customer(email="ben@example.com") -> User:
    return User.objects.create(email=email)


def test_an_order_that_brings_a_tier_shows_it_at_once(
    ladder, paid_order, customer_user, django_capture_on_commit_callbacks
):
    from saleor_loyalty.tiers.rules import Thresholds

    changes = TierChanges(thresholds=Thresholds(points=500))
    update_tier(tier_id=ladder[0].pk, changes=changes, now=timezone.now() - timedelta(days=1))
    mark_due(order_ids=[str(paid_order.pk)], now=timezone.now())

    settle_due_orders_task()

    assert metadata(paid_order.user)["loyalty.tier"] == "silver"


def test_other_keys_stay_and_the_customer_was_updated(gold, customer_user):
    tamper(customer_user, size="M", **{"loyalty.tier": "silver"})
    before = User.objects.get(pk=customer_user.pk).updated_at
    put_into(gold, customer_user)

    publish_tiers_task()

    assert metadata(customer_user) == {"size": "M", "loyalty.tier": "gold"}
    assert User.objects.get(pk=customer_user.pk).updated_at > before


def test_a_customer_who_shows_the_right_tier_is_not_written(gold, customer_user):
    tamper(customer_user, **{"loyalty.tier": "gold"})
    before = User.objects.get(pk=customer_user.pk).updated_at
    put_into(gold, customer_user)

    publish_tiers_task()

    assert User.objects.get(pk=customer_user.pk).updated_at == before
    assert TierStanding.objects.get().is_published


def test_who_falls_off_the_ladder_loses_the_key_and_no_other(gold, customer_user):
    tamper(customer_user, size="M")
    member = put_into(gold, customer_user)
    publish_tiers_task()
    end_assignment(member_id=member.pk, reason="Over", actor="user:1", now=timezone.now())

    publish_tiers_task()

    assert metadata(customer_user) == {"size": "M"}


def test_a_slug_that_changes_is_changed_for_all(gold, customer_user):
    put_into(gold, customer_user)
    publish_tiers_task()

    update_tier(tier_id=gold.pk, changes=TierChanges(slug="oro"), now=timezone.now())
    review_tiers_task()

    assert metadata(customer_user)["loyalty.tier"] == "oro"


def test_who_was_merged_into_another_shows_the_others_tier(gold, customer_user):
    ben = customer()
    into = put_into(gold, ben)
    member = join(gold.program_id, customer_user)
    publish_tiers_task()
    assert "loyalty.tier" not in metadata(customer_user)

    merge_members(member_id=member.pk, into_id=into.pk, actor="user:1", now=timezone.now())
    publish_tiers_task()

    assert metadata(customer_user)["loyalty.tier"] == "gold"
    assert metadata(ben)["loyalty.tier"] == "gold"


def test_of_several_memberships_the_oldest_with_a_ladder_is_shown(
    ladder, customer_user, channel_USD
):
    silver, gold = ladder
    now = timezone.now()
    plain, other = (
        Program.objects.create(name=name, created_at=now, updated_at=now)
        for name in ("Plain", "Other")
    )
    upper = make_ladder(other)[1]
    update_tier(tier_id=upper.pk, changes=TierChanges(slug="upper"), now=now)
    join(plain.pk, customer_user, days_ago=30)
    put_into(silver, customer_user, days_ago=20)
    put_into(upper, customer_user, days_ago=10)

    publish_tiers_task()
    assert metadata(customer_user)["loyalty.tier"] == "silver"

    Program.objects.filter(pk=silver.program_id).update(is_active=False)
    nightly_task()
    assert metadata(customer_user)["loyalty.tier"] == "upper"


def test_an_account_that_was_deleted_is_no_trouble(gold, customer_user):
    ben = customer()
    put_into(gold, ben)
    put_into(gold, customer_user)
    ben.delete()

    publish_tiers_task()

    assert metadata(customer_user)["loyalty.tier"] == "gold"
    assert TierStanding.objects.filter(is_published=False).count() == 0


def test_the_night_finds_what_was_overwritten_claimed_later_or_is_stale(gold, customer_user):
    stranger, late, right = customer("a@x.com"), customer("b@x.com"), customer("c@x.com")
    put_into(gold, customer_user)
    put_into(gold, right)
    unclaimed = put_into(gold, late)
    Member.objects.filter(pk=unclaimed.pk).update(user=None)
    publish_tiers_task()
    Member.objects.filter(pk=unclaimed.pk).update(user=late)
    tamper(customer_user, **{"loyalty.tier": 7, "size": "M"})
    tamper(stranger, **{"loyalty.tier": "gold", "size": "S"})
    before = User.objects.get(pk=right.pk).updated_at

    nightly_task()

    assert metadata(customer_user) == {"loyalty.tier": "gold", "size": "M"}
    assert metadata(late) == {"loyalty.tier": "gold"}
    assert metadata(stranger) == {"size": "S"}
    assert User.objects.get(pk=right.pk).updated_at == before
    assert republish_drifted(now=timezone.now()) == 0


def test_the_night_asks_once_however_many_customers_there_are(
    gold, customer_user, django_assert_num_queries
):
    for number in range(3):
        put_into(gold, customer(f"many{number}@example.com"))
    publish_tiers_task()

    with django_assert_num_queries(1):
        republish_drifted(now=timezone.now())


def test_publishing_takes_the_same_queries_for_one_customer_as_for_many(gold):
    counts = []
    for number in (1, 5):
        for one in range(number):
            put_into(gold, customer(f"{number}-{one}@example.com"))
        with CaptureQueriesContext(connection) as queries:
            assert publish_tiers(now=timezone.now()) == number
        counts.append(len(queries))

    assert counts == [7, 7]
    assert publish_tiers(now=timezone.now()) == 0


def test_only_so_many_are_published_at_a_time(gold):
    for number in range(3):
        put_into(gold, customer(f"{number}@example.com"))

    assert [publish_tiers(now=timezone.now(), limit=2) for _ in range(3)] == [2, 1, 0]
    assert PUBLISH_BATCH == 500


def test_switched_off_nothing_is_published(gold, customer_user, plugin_on):
    put_into(gold, customer_user)
    plugin_on.active = False
    plugin_on.save()

    for task in (publish_tiers_task, review_tiers_task, nightly_task):
        task()

    assert metadata(customer_user) == {}
    assert not TierStanding.objects.get().is_published


def test_what_staff_change_is_looked_at_after_the_commit(
    gold, customer_user, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        put_into(gold, customer_user)
        tiers_changed()
        assert metadata(customer_user) == {}

    assert metadata(customer_user) == {"loyalty.tier": "gold"}


def test_apps_hear_of_it_and_of_nothing_that_stayed(
    gold,
    customer_user,
    webhook,
    permission_manage_users,
    settings,
    django_capture_on_commit_callbacks,
):
    settings.PLUGINS = [*PLUGINS, "saleor.plugins.webhook.plugin.WebhookPlugin"]
    webhook.app.permissions.add(permission_manage_users)
    webhook.target_url = "http://127.0.0.1:9/"
    webhook.save()
    webhook.events.create(event_type=WebhookEventAsyncType.CUSTOMER_METADATA_UPDATED)
    ben = customer()
    tamper(ben, **{"loyalty.tier": "gold"})
    put_into(gold, ben)
    put_into(gold, customer_user)

    with django_capture_on_commit_callbacks(execute=True):
        publish_tiers(now=timezone.now())

    delivery = EventDelivery.objects.get()
    assert delivery.event_type == "customer_metadata_updated"
    assert graphene.Node.to_global_id("User", customer_user.pk) in delivery.payload.get_payload()


def test_where_nobody_listens_telling_costs_three_queries(
    gold, customer_user, django_capture_on_commit_callbacks
):
    put_into(gold, customer_user)
    with django_capture_on_commit_callbacks() as callbacks:
        publish_tiers(now=timezone.now())

    with CaptureQueriesContext(connection) as queries:
        for callback in callbacks:
            callback()

    assert len(callbacks) == 1
    assert len(queries) <= 3


def test_a_plugin_of_the_shop_hears_of_it(
    gold, customer_user, settings, django_capture_on_commit_callbacks
):
    HEARD.clear()
    settings.PLUGINS = [*PLUGINS, "tests.saleor.test_tier_metadata.Listener"]
    put_into(gold, customer_user)

    with django_capture_on_commit_callbacks(execute=True):
        publish_tiers(now=timezone.now())

    assert [(customer_user.email, {"loyalty.tier": "gold"})] == HEARD


def test_nothing_fails_because_of_who_listens(
    gold, customer_user, settings, caplog, django_capture_on_commit_callbacks
):
    settings.PLUGINS = [*PLUGINS, "tests.saleor.test_tier_metadata.Broken"]
    put_into(gold, customer_user)

    with django_capture_on_commit_callbacks(execute=True):
        publish_tiers_task()

    assert metadata(customer_user) == {"loyalty.tier": "gold"}
    assert "Apps could not be told of the new tiers of 1 customers" in caplog.text


def test_what_a_storefront_writes_by_mutation_stays(gold, user_api_client):
    user = user_api_client.user
    put_into(gold, user)
    publish_tiers_task()

    content = get_graphql_content(
        user_api_client.post_graphql(
            """mutation($id: ID!) { updateMetadata(id: $id, input: [{key: "size", value: "M"}]) {
                 item { metadata { key value } } errors { field } } }""",
            {"id": graphene.Node.to_global_id("User", user.pk)},
        )
    )

    found = content["data"]["updateMetadata"]["item"]["metadata"]
    assert {item["key"]: item["value"] for item in found} == {"size": "M", "loyalty.tier": "gold"}


FORGERIES = (
    """mutation($id: ID!) { changed: updateMetadata(
         id: $id, input: [{key: "loyalty.tier", value: "gold"}]) { errors { field } } }""",
    """mutation { changed: accountUpdate(
         input: {metadata: [{key: "loyalty.tier", value: "gold"}]}) { errors { field } } }""",
)


@pytest.mark.parametrize("forgery", FORGERIES)
@pytest.mark.parametrize("is_member", [True, False])
def test_nobody_gives_themselves_a_tier(
    ladder, user_api_client, forgery, is_member, django_capture_on_commit_callbacks
):
    user = user_api_client.user
    if is_member:
        put_into(ladder[0], user)
        publish_tiers_task()
    tamper(user, **metadata(user), size="M")
    user_api_client.user = User.objects.get(pk=user.pk)
    own = {"id": graphene.Node.to_global_id("User", user.pk)} if "$id" in forgery else {}

    with django_capture_on_commit_callbacks(execute=True):
        content = get_graphql_content(user_api_client.post_graphql(forgery, own))

    assert content["data"]["changed"]["errors"] == []
    tier = {"loyalty.tier": "silver"} if is_member else {}
    assert metadata(user) == {"size": "M", **tier}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_nothing_is_lost_when_others_write_at_the_same_time(gold, customer_user):
    member = put_into(gold, customer_user)
    rounds = 30

    def write(number: int) -> None:
        for step in range(rounds):
            if number:
                update_metadata(customer_user, {f"key-{number}-{step}": "x"})
            else:
                TierStanding.objects.filter(member=member).update(is_published=False)
                slug = f"gold-{step}"
                update_tier(tier_id=gold.pk, changes=TierChanges(slug=slug), now=timezone.now())
                publish_tiers(now=timezone.now())

    assert in_threads(4, write) == [None] * 4

    found = metadata(customer_user)
    assert found.pop("loyalty.tier") == "gold-29"
    assert len(found) == 3 * rounds


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_who_comes_second_never_writes_back_an_older_tier(ladder, customer_user):
    silver, gold = ladder
    now = timezone.now()
    other = Program.objects.create(name="Other", created_at=now, updated_at=now)
    oldest = put_into(silver, customer_user, days_ago=20)
    later = put_into(make_ladder(other)[0], customer_user, days_ago=10)
    publish_tiers_task()
    is_gold = Event()

    def work(number: int) -> None:
        if number == 0:
            with transaction.atomic():
                put_into(gold, customer_user)
                publish_tiers(now=now)
                is_gold.set()
                wait_until_blocked()
        else:
            assert is_gold.wait(5)
            TierStanding.objects.filter(member=later).update(is_published=False)
            publish_tiers(now=now)

    assert in_threads(2, work) == [None, None]

    assert TierStanding.objects.get(member=oldest).tier == gold
    assert metadata(customer_user)["loyalty.tier"] == "gold"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_workers_at_once_leave_every_customer_with_the_newest_tier(ladder):
    users = [customer(f"many{number}@example.com") for number in range(20)]
    members = [put_into(ladder[0], user) for user in users]

    def work(number: int) -> None:
        for step in range(6):
            if number == 0:
                for member in members:
                    assign_tier(
                        member_id=member.pk,
                        tier_id=ladder[(step + 1) % 2].pk,
                        reason="VIP",
                        actor="user:1",
                        now=timezone.now(),
                        is_pinned=True,
                    )
            publish_tiers(now=timezone.now(), limit=5)

    assert in_threads(4, work) == [None] * 4
    publish_tiers_task()

    assert {metadata(user)["loyalty.tier"] for user in users} == {"silver"}
