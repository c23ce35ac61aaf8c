"""Staff say how a programme sends its mails."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction

from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.mailings.operations import MailingChanges, change_kind, change_mailing
from saleor_loyalty.mailings.queries import mailings_of
from saleor_loyalty.mailings.rules import MailingInvalid
from saleor_loyalty.programs.models import Program, ProgramChannel
from saleor_loyalty.programs.operations import ProgramNotFound
from saleor_loyalty.tiers.models import Tier
from saleor_loyalty.tiers.operations import TierNotFound


@transaction.atomic
def set_mailing(*, program_id: int, changes: MailingChanges, now: datetime) -> Program:
    """Change the limits of a programme's mails.

    Raises:
        ProgramNotFound, MailingInvalid.

    """
    program = _locked(program_id)
    change_mailing(program_id=program_id, changes=changes, now=now)
    return program


@transaction.atomic
def set_email_kind(
    *, program_id: int, kind: EmailKind, values: Mapping[str, Any], now: datetime
) -> Program:
    """Change how a programme sends a kind of mail; `values` are fields of `KindTerms`.

    Raises:
        ProgramNotFound, MailingInvalid: also for a channel that it does not serve.
        TierNotFound: a tier that it does not have.

    """
    program = _locked(program_id)
    tier_ids, channel_ids = set(values.get("tier_ids", ())), set(values.get("channel_ids", ()))
    tiers = Tier.objects.filter(program=program, deleted_at=None, pk__in=tier_ids)
    if tiers.count() < len(tier_ids):
        raise TierNotFound(field="tiers")
    served = ProgramChannel.objects.filter(
        program=program, valid_until=None, channel_id__in=channel_ids
    )
    if served.count() < len(channel_ids):
        raise MailingInvalid(field="channels", problem="has one that the programme does not serve")
    terms = mailings_of(program_ids=[program_id])[program_id].kind(kind)
    change_kind(program_id=program_id, kind=kind, terms=replace(terms, **values), now=now)
    return program


def _locked(program_id: int) -> Program:
    program = Program.objects.select_for_update().filter(pk=program_id).first()
    if program is None:
        raise ProgramNotFound(field="program")
    return program
