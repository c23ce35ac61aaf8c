"""Mails that are tried before they are sent: seen as a preview, or sent to oneself."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from email.utils import make_msgid
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import translation

from saleor_loyalty.emails.editing import OwnTextsIndex, check_texts
from saleor_loyalty.emails.envelopes import Letter, MailSender, RecipientImpossible, build_message
from saleor_loyalty.emails.formats import values_of
from saleor_loyalty.emails.kinds import KINDS
from saleor_loyalty.emails.languages import language_for
from saleor_loyalty.emails.models import EmailMessage, EmailText
from saleor_loyalty.emails.rendering import RenderedEmail, ShopIdentity, render
from saleor_loyalty.emails.rules import EmailKind, Go, Purpose, purpose_of
from saleor_loyalty.emails.samples import SAMPLES
from saleor_loyalty.errors import LoyaltyError

MARK = "[Test] "


class TrialNotSent(LoyaltyError):
    """The mail server did not take a mail that staff wanted to try; `problem` is what it said."""

    code = "email_trial_not_sent"


class TrialRecipientForbidden(LoyaltyError):
    """Staff try mails on themselves alone: no mail to a stranger by hand."""

    code = "email_trial_recipient_forbidden"


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """Texts and blocks that are not saved; what is empty is as it comes."""

    parts: Mapping[str, str]
    blocks: Collection[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Page:
    """What a tried mail shows beside its words: the shop, its page of preferences, its pictures."""

    shop: ShopIdentity
    preferences_url: str = ""
    pictures: Mapping[str, str] | None = None


def try_email(
    *,
    kind: EmailKind,
    language_code: str,
    channel_id: int | None,
    facts: Mapping[str, Any],
    page: Page,
    proposal: Proposal | None = None,
) -> RenderedEmail:
    """Render a mail as it would be, or as it would be if a proposal were saved. Nothing is written.

    Its links lead to the pages without saying whose they are.

    Raises:
        TextInvalid: the proposal could not be saved.
        TemplateBroken: the facts lack what the mail tells.

    """
    index = OwnTextsIndex([kind])
    if proposal is not None:
        parts = {name: text.strip() for name, text in proposal.parts.items() if text.strip()}
        check_texts(kind, parts=parts, blocks=proposal.blocks, language_code=language_code)
        blocks = None if proposal.blocks is None else list(proposal.blocks)
        code = language_code.lower()
        index.pretend(
            EmailText(
                kind=kind.value,
                language_code=code,
                channel_id=channel_id,
                parts=parts,
                blocks=blocks,
            )
        )
    is_marketing = purpose_of(kind) is Purpose.MARKETING
    return render(
        kind=kind,
        language_code=language_code,
        facts={"links": SAMPLES[kind].get("links", {}), **facts},
        shop=page.shop,
        own=index.find(kind, language_code=language_code, channel_id=channel_id),
        preferences_url=page.preferences_url,
        unsubscribe_url=page.preferences_url if is_marketing else "",
        pictures=page.pictures,
    )


def send_trial(*, rendered: RenderedEmail, recipient: str, sender: MailSender) -> None:
    """Send a mail at once to one address, outside of the queue, marked as a test.

    Call it outside any transaction.

    Raises:
        RecipientImpossible: no mail can go there.
        TrialNotSent: the mail server did not take it, or could not be reached.

    """
    try:
        validate_email(recipient)
    except ValidationError as error:
        raise RecipientImpossible(field="recipient", problem="it is not one address") from error
    letter = Letter(EmailMessage(facts={}), Go(recipient=recipient, language_code=""))
    marked = replace(rendered, subject=f"{MARK}{rendered.subject}")
    try:
        envelope = build_message(sender=sender, letter=letter, rendered=marked)
        envelope.extra_headers["Message-ID"] = make_msgid("loyalty.test", domain=sender.domain)
        sender.backend.open()
        try:
            sender.backend.send_messages([envelope])
        finally:
            sender.backend.close()
    except Exception as error:  # any mail backend may stand here
        raise TrialNotSent(problem=f"{type(error).__name__}: {error}") from error


def sample_values(kind: EmailKind, *, language_code: str, shop_name: str) -> dict[str, str]:
    """Return what the variables of a kind could say, as written in a language."""
    with translation.override(language_for(language_code)):
        values, _ = values_of({**SAMPLES[kind], "shop_name": shop_name})
    return {name: values.get(name, "") for name in KINDS[kind].allowed}
