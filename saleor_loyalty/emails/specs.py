"""What a kind of mail is made of: texts, what they may speak of, and blocks. Pure Python."""

from dataclasses import dataclass
from enum import StrEnum

from saleor_loyalty.emails.variables import ALWAYS, OFTEN

Sentences = tuple[str, ...]


def _(text: str) -> str:
    """Mark a text for translation."""
    return text


class Block(StrEnum):
    """What a mail can show beside its words."""

    POINTS = "points"
    ORDER = "order"
    TIER = "tier"
    BENEFITS = "benefits"
    EXPIRING = "expiring"
    REFUND = "refund"
    REWARD = "reward"
    STATEMENT = "statement"
    EVENT = "event"
    ANSWERS = "answers"
    TICKET = "ticket"
    FEEDBACK = "feedback"


# Blocks with buttons of their own: beside them, the mail's one steps back.
WITH_BUTTONS = frozenset({Block.ANSWERS, Block.TICKET, Block.FEEDBACK})


@dataclass(frozen=True, kw_only=True)
class KindSpec:
    """A kind of mail: its texts, what they may speak of, and its blocks in their usual order.

    `body` and `closing` are paragraphs of sentences. Texts may have the variables in `sure`; those in
    `maybe`, which can be empty, only in optional parts. `name` and `reason` are for the member and
    are not the shop's to edit: what the mail is called where one chooses, and why one gets it. The
    button leads to `link`, one of the addresses in `Go.links`; empty: to the shop.
    """

    name: str
    subject: str
    preheader: str
    heading: str
    body: tuple[Sentences, ...]
    reason: str
    sure: tuple[str, ...] = ()
    maybe: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    closing: tuple[Sentences, ...] = ()
    button: str = _("Visit {shop_name}")
    link: str = ""

    @property
    def always(self) -> tuple[str, ...]:
        """Return the variables that have a value in every mail of the kind."""
        return ALWAYS + self.sure

    @property
    def allowed(self) -> tuple[str, ...]:
        """Return the variables that its texts may have."""
        return self.always + OFTEN + self.maybe


MEMBER = _("You receive this message because you are a member of {program_name} at {shop_name}.")
FRIEND = _(
    "You receive this message because you agreed to hear from {program_name} at {shop_name}."
)
