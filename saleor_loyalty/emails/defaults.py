"""The texts of mails as they come, in a language, as the shop could have written them; pure Python."""

from saleor_loyalty.emails.kinds import KINDS
from saleor_loyalty.emails.languages import language_for, translate
from saleor_loyalty.emails.rules import EmailKind

OF_A_LINE = ("subject", "preheader", "heading", "button")
OF_PARAGRAPHS = ("body", "closing")


def default_texts(kind: EmailKind, *, language_code: str) -> dict[str, str]:
    """Return the texts of a mail by part, in the language that serves a code best, else English.

    They are in the little language of `emails.texts`; empty lines are between paragraphs.
    """
    language = language_for(language_code)
    spec = KINDS[kind]
    texts = {name: translate(getattr(spec, name), language=language)[0] for name in OF_A_LINE}
    for name in OF_PARAGRAPHS:
        texts[name] = "\n\n".join(
            " ".join(translate(sentence, language=language)[0] for sentence in sentences)
            for sentences in getattr(spec, name)
        )
    return texts


def kind_name(kind: EmailKind, *, language_code: str) -> str:
    """Return what a kind of mail is called where one chooses, in a language."""
    return translate(KINDS[kind].name, language=language_for(language_code))[0]
