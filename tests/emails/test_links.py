from datetime import timedelta

import pytest
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st

from saleor_loyalty.emails.links import (
    LinkExpired,
    LinkInvalid,
    LinkPurpose,
    MemberLink,
    read,
    sign,
)
from saleor_loyalty.emails.rules import EmailKind
from tests.factories import NOW

LINK = MemberLink(7, EmailKind.WIN_BACK)
PREFERENCES, UNSUBSCRIBE = LinkPurpose.PREFERENCES, LinkPurpose.UNSUBSCRIBE


@pytest.mark.parametrize("purpose", LinkPurpose)
@pytest.mark.parametrize("link", [LINK, MemberLink(7), MemberLink(2**62, EmailKind.BIRTHDAY)])
def test_a_link_says_who_it_is_for_and_what_it_came_in(purpose, link):
    assert read(sign(link, purpose=purpose), purpose=purpose) == link


def test_a_token_fits_into_an_address_as_it_is():
    token = sign(LINK, purpose=UNSUBSCRIBE)

    assert all(sign.isalnum() or sign in "-_.~" for sign in token)
    assert len(token) < 120


@pytest.mark.parametrize(("made", "used"), [(PREFERENCES, UNSUBSCRIBE), (UNSUBSCRIBE, PREFERENCES)])
def test_a_link_is_no_good_for_anything_else(made, used):
    with pytest.raises(LinkInvalid):
        read(sign(LINK, purpose=made), purpose=used)


@given(st.integers(0, 200), st.text(max_size=3))
def test_a_changed_link_is_no_good(place, instead):
    token = sign(LINK, purpose=PREFERENCES)
    place %= len(token)
    changed = token[:place] + instead + token[place + 1 :]

    if changed != token:
        with pytest.raises(LinkInvalid):
            read(changed, purpose=PREFERENCES)


@given(st.text(max_size=100))
def test_nonsense_is_no_link(token):
    with pytest.raises(LinkInvalid):
        read(token, purpose=UNSUBSCRIBE)


def test_another_shops_link_is_no_good(settings):
    token = sign(LINK, purpose=PREFERENCES)
    settings.SECRET_KEY = "another"

    with pytest.raises(LinkInvalid):
        read(token, purpose=PREFERENCES)


def test_the_page_of_preferences_opens_for_a_year_and_unsubscribing_works_for_ever():
    with freeze_time(NOW):
        preferences, unsubscribe = (sign(LINK, purpose=one) for one in (PREFERENCES, UNSUBSCRIBE))

    with freeze_time(NOW + timedelta(days=365)):
        assert read(preferences, purpose=PREFERENCES) == LINK
    with freeze_time(NOW + timedelta(days=365, seconds=1)), pytest.raises(LinkExpired):
        read(preferences, purpose=PREFERENCES)
    with freeze_time(NOW + timedelta(days=9999)):
        assert read(unsubscribe, purpose=UNSUBSCRIBE) == LINK


def test_a_link_of_a_kind_that_is_gone_still_works(monkeypatch):
    from saleor_loyalty.emails import links

    token = links._signer(UNSUBSCRIBE).sign("7.a_kind_of_old")

    assert read(token, purpose=UNSUBSCRIBE) == MemberLink(7, None)
