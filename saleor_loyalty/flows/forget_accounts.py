"""What is forgotten when a customer's account is deleted: all that tells who it was."""

from datetime import datetime
from itertools import batched

from django.db import transaction
from django.db.models import Exists, OuterRef

from saleor_loyalty.emails.models import EmailMessage
from saleor_loyalty.emails.operations import forget
from saleor_loyalty.events.models import Invitation
from saleor_loyalty.events.rules import OPEN, EventState
from saleor_loyalty.flows.answer_invitations import remove_guest
from saleor_loyalty.mailings.models import MemberPreferences, PersonalDay
from saleor_loyalty.members.models import Member

CHUNK = 500


def forget_accounts(*, now: datetime) -> int:
    """Forget days, preferences, what mails said and what guests told of members whose account is gone.

    The anonymous ledger stays, and so does that mails were sent, and when. Their seats at events to come are
    free. Returns how many members had something left; a repeat changes nothing.
    """
    gone = Member.objects.filter(user=None, email="", merged_into=None)
    seats = Invitation.objects.filter(
        member__in=gone,
        answer__in=[answer.value for answer in OPEN],
        event__state=EventState.PUBLISHED.value,
        checked_in_at=None,
    )
    for pk in list(seats.order_by("pk").values_list("pk", flat=True)):
        remove_guest(invitation_id=pk, actor="", note="", now=now)
    mails = EmailMessage.objects.filter(member_id=OuterRef("pk")).exclude(recipient="", facts={})
    days = PersonalDay.objects.filter(member=OuterRef("pk"))
    chosen = MemberPreferences.objects.filter(member=OuterRef("pk")).exclude(
        accepts_marketing=False, stopped=[], language_code="", time_zone=""
    )
    guests = Invitation.objects.filter(member=OuterRef("pk")).exclude(
        guests=[], dietary="", access="", feedback_text=""
    )
    found = gone.filter(Exists(mails) | Exists(days) | Exists(chosen) | Exists(guests))
    found = found.order_by("pk")
    forgotten = 0
    for member_ids in batched(list(found.values_list("pk", flat=True)), CHUNK):
        with transaction.atomic():
            forget(member_ids=member_ids)
            PersonalDay.objects.filter(member__in=member_ids).delete()
            MemberPreferences.objects.filter(member__in=member_ids).delete()
            Invitation.objects.filter(member__in=member_ids).update(
                guests=[], dietary="", access="", feedback_text=""
            )
        forgotten += len(member_ids)
    return forgotten
