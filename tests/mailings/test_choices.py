import pytest

from saleor_loyalty.emails.rules import EmailKind, Purpose, Transport, Why, purpose_of
from saleor_loyalty.mailings.rules import (
    CHOICES,
    NECESSARY,
    Choices,
    KindTerms,
    MailingTerms,
    choice_of,
    default_terms,
    obstacle,
)

EVENT_KINDS = [kind for kind in EmailKind if kind.value.startswith("event_")]


def why(kind, *, terms=None, **choices):
    """Why a member who agreed to all does not get a kind."""
    return obstacle(
        kind,
        terms or MailingTerms(),
        Choices(**{"accepts_marketing": True, **choices}),
        tier_id=None,
        channel_id=None,
        language_code="en",
    )


def test_what_answers_a_members_doing_is_no_choice():
    assert {
        EmailKind.EVENT_CONFIRMED,
        EmailKind.EVENT_WAITING,
        EmailKind.EVENT_OFFERED,
        EmailKind.EVENT_LEFT,
        EmailKind.EVENT_CHANGED,
        EmailKind.EVENT_CANCELLED,
    } == NECESSARY
    assert set(CHOICES) == {choice_of(kind) for kind in EmailKind} - NECESSARY
    assert [kind for kind in CHOICES if kind in EVENT_KINDS] == [
        EmailKind.EVENT_INVITATION,
        EmailKind.EVENT_REMINDER,
        EmailKind.EVENT_THANKS,
    ]


@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_a_member_stops_what_they_may_choose_and_nothing_else(kind):
    stopped = why(kind, stopped=frozenset({kind}))

    assert stopped == (None if kind in NECESSARY else Why.OPTED_OUT)


@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_the_shop_may_switch_off_any_mail_about_events(kind):
    terms = MailingTerms(kinds={kind: KindTerms(is_on=False)})

    assert why(kind, terms=terms) == Why.SWITCHED_OFF


@pytest.mark.parametrize("kind", EmailKind)
def test_service_mails_and_invitations_are_on_from_the_start(kind):
    terms = default_terms(kind)

    is_invitation = kind is EmailKind.EVENT_INVITATION
    assert terms.is_on == (purpose_of(kind) is Purpose.SERVICE or is_invitation)
    assert terms.transport is Transport.EMAIL


def test_an_invitation_is_for_those_who_agreed_to_marketing():
    assert why(EmailKind.EVENT_INVITATION) is None
    assert why(EmailKind.EVENT_INVITATION, accepts_marketing=False) == Why.NO_CONSENT
    for kind in EVENT_KINDS:
        if kind is not EmailKind.EVENT_INVITATION:
            assert why(kind, accepts_marketing=False) is None
