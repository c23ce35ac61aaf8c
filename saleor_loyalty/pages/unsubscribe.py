"""The page that stops marketing: by a button, or by a mail program's one click (RFC 8058)."""

from django.utils import translation
from django.utils.translation import gettext

from saleor_loyalty.emails.links import LinkPurpose, preferences_token
from saleor_loyalty.flows.member_choices import can_resume, resume_marketing, stop_marketing
from saleor_loyalty.pages.layout import Page, Shopfront, Visit, render_page
from saleor_loyalty.pages.visitors import Visitor, find_visitor, nobody, receive


def unsubscribe_page(visit: Visit, *, front: Shopfront) -> Page:
    """Answer a visit of the link that stops marketing.

    Looking changes nothing, as mail scanners look at every link. A POST stops at once, whatever its
    body, but for one with `undo`, which takes back the stop of this very link.
    """
    return receive(
        visit,
        purpose=LinkPurpose.UNSUBSCRIBE,
        front=front,
        answer=lambda visitor: _answer(visit, visitor, front=front),
    )


def undo_wording(visitor: Visitor) -> str:
    """Return what a member agrees to who takes a stop back."""
    with translation.override(visitor.language):
        return gettext("Undo: send me these messages again")


def _answer(visit: Visit, visitor: Visitor, *, front: Shopfront) -> Page:
    if visit.method != "POST":
        return _show(visit, visitor, front=front, is_stopped=not visitor.choices.accepts_marketing)
    is_undo = visit.form.get("undo") == "1"
    if is_undo:
        resume_marketing(
            member_id=visitor.member.pk,
            token=visit.token,
            wording=undo_wording(visitor),
            now=visit.now,
        )
    else:
        stop_marketing(member_id=visitor.member.pk, token=visit.token, now=visit.now)
    now_is = find_visitor(visitor.member.pk, front=front)
    if now_is is None:
        return nobody(visit, front=front)
    return _show(
        visit,
        now_is,
        front=front,
        is_stopped=not now_is.choices.accepts_marketing,
        is_resumed=is_undo and now_is.choices.accepts_marketing,
        is_news=True,
    )


def _show(
    visit: Visit,
    visitor: Visitor,
    *,
    front: Shopfront,
    is_stopped: bool,
    is_resumed: bool = False,
    is_news: bool = False,
) -> Page:
    token = preferences_token(visit.token)
    return render_page(
        "unsubscribe.html",
        front=front,
        language=visitor.language,
        address=visitor.address,
        program=visitor.member.program.name,
        preferences_url=front.links.preferences_page(token) if token else "",
        is_stopped=is_stopped,
        is_resumed=is_resumed,
        is_news=is_news,
        undo=undo_wording(visitor)
        if is_stopped and can_resume(member_id=visitor.member.pk, token=visit.token, now=visit.now)
        else "",
    )
