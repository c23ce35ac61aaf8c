"""Data loaders of mails and preferences: one query for all rows of a response."""

from collections import defaultdict
from collections.abc import Sequence

from saleor.channel.models import Channel
from saleor.graphql.core.dataloaders import DataLoader

from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.mailings.models import MemberPreferences, PersonalDay
from saleor_loyalty.mailings.queries import mailings_of
from saleor_loyalty.mailings.rules import MailingTerms
from saleor_loyalty.shop.channels import channels_by_id


class PreferencesByMemberIdLoader(DataLoader[int, MemberPreferences | None]):
    """What members chose, by member id; None of who chose nothing."""

    context_key = "loyalty_preferences_by_member_id"

    def batch_load(self, keys: Sequence[int]) -> list[MemberPreferences | None]:
        found = MemberPreferences.objects.using(self.database_connection_name).in_bulk(list(keys))
        return [found.get(key) for key in keys]


class DaysByMemberIdLoader(DataLoader[int, list[PersonalDay]]):
    """The days that members told us of, in the order of the year, by member id."""

    context_key = "loyalty_days_by_member_id"

    def batch_load(self, keys: Sequence[int]) -> list[list[PersonalDay]]:
        found: dict[int, list[PersonalDay]] = defaultdict(list)
        rows = PersonalDay.objects.using(self.database_connection_name).filter(member__in=keys)
        for day in rows:
            found[day.member_id].append(day)
        return [found[key] for key in keys]


class MailingByProgramIdLoader(DataLoader[int, MailingTerms]):
    """How programmes send mails, by programme id."""

    context_key = "loyalty_mailing_by_program_id"

    def batch_load(self, keys: Sequence[int]) -> list[MailingTerms]:
        found = mailings_of(program_ids=keys, using=self.database_connection_name)
        return [found[key] for key in keys]


class EmailByIdLoader(DataLoader[int, EmailMessage | None]):
    """Mails by id."""

    context_key = "loyalty_email_by_id"

    def batch_load(self, keys: Sequence[int]) -> list[EmailMessage | None]:
        found = EmailMessage.objects.using(self.database_connection_name).in_bulk(list(keys))
        return [found.get(key) for key in keys]


class ChannelByIdLoader(DataLoader[int, Channel | None]):
    """Saleor's channels by id."""

    context_key = "loyalty_channel_by_id"

    def batch_load(self, keys: Sequence[int]) -> list[Channel | None]:
        found = channels_by_id(keys, using=self.database_connection_name)
        return [found.get(key) for key in keys]
