"""How staff set up a programme's mails."""

import pytest

from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.flows.set_mailings import set_email_kind, set_mailing
from saleor_loyalty.mailings.models import ProgramMailing
from saleor_loyalty.mailings.operations import MailingChanges
from saleor_loyalty.mailings.queries import mailings_of
from saleor_loyalty.mailings.rules import KindTerms, MailingInvalid
from saleor_loyalty.programs.operations import ProgramNotFound
from saleor_loyalty.tiers.operations import TierNotFound
from tests.factories import CHANNEL, NOW, make_program
from tests.tiers.ladders import make_ladder

pytestmark = pytest.mark.django_db


def set_kind(program_id, **values):
    return set_email_kind(program_id=program_id, kind=EmailKind.BIRTHDAY, values=values, now=NOW)


def test_only_what_is_given_changes():
    program = make_program()
    tier = make_ladder(program)[0]

    set_kind(program.pk, is_on=True, tier_ids=(tier.pk,), channel_ids=(CHANNEL,))
    set_kind(program.pk, send_hour=7)
    set_mailing(program_id=program.pk, changes=MailingChanges(weekly_limit=1), now=NOW)

    terms = mailings_of(program_ids=[program.pk])[program.pk]
    assert terms.kind(EmailKind.BIRTHDAY) == KindTerms(
        is_on=True, send_hour=7, tier_ids=(tier.pk,), channel_ids=(CHANNEL,)
    )
    assert terms.weekly_limit == 1


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"tier_ids": (404,)}, TierNotFound),
        ({"channel_ids": (404,)}, MailingInvalid),
        ({"send_hour": 24}, MailingInvalid),
    ],
)
def test_what_makes_no_sense_is_refused(values, error):
    program = make_program()

    with pytest.raises(error):
        set_kind(program.pk, **values)

    assert ProgramMailing.objects.count() == 0


def test_a_programme_must_be_there():
    with pytest.raises(ProgramNotFound):
        set_kind(404)
    with pytest.raises(ProgramNotFound):
        set_mailing(program_id=404, changes=MailingChanges(), now=NOW)
