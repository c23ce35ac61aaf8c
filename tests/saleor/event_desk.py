"""Events, guests and documents for tests of the API."""

from datetime import timedelta

from django.utils import timezone
from saleor.account.models import User

from saleor_loyalty.emails.links import LinkPurpose, sign_invitation
from saleor_loyalty.events.models import Event, Invitation, InvitationStep
from saleor_loyalty.flows.answer_invitations import Party, accept
from saleor_loyalty.flows.invite_members import invite_by_hand
from tests.events.parties import make_event
from tests.saleor.conftest import ask
from tests.saleor.shopping import give
from tests.saleor.test_graphql import global_id

ERRORS = "errors { field code message closed }"
INVITATION = """id answer source seats guests dietary access code pricePoints isSpent waitingPlace
  checkedInAt checkedInSeats ticketUrl qrCodeUrl qrContent acceptUrl declineUrl feedbackUrl
  feedbackScore feedbackText offeredUntil steps { answer seats note }"""
EVENTS = """query($channel: String!, $first: Int!) {
  loyaltyEvents(channel: $channel, first: $first) { totalCount edges { node {
    id title state seatsLeft capacity guestsAllowed closed opensAt
    translation(languageCode: NB) { title story } program { name }
    invitation { answer waitingPlace steps { answer } } } } } }"""
ONE = f"""query($id: ID, $token: String) {{ loyaltyEvent(id: $id, token: $token) {{
  id title state closed placeUrl seatsLeft invitation {{ {INVITATION} event {{ id closed }} }} }} }}"""
RESPOND = f"""mutation($id: ID, $token: String, $accept: Boolean!, $guests: [String!],
    $dietary: String, $access: String) {{
  loyaltyInvitationRespond(id: $id, token: $token, accept: $accept, guests: $guests,
    dietary: $dietary, access: $access) {{ invitation {{ {INVITATION} event {{ seatsLeft }} }}
    {ERRORS} }} }}"""
JOIN = f"""mutation($event: ID!, $guests: [String!], $dietary: String) {{
  loyaltyEventJoin(eventId: $event, guests: $guests, dietary: $dietary) {{
    invitation {{ {INVITATION} event {{ seatsLeft }} }} {ERRORS} }} }}"""
LEAVE = f"""mutation($event: ID!) {{ loyaltyEventLeave(eventId: $event) {{
  invitation {{ answer event {{ seatsLeft }} }} {ERRORS} }} }}"""
FEEDBACK = f"""mutation($id: ID, $token: String, $score: Int!, $text: String) {{
  loyaltyEventFeedback(id: $id, token: $token, score: $score, text: $text) {{
    invitation {{ code feedbackScore feedbackText }} {ERRORS} }} }}"""


def event_in(program, *, days=14, **values) -> Event:
    """A published event for ten, free, some days from now."""
    return make_event(program, starts_at=timezone.now() + timedelta(days=days), **values)


def person(program, name: str, *, points: int = 0):
    user = User.objects.create(email=f"{name}@example.com", first_name=name, last_name="Byron")
    return give(program, user, points)


def invite(member, event) -> Invitation:
    now = timezone.now()
    return invite_by_hand(event_id=event.pk, member_ids=[member.pk], actor="user:1", now=now)[0]


def seat(member, event, *guests, **party) -> Invitation:
    return accept(
        member_id=member.pk,
        event_id=event.pk,
        party=Party(guests=guests, **party),
        now=timezone.now(),
    )


def came(invitation, **values) -> Invitation:
    """Let somebody have been at an event."""
    values = {"checked_in_at": timezone.now(), "checked_in_seats": invitation.seats, **values}
    Invitation.objects.filter(pk=invitation.pk).update(**values)
    invitation.refresh_from_db()
    return invitation


def token_of(invitation, purpose=LinkPurpose.ACCEPT) -> str:
    return sign_invitation(invitation.pk, purpose=purpose)


def event_id(event) -> str:
    return global_id("LoyaltyEvent", event.pk)


def invitation_id(invitation) -> str:
    return global_id("LoyaltyInvitation", invitation.pk)


def sent(client, document, **variables):
    """The payload of the one mutation in a document."""
    answer = ask(client, document, variables)
    assert "errors" not in answer, answer
    return next(iter(answer["data"].values()))


def seen(client, **variables):
    """The event as a query of one shows it; None where it does not."""
    answer = ask(client, ONE, variables)
    assert "errors" not in answer, answer
    return answer["data"]["loyaltyEvent"]


def listed(client, **variables) -> list:
    answer = ask(client, EVENTS, {"channel": "main", "first": 10, **variables})
    assert "errors" not in answer, answer
    return [edge["node"] for edge in answer["data"]["loyaltyEvents"]["edges"]]


def written() -> tuple:
    """What there is of events, to see that nothing was written."""
    return (
        list(Event.objects.order_by("pk").values()),
        list(Invitation.objects.order_by("pk").values()),
        InvitationStep.objects.count(),
    )
