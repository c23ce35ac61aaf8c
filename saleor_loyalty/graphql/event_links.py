"""Who looks at an event or an invitation: the caller, or who has a link of a mail."""

from dataclasses import dataclass
from typing import Any

from saleor_loyalty.emails.links import LinkInvalid, LinkPurpose, read_invitation
from saleor_loyalty.events.models import Event, Invitation
from saleor_loyalty.events.operations import EventNotFound
from saleor_loyalty.flows.event_views import EventView
from saleor_loyalty.flows.join_program import NotAMember
from saleor_loyalty.graphql.event_loaders import EventViewLoader
from saleor_loyalty.graphql.loaders import MembersByUserIdLoader, SettingsLoader
from saleor_loyalty.graphql.reward_loaders import caller_in
from saleor_loyalty.shop.post_office import link_maker
from saleor_loyalty.shop.settings import PLUGIN_ID

PURPOSES = (LinkPurpose.ACCEPT, LinkPurpose.DECLINE, LinkPurpose.TICKET, LinkPurpose.FEEDBACK)
# Mails that ask for an answer have the other links as well; tickets are shown and handed around.
OPENS = {
    LinkPurpose.ACCEPT: frozenset(PURPOSES),
    LinkPurpose.DECLINE: frozenset(PURPOSES),
    LinkPurpose.TICKET: frozenset({LinkPurpose.TICKET}),
    LinkPurpose.FEEDBACK: frozenset({LinkPurpose.FEEDBACK}),
}


@dataclass(frozen=True)
class ByLink[Row: Event | Invitation]:
    """An event or an invitation that somebody came to by a link, which shows what its purpose needs."""

    row: Row
    member_id: int
    purpose: LinkPurpose


def row_of[Row: Event | Invitation](root: Row | ByLink[Row]) -> Row:
    """Return the event or the invitation itself."""
    return root.row if isinstance(root, ByLink) else root


def view_of(root: Event | ByLink[Event], info: Any) -> Any:
    """Return (a promise of) an event as who looks at it sees it; None for all but members."""
    views = EventViewLoader(info.context)
    if isinstance(root, ByLink):
        return views.load((root.member_id, root.row.pk))
    return caller_in(root.program_id, info).then(
        lambda member: member and views.load((member.pk, root.pk))
    )


def shown_invitation(root: Event | ByLink[Event], view: EventView | None) -> Any:
    """Return the invitation of who looks at an event, as they may see it."""
    if view is None or view.invitation is None or not isinstance(root, ByLink):
        return view and view.invitation
    return ByLink(view.invitation, root.member_id, root.purpose)


def is_open(root: Invitation | ByLink[Invitation], purpose: LinkPurpose) -> bool:
    """Tell whether who came by a link may see what a link of a purpose is for; without one, anybody."""
    return not isinstance(root, ByLink) or purpose in OPENS[root.purpose]


def is_theirs(root: Invitation | ByLink[Invitation], info: Any) -> Any:
    """Return (a promise of) whether an invitation is that of who looks at it."""
    user = info.context.user
    user_id = user.pk if user and not info.context.app else 0  # nobody's
    return (
        MembersByUserIdLoader(info.context)
        .load(user_id)
        .then(
            lambda members: isinstance(root, ByLink)
            or root.member_id in {member.pk for member in members}
        )
    )


def links_of(info: Any) -> Any:
    """Return (a promise of) the maker of links to the plugin's pages, or the storefront's."""
    return SettingsLoader(info.context).load(PLUGIN_ID).then(link_maker)


def invitation_of_link(
    token: str, *purposes: LinkPurpose, using: str = "default"
) -> ByLink[Invitation]:
    """Return the invitation that a token for one of some purposes is for.

    Raises:
        LinkInvalid, LinkExpired.
        EventNotFound: it is there no more.
        NotAMember: the account was deleted.

    """
    for purpose in purposes:
        try:
            pk = read_invitation(token, purpose=purpose)
        except LinkInvalid:
            continue
        rows = Invitation.objects.using(using).select_related("member")
        found = rows.filter(pk=pk).first()
        if found is None:
            raise EventNotFound(field="token")
        if found.member.user_id is None and not found.member.email:
            raise NotAMember(field="token")
        return ByLink(found, found.member_id, purpose)
    raise LinkInvalid(field="token")
