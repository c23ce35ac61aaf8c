"""Data loaders: one query for all rows of a response."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from uuid import UUID

from django.utils import timezone
from saleor.channel.models import Channel
from saleor.graphql.core.dataloaders import DataLoader

from saleor_loyalty.earning.models import EarningGrant
from saleor_loyalty.earning.queries import budgets_used, grants_of, latest_versions, rules_of
from saleor_loyalty.earning.rules import RuleVersion
from saleor_loyalty.members.models import Member
from saleor_loyalty.members.queries import members_of
from saleor_loyalty.orders.models import SettledOrder
from saleor_loyalty.orders.queries import settled_orders
from saleor_loyalty.points.models import Balance, Entry, Lot
from saleor_loyalty.points.queries import balances_of, legs_of_postings, open_lots_of
from saleor_loyalty.programs.calendar import Period
from saleor_loyalty.programs.models import EarningRate, Program, ProgramChannel
from saleor_loyalty.programs.queries import load_terms
from saleor_loyalty.programs.rules import ProgramTerms
from saleor_loyalty.shop.channels import channel_ids_by_slug, channels_by_id
from saleor_loyalty.shop.checkouts import gift_card_balances
from saleor_loyalty.shop.customers import CustomerFacts, customer_facts
from saleor_loyalty.shop.products import ProductFacts, product_facts
from saleor_loyalty.shop.settings import LoyaltySettings, load_settings
from saleor_loyalty.spending.models import Spending
from saleor_loyalty.spending.queries import held_on, spent_on_orders


class SettingsLoader(DataLoader[str, LoyaltySettings | None]):
    """The plugin's settings by its id; None while it is switched off."""

    context_key = "loyalty_settings"

    def batch_load(self, keys: Sequence[str]) -> list[LoyaltySettings | None]:
        settings = load_settings(using=self.database_connection_name)
        return [settings for _ in keys]


class ProgramByIdLoader(DataLoader[int, Program | None]):
    """Programmes by id."""

    context_key = "loyalty_program_by_id"

    def batch_load(self, keys: Sequence[int]) -> list[Program | None]:
        programs = Program.objects.using(self.database_connection_name).in_bulk(list(keys))
        return [programs.get(key) for key in keys]


class ProgramByChannelIdLoader(DataLoader[int, Program | None]):
    """The active programme that serves a channel, by the channel's id."""

    context_key = "loyalty_program_by_channel_id"

    def batch_load(self, keys: Sequence[int]) -> list[Program | None]:
        rows = (
            ProgramChannel.objects.using(self.database_connection_name)
            .filter(channel_id__in=keys, valid_until=None, program__is_active=True)
            .select_related("program")
        )
        found = {row.channel_id: row.program for row in rows}
        return [found.get(key) for key in keys]


class ChannelIdBySlugLoader(DataLoader[str, int | None]):
    """The ids of Saleor's channels by their slugs."""

    context_key = "loyalty_channel_id_by_slug"

    def batch_load(self, keys: Sequence[str]) -> list[int | None]:
        found = channel_ids_by_slug(keys, using=self.database_connection_name)
        return [found.get(key) for key in keys]


class RatesByProgramIdLoader(DataLoader[int, list[EarningRate]]):
    """The rates of a programme that are valid now, ordered by currency."""

    context_key = "loyalty_rates_by_program_id"

    def batch_load(self, keys: Sequence[int]) -> list[list[EarningRate]]:
        rates = EarningRate.objects.using(self.database_connection_name).filter(
            program__in=keys, valid_until=None
        )
        return _grouped(keys, ((rate.program_id, rate) for rate in rates.order_by("currency")))


class ChannelsByProgramIdLoader(DataLoader[int, list[Channel]]):
    """Saleor's channels that a programme serves."""

    context_key = "loyalty_channels_by_program_id"

    def batch_load(self, keys: Sequence[int]) -> list[list[Channel]]:
        using = self.database_connection_name
        served = ProgramChannel.objects.using(using).filter(program__in=keys, valid_until=None)
        rows = list(served.order_by("channel_id"))
        channels = channels_by_id({row.channel_id for row in rows}, using=using)
        return _grouped(
            keys,
            (
                (row.program_id, channels[row.channel_id])
                for row in rows
                if row.channel_id in channels
            ),
        )


class MemberByIdLoader(DataLoader[int, Member | None]):
    """Members by id."""

    context_key = "loyalty_member_by_id"

    def batch_load(self, keys: Sequence[int]) -> list[Member | None]:
        members = Member.objects.using(self.database_connection_name).in_bulk(list(keys))
        return [members.get(key) for key in keys]


class MembersByUserIdLoader(DataLoader[int, list[Member]]):
    """All memberships of a user, oldest first."""

    context_key = "loyalty_members_by_user_id"

    def batch_load(self, keys: Sequence[int]) -> list[list[Member]]:
        found = members_of(user_ids=keys, using=self.database_connection_name)
        members = sorted(found.items(), key=lambda item: (item[1].joined_at, item[1].pk))
        return _grouped(keys, ((user_id, member) for (_, user_id), member in members))


class LotsByMemberIdLoader(DataLoader[int, list[Lot]]):
    """The lots of members with pending or available points, soonest-expiring first."""

    context_key = "loyalty_lots_by_member_id"

    def batch_load(self, keys: Sequence[int]) -> list[list[Lot]]:
        lots = open_lots_of(member_ids=keys, using=self.database_connection_name)
        return _grouped(keys, ((lot.member_id, lot) for lot in lots))


