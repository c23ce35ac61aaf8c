"""What members want to hear, told by themselves, by a link and by staff."""

import pytest

from saleor_loyalty.emails.links import LinkInvalid, LinkPurpose, MemberLink, sign
from saleor_loyalty.emails.rules import EmailKind
from saleor_loyalty.flows.adjust_points import MemberNotFound
from saleor_loyalty.flows.join_program import NoProgram, NotAMember
from saleor_loyalty.flows.preferences import (
    change_own_preferences,
    change_preferences_by_link,
    member_of_link,
    record_consent,
    set_own_days,
)
from saleor_loyalty.mailings.models import Consent, MemberPreferences, PersonalDay
from saleor_loyalty.mailings.operations import DayInput, PreferenceChanges
from saleor_loyalty.mailings.queries import choices_of
from saleor_loyalty.mailings.rules import ConsentSource, DayKind, PreferencesInvalid
from tests.factories import CHANNEL, NOW, make_member, make_user

YES = PreferenceChanges(accepts_marketing=True)

pytestmark = pytest.mark.django_db


def token_of(member) -> str:
    return sign(MemberLink(member.pk), purpose=LinkPurpose.PREFERENCES)


def test_kinds_are_switched_one_by_one():
    user = make_user()
    member = make_member(user=user)

    for switched in (
        {EmailKind.WELCOME: False, EmailKind.THANK_YOU: False},
        {EmailKind.WELCOME: True, EmailKind.WIN_BACK: True},
    ):
        change_own_preferences(
            user_id=user.pk,
            channel_id=CHANNEL,
            changes=PreferenceChanges(switched=switched),
            now=NOW,
        )

    assert choices_of(member_ids=[member.pk])[member.pk].stopped == {EmailKind.THANK_YOU}


def test_a_form_of_a_kind_is_not_switched_alone():
    user = make_user()
    make_member(user=user)
    changes = PreferenceChanges(switched={EmailKind.THANK_YOU_FIRST: False})

    with pytest.raises(PreferencesInvalid) as refused:
        change_own_preferences(user_id=user.pk, channel_id=CHANNEL, changes=changes, now=NOW)

    assert refused.value.field == "kinds"
    assert MemberPreferences.objects.count() == 0


def test_who_takes_no_part_chooses_nothing():
    make_member()
    stranger = make_user("stranger@example.com")

    for channel_id, error in ((CHANNEL, NotAMember), (404, NoProgram)):
        with pytest.raises(error):
            change_own_preferences(user_id=stranger.pk, channel_id=channel_id, changes=YES, now=NOW)
        with pytest.raises(error):
            set_own_days(user_id=stranger.pk, channel_id=channel_id, days=[], now=NOW)
    assert MemberPreferences.objects.count() == 0


def test_days_are_replaced():
    user = make_user()
    make_member(user=user)
    days = [DayInput(kind=DayKind.OTHER, name="Tea", month=3, day=n) for n in (1, 2)]

    for some in (days, days[1:]):
        set_own_days(user_id=user.pk, channel_id=CHANNEL, days=some, now=NOW)

    assert PersonalDay.objects.get().day == 2


def test_a_link_acts_for_who_a_member_is_by_now():
    member = make_member(user=make_user())
    into = make_member(member.program, user=make_user("eve@example.com"))
    member.merged_into, member.merged_at = into, NOW
    member.save()

    found = change_preferences_by_link(token=token_of(member), changes=YES, now=NOW)

    assert found == into
    consent = Consent.objects.get()
    assert (consent.member_id, consent.source) == (into.pk, "preference_page")


def test_a_link_to_nobody_is_no_good():
    gone = make_member()

    with pytest.raises(NotAMember):
        member_of_link(token_of(gone))
    with pytest.raises(LinkInvalid):
        change_preferences_by_link(token=token_of(gone)[:-1], changes=YES, now=NOW)
    assert MemberPreferences.objects.count() == 0


def test_staff_record_what_they_were_told_once():
    member = make_member(user=make_user())
    told = {"source": ConsentSource.STAFF, "actor": "user:1", "now": NOW}

    for wording in (" By mail ", "Again"):
        record_consent(member_id=member.pk, is_given=True, wording=wording, **told)

    consent = Consent.objects.get()
    assert (consent.is_given, consent.wording, consent.actor) == (True, "By mail", "user:1")
    with pytest.raises(MemberNotFound):
        record_consent(member_id=404, is_given=True, wording="", **told)
    with pytest.raises(PreferencesInvalid):
        record_consent(member_id=member.pk, is_given=False, wording="x" * 5001, **told)
    assert Consent.objects.count() == 1
