"""Every mail as plain text, word by word, in goldens/<kind>.<language>.txt: the subject comes first.

UPDATE_GOLDENS=1 writes the files instead of comparing with them; read what has changed.
"""

import os
import re
from pathlib import Path

import pytest

from saleor_loyalty.emails.rules import EmailKind
from tests.emails.mails import LANGUAGES, mail

GOLDENS = Path(__file__).parent / "goldens"
ENDS = re.compile(r"\. (?=[^\W\d_a-zčšžå])")
CASES = [(kind, language) for kind in EmailKind for language in LANGUAGES]


@pytest.mark.parametrize(("kind", "language"), CASES)
def test_a_mail_says_what_it_always_said(kind, language):
    rendered = mail(kind, language)

    written = f"{rendered.subject}\n\n{rendered.text}"
    path = GOLDENS / f"{kind.value}.{language}.txt"
    if os.environ.get("UPDATE_GOLDENS"):
        GOLDENS.mkdir(exist_ok=True)
        path.write_text(written, encoding="utf-8")
    assert written == path.read_text(encoding="utf-8")


def test_there_are_no_other_goldens():
    assert {path.name for path in GOLDENS.iterdir()} == {
        f"{kind.value}.{language}.txt" for kind, language in CASES
    }


@pytest.mark.parametrize("path", sorted(GOLDENS.glob("*.txt")), ids=lambda path: path.stem)
def test_a_mail_has_no_blemish(path):
    text = path.read_text(encoding="utf-8")

    assert "\n\n\n" not in text
    for line in text.splitlines():
        assert line == line.strip()
        assert "  " not in line
        assert not any(sign in line for sign in ("..", " .", " ,", " !", " :", "{", "}", "[", "]"))
    sentences = [
        one.rstrip(".")
        for line in text.splitlines()[2:]
        for one in ENDS.split(line)
        if len(one) > 12
    ]
    assert len(set(sentences)) == len(sentences)
