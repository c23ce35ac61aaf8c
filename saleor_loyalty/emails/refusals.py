"""What a mail server's or an API's refusal says: of the address, of the mail, or of the shop."""

import re
from smtplib import SMTPException, SMTPRecipientsRefused

PERMANENT = 500  # SMTP's replies from here on mean: do not try again
REFUSED = 400  # HTTP's statuses from here on mean that an API did not take the mail
OUT_OF_ORDER = 500  # from here on it may have
NO_SUCH_ADDRESS = frozenset({550, 551, 553})
ENHANCED_CODE = re.compile(r"\b[45]\.(\d{1,3})\.(\d{1,3})\b")


def is_permanent(error: SMTPException) -> bool:
    """Whether the mail server said no for good: to the address, or to what the mail says.

    What it says of the shop (5.7: not allowed, 5.4: no way there) the shop can mend, so that is tried
    again, and not held against the address.
    """
    if isinstance(error, SMTPRecipientsRefused):
        return all(_is_address(code, text) for code, text in error.recipients.values())
    code, text = getattr(error, "smtp_code", 0), getattr(error, "smtp_error", b"")
    subject, _ = _enhanced(text)
    return isinstance(code, int) and code >= PERMANENT and subject not in ("4", "7")


def _is_address(code: int, text: bytes | str) -> bool:
    """Whether a reply to a recipient says that there is no such mailbox (RFC 3463: X.1, X.2.1)."""
    subject, detail = _enhanced(text)
    if not subject:
        return code in NO_SUCH_ADDRESS
    return code >= PERMANENT and (subject == "1" or (subject, detail) == ("2", "1"))


def _enhanced(text: bytes | str) -> tuple[str, str]:
    """Return subject and detail of a reply's enhanced status code (RFC 3463), or nothing."""
    plain = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    found = ENHANCED_CODE.search(plain)
    return (found.group(1), found.group(2)) if found else ("", "")


def is_refusal(error: Exception) -> bool:
    """Whether an API of a mail service surely did not take the mail, by the HTTP status it gave."""
    status = getattr(error, "status_code", None)
    return isinstance(status, int) and REFUSED <= status < OUT_OF_ORDER
