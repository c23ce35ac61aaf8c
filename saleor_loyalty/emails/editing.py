"""The shop's own words: what may be written, and the versions of it."""

from collections.abc import Collection, Mapping
from datetime import datetime
from urllib.parse import urlsplit

from django.db import connection, transaction

from saleor_loyalty.emails.kinds import KINDS
from saleor_loyalty.emails.languages import language_for
from saleor_loyalty.emails.models import EmailText
from saleor_loyalty.emails.rendering import OwnTexts, ShopIdentity, TemplateBroken, render
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.emails.samples import SAMPLES, sparse
from saleor_loyalty.emails.texts import TextInvalid, parse, required_in, variables_in
from saleor_loyalty.errors import LoyaltyError

# The parts of a mail that may be written, and how long each may be.
LONGEST = {
    "subject": 200,
    "preheader": 200,
    "heading": 200,
    "body": 5000,
    "closing": 2000,
    "button": 60,
    "button_url": 500,
}
OF_ONE_LINE = frozenset({"subject", "preheader", "heading", "button", "button_url"})
MAX_LANGUAGE_LENGTH = 35
_SHOP = ShopIdentity(name="Shop", url="https://shop.example/")


class TextVersionNotFound(LoyaltyError):
    """There is no such version of a mail's texts."""

    code = "email_text_version_not_found"


def check_texts(
    kind: EmailKind,
    *,
    parts: Mapping[str, str],
    blocks: Collection[str] | None,
    language_code: str,
) -> None:
    """Check what the shop wrote of a kind of mail, to the point of rendering it.

    Raises:
        TextInvalid: the first thing that cannot be used, with `field` and `problem`.

    """
    code = language_code.replace("-", "")
    if not code.isalnum() or not code.isascii() or len(language_code) > MAX_LANGUAGE_LENGTH:
        raise TextInvalid(field="language_code", problem="is not a language code")
    for name, text in parts.items():
        if name not in LONGEST:
            raise TextInvalid(field=name, problem="is no part of a mail")
        _check_part(kind, name, text)
    usual = KINDS[kind].blocks
    if blocks is not None and (
        len(set(blocks)) != len(blocks) or not set(blocks) <= {block.value for block in usual}
    ):
        names = ", ".join(usual)
        problem = f"may be {names}, each once, in any order" if usual else "this mail has none"
        raise TextInvalid(field="blocks", problem=problem)
    own = OwnTexts(
        parts=parts,
        blocks=None if blocks is None else tuple(blocks),
        languages=frozenset({language_code}),
    )
    for facts in (SAMPLES[kind], sparse(SAMPLES[kind], always=KINDS[kind].always)):
        try:
            render(kind=kind, language_code=language_code, facts=facts, shop=_SHOP, own=own)
        except TemplateBroken as error:
            problem = f"cannot be rendered: {error.data['problem']}"
            raise TextInvalid(field="parts", problem=problem) from error


def _check_part(kind: EmailKind, name: str, text: str) -> None:
    if len(text) > LONGEST[name]:
        raise TextInvalid(field=name, problem=f"must have at most {LONGEST[name]} characters")
    if name in OF_ONE_LINE and len(text.splitlines()) > 1:
        raise TextInvalid(field=name, problem="must be one line")
    if any(not one.isprintable() and one not in "\r\n\t" for one in text):
        raise TextInvalid(field=name, problem="has characters that cannot be printed")
    if name == "button_url":
        _check_url(text)
        return
    try:
        written = parse(text)
    except TextInvalid as error:
        raise TextInvalid(field=name, problem=error.data["problem"]) from error
    spec = KINDS[kind]
    unknown = sorted(variables_in(written) - set(spec.allowed))
    if unknown:
        names = ", ".join(f"{{{one}}}" for one in spec.allowed)
        problem = f"this mail has no {{{unknown[0]}}}; it has {names}"
        raise TextInvalid(field=name, problem=problem)
    may_be_empty = sorted(required_in(written) - set(spec.always))
    if may_be_empty:
        one = may_be_empty[0]
        problem = f"{{{one}}} may be empty: put it in an optional part, as in [, {{{one}}}]"
        raise TextInvalid(field=name, problem=problem)


