"""A shop whose members are invited to an event, and visits of their links."""

from saleor_loyalty.emails.links import LinkPurpose, sign_door, sign_invitation
from saleor_loyalty.events.models import Invitation
from saleor_loyalty.pages.door import door_page
from saleor_loyalty.pages.feedback import feedback_page
from saleor_loyalty.pages.layout import Visit
from saleor_loyalty.pages.rsvp import accept_page, decline_page
from saleor_loyalty.pages.ticket import ticket_page
from tests.factories import NOW

PAGES = {
    LinkPurpose.ACCEPT: accept_page,
    LinkPurpose.DECLINE: decline_page,
    LinkPurpose.TICKET: ticket_page,
    LinkPurpose.FEEDBACK: feedback_page,
}


def invite(member, event, **values) -> Invitation:
    defaults = {"source": "wave", "answer": "invited", "code": "ABCD1234EFGH5678"}
    return Invitation.objects.create(
        event=event, member=member, invited_at=NOW, **{**defaults, **values}
    )


def go(front, purpose, invitation, *, now=NOW, form=None, **values):
    """Visit a guest's link; with a form, by POST."""
    sent = {} if form is None else {"method": "POST", "form": form}
    token = sign_invitation(invitation.pk, purpose=purpose)
    return PAGES[purpose](Visit(token=token, now=now, **sent, **values), front=front)


def at_the_door(front, event, *, token=None, now=None, form=None, **values):
    """Visit an event's door half an hour before it begins; with a form, by POST."""
    sent = {} if form is None else {"method": "POST", "form": form}
    token = sign_door(event.pk, event.door_number) if token is None else token
    return door_page(Visit(token=token, now=now or event.starts_at, **sent, **values), front=front)