class BalanceByMemberIdLoader(DataLoader[int, Balance]):
    """The balances of members, by member id."""

    context_key = "loyalty_balance_by_member_id"

    def batch_load(self, keys: Sequence[int]) -> list[Balance]:
        found = balances_of(member_ids=keys, using=self.database_connection_name)
        return [found[key] for key in keys]


class LegsByPostingLoader(DataLoader[tuple[int, str], list[Entry]]):
    """All entries of a posting, by (programme id, key)."""

    context_key = "loyalty_legs_by_posting"

    def batch_load(self, keys: Sequence[tuple[int, str]]) -> list[list[Entry]]:
        found = legs_of_postings(postings=keys, using=self.database_connection_name)
        return [found[key] for key in keys]


class TermsByProgramIdLoader(DataLoader[int, ProgramTerms]):
    """All versions of programmes' terms, by programme id."""

    context_key = "loyalty_terms_by_program_id"

    def batch_load(self, keys: Sequence[int]) -> list[ProgramTerms]:
        found = load_terms(program_ids=keys, using=self.database_connection_name).by_program
        return [found[key] for key in keys]


class RulesByProgramIdLoader(DataLoader[int, list[RuleVersion]]):
    """The earning rules of programmes that hold now, by programme id."""

    context_key = "loyalty_rules_by_program_id"

    def batch_load(self, keys: Sequence[int]) -> list[list[RuleVersion]]:
        found = rules_of(
            program_ids=keys, since=timezone.now(), using=self.database_connection_name
        )
        return [found.get(key, []) for key in keys]


class VersionByRuleIdLoader(DataLoader[int, RuleVersion]):
    """The latest versions of earning rules, by rule id."""

    context_key = "loyalty_version_by_rule_id"

    def batch_load(self, keys: Sequence[int]) -> list[RuleVersion]:
        found = latest_versions(rule_ids=keys, using=self.database_connection_name)
        return [found[key] for key in keys]


class GrantsByMemberIdLoader(DataLoader[int, list[EarningGrant]]):
    """What earning rules gave to members, by member id."""

    context_key = "loyalty_grants_by_member_id"

    def batch_load(self, keys: Sequence[int]) -> list[list[EarningGrant]]:
        found = grants_of(member_ids=keys, using=self.database_connection_name)
        return [found.get(key, []) for key in keys]


class HeldSpendingLoader(DataLoader[str, Spending | None]):
    """What points pay of checkouts now, by the checkout's id as text."""

    context_key = "loyalty_held_spending"

    def batch_load(self, keys: Sequence[str]) -> list[Spending | None]:
        found = held_on(checkout_ids=keys, using=self.database_connection_name)
        return [found.get(key) for key in keys]


class SpentOnOrderLoader(DataLoader[str, list[Spending]]):
    """What points paid of orders, by the order's id as text."""

    context_key = "loyalty_spent_on_order"

    def batch_load(self, keys: Sequence[str]) -> list[list[Spending]]:
        found = spent_on_orders(order_ids=keys, using=self.database_connection_name)
        return [found.get(key, []) for key in keys]


class GiftCardBalanceLoader(DataLoader[UUID, Decimal]):
    """What the gift cards of checkouts but those of points have left, by the checkout's token."""

    context_key = "loyalty_gift_card_balance"

    def batch_load(self, keys: Sequence[UUID]) -> list[Decimal]:
        found = gift_card_balances(keys, using=self.database_connection_name)
        return [found.get(key, Decimal(0)) for key in keys]


class BudgetUseLoader(DataLoader[tuple[int, int, Period], int]):
    """What is used of budgets now, by (programme id, rule id or 0, period)."""

    context_key = "loyalty_budget_use"

    def batch_load(self, keys: Sequence[tuple[int, int, Period]]) -> list[int]:
        found = budgets_used(keys=keys, now=timezone.now(), using=self.database_connection_name)
        return [found[key] for key in keys]


class ProductFactsByIdLoader(DataLoader[int, ProductFacts]):
    """What rules ask of products, by product id."""

    context_key = "loyalty_product_facts_by_id"

    def batch_load(self, keys: Sequence[int]) -> list[ProductFacts]:
        found = product_facts(keys, using=self.database_connection_name)
        return [found[key] for key in keys]


class CustomerFactsByUserIdLoader(DataLoader[int, CustomerFacts]):
    """What rules ask of customers, by user id."""

    context_key = "loyalty_customer_facts_by_user_id"

    def batch_load(self, keys: Sequence[int]) -> list[CustomerFacts]:
        found = customer_facts(keys, using=self.database_connection_name)
        return [found[key] for key in keys]


class SettledOrderByOrderIdLoader(DataLoader[str, SettledOrder | None]):
    """What was settled for orders, by the order's id as text."""

    context_key = "loyalty_settled_order_by_order_id"

    def batch_load(self, keys: Sequence[str]) -> list[SettledOrder | None]:
        found = settled_orders(order_ids=keys, using=self.database_connection_name)
        return [found.get(key) for key in keys]


def _grouped[Value](keys: Sequence[int], pairs: Iterable[tuple[int, Value]]) -> list[list[Value]]:
    groups: dict[int, list[Value]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return [groups[key] for key in keys]