def _check_url(text: str) -> None:
    if not text:
        return
    try:
        parsed = urlsplit(text)
    except ValueError as error:
        raise TextInvalid(field="button_url", problem="is no address of a page") from error
    is_url = parsed.scheme in ("http", "https") and parsed.netloc
    if not is_url or any(sign in text for sign in " {}<>\"'\\"):
        raise TextInvalid(field="button_url", problem="must be an address of a page, http or https")


@transaction.atomic
def save_texts(
    *,
    kind: EmailKind,
    language_code: str,
    channel_id: int | None,
    parts: Mapping[str, str],
    blocks: Collection[str] | None,
    actor: str,
    now: datetime,
) -> EmailText:
    """Save what the shop wrote as a new version, which counts from now on.

    Empty parts, and None for `blocks`, are as they come. Saving what counts already changes nothing.

    Raises:
        TextInvalid: it could not be sent like that; nothing is saved.

    """
    language_code = language_code.lower()
    kept = {name: text.strip() for name, text in parts.items() if text.strip()}
    check_texts(kind, parts=kept, blocks=blocks, language_code=language_code)
    versions = EmailText.objects.filter(
        kind=kind.value, language_code=language_code, channel_id=channel_id
    )
    with connection.cursor() as cursor:  # of a first version there is no row to lock yet
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"saleor_loyalty.texts:{kind.value}:{language_code}:{channel_id}"],
        )
    last = versions.order_by("-version").first()
    chosen = None if blocks is None else list(blocks)
    if last is not None and (last.parts, last.blocks) == (kept, chosen):
        return last
    versions.filter(is_current=True).update(is_current=False)
    return EmailText.objects.create(
        kind=kind.value,
        language_code=language_code,
        channel_id=channel_id,
        version=last.version + 1 if last else 1,
        is_current=True,
        parts=kept,
        blocks=chosen,
        actor=actor,
        created_at=now,
    )


@transaction.atomic
def restore_texts(*, text_id: int, actor: str, now: datetime) -> EmailText:
    """Make an older version count again, as a new one.

    Raises:
        TextVersionNotFound: there is no such version.
        TextInvalid: it cannot be used any more.

    """
    old = EmailText.objects.filter(pk=text_id).first()
    if old is None:
        raise TextVersionNotFound(field="id")
    return save_texts(
        kind=EmailKind(old.kind),
        language_code=old.language_code,
        channel_id=old.channel_id,
        parts=old.parts,
        blocks=old.blocks,
        actor=actor,
        now=now,
    )


@transaction.atomic
def reset_texts(
    *, kind: EmailKind, language_code: str, channel_id: int | None, actor: str, now: datetime
) -> None:
    """Make a mail's texts and blocks as they come again, by an empty version; where nothing is, nothing happens."""
    versions = EmailText.objects.filter(
        kind=kind.value, language_code=language_code.lower(), channel_id=channel_id
    )
    if versions.exists():
        save_texts(
            kind=kind,
            language_code=language_code,
            channel_id=channel_id,
            parts={},
            blocks=None,
            actor=actor,
            now=now,
        )


class OwnTextsIndex:
    """All that the shop wrote of some kinds of mail, loaded in one query."""

    def __init__(self, kinds: Collection[EmailKind]) -> None:
        self._rows = {
            (row.kind, row.language_code, row.channel_id): row
            for row in EmailText.objects.filter(
                kind__in=[kind.value for kind in kinds], is_current=True
            )
            if row.parts or row.blocks is not None
        }

    def pretend(self, row: EmailText) -> None:
        """Go on as if a version were saved."""
        self._rows[row.kind, row.language_code, row.channel_id] = row

    def find(self, kind: EmailKind, *, language_code: str, channel_id: int | None) -> OwnTexts:
        """Return what the shop wrote for a reader: part by part, the channel's before all channels'.

        The language's own code ("pt-br") comes before its base ("pt"), and that before the one that
        serves it (bokmål for nynorsk, English for what we do not have).
        """
        code = language_code.lower()
        codes = dict.fromkeys((code, code.split("-")[0], language_for(code)))
        channels = dict.fromkeys((channel_id, None))
        rows = [
            row
            for one in codes
            for channel in channels
            if (row := self._rows.get((kind.value, one, channel))) is not None
        ]
        parts: dict[str, str] = {}
        for row in reversed(rows):
            parts |= row.parts
        return OwnTexts(
            parts=parts,
            blocks=next((row.blocks for row in rows if row.blocks is not None), None),
            languages=frozenset(row.language_code for row in rows if row.parts),
        )
