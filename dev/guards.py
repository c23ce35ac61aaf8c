"""Does each guard of the ledger and of tiers have a test that misses it? Removes them one by one, in a copy."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterable, List, Tuple

from dev import postgres as pg
from dev.console import Trouble, say, step
from dev.places import BUILD, REPO
from dev.setup import Environment, python_environment

TREE = BUILD / "guards"
COPIED = ("saleor_loyalty", "tests", "pyproject.toml", "setup.cfg")
POINTS = "saleor_loyalty/points"
TABLE = "ALTER TABLE saleor_loyalty_"
MIGRATION = '''"""Drops a guard."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("saleor_loyalty", "{before}")]
    operations = [migrations.RunSQL({sql!r})]
'''


@dataclass(frozen=True)
class Guard:
    """A guard, how it is removed (a text replaced, or SQL), and the tests that must go red."""

    name: str
    tests: Tuple[str, ...]
    file: str = ""
    old: str = ""
    new: str = ""
    sql: str = ""


GUARDS = [
    Guard(
        "the lock on members",
        ("points/test_races.py", "points/test_post.py::test_32_threads_spend"),
        f"{POINTS}/operations.py",
        " ORDER BY id FOR NO KEY UPDATE",
        "",
    ),
    Guard(
        "a key is unique",
        ("points/test_post.py::test_one_key_for_two_members_at_once",),
        sql=f"{TABLE}entry DROP CONSTRAINT loyalty_entry_posted_once",
    ),
    Guard(
        "the fingerprint of a key",
        ("points/test_post.py::test_the_same_key_with_other_data",),
        f"{POINTS}/operations.py",
        "elif written[identity] != fingerprint:",
        "elif False:",
    ),
    Guard(
        "a mail's key is unique",
        ("emails/test_delivery.py::test_a_key_is_queued_once_ever",),
        sql=f"{TABLE}emailmessage DROP CONSTRAINT loyalty_email_queued_once",
    ),
    Guard(
        "a mail is claimed by one worker",
        ("emails/test_delivery.py::test_no_mail_is_claimed_by_two_workers",),
        "saleor_loyalty/emails/operations.py",
        "EmailMessage.objects.select_for_update(skip_locked=True)",
        "EmailMessage.objects",
    ),
    Guard(
        "a mail is handed over once",
        ("emails/test_delivery.py::test_a_worker_that_wakes_up_after_its_claim",),
        "saleor_loyalty/emails/operations.py",
        "return bool(ours.update(",
        "return True or bool(ours.update(",
    ),
    Guard(
        "a mail in doubt is not sent again",
        ("emails/test_delivery.py::test_a_worker_killed_after_the_hand_over",),
        "saleor_loyalty/emails/operations.py",
        "sending.filter(handed_over_at=None, claimed_at__lt=long_ago)",
        "sending.filter(claimed_at__lt=long_ago)",
    ),
    Guard(
        "one mail at a time is counted towards a week",
        ("flows/test_mail_approval.py::test_two_workers_do_not_both_send",),
        "saleor_loyalty/flows/mail_approval.py",
        "    lock_members(member_ids=targets)\n",
        "",
    ),
    Guard(
        "marketing needs consent",
        ("flows/test_mail_approval.py::test_marketing_needs_consent",),
        "saleor_loyalty/mailings/rules.py",
        "is Purpose.MARKETING and not choices.accepts_marketing:",
        "is Purpose.MARKETING and False:",
    ),
    Guard(
        "no balance below zero",
        ("points/test_post.py::test_the_database_refuses_a_negative_balance",),
        sql=f"{TABLE}balance DROP CONSTRAINT loyalty_balance_not_negative",
    ),
    Guard(
        "no debt beside points",
        ("points/test_holds.py::test_the_database_refuses_debt_beside_points",),
        sql=f"{TABLE}balance DROP CONSTRAINT loyalty_balance_debt_is_repaid_first",
    ),
    Guard(
        "no lot below zero",
        ("points/test_holds.py::test_the_database_refuses_a_lot_below_zero",),
        sql=f"{TABLE}lot DROP CONSTRAINT loyalty_lot_not_negative",
    ),
    Guard(
        "no hold below zero",
        ("points/test_holds.py::test_the_database_refuses_a_hold_that_cannot_be",),
        sql=f"{TABLE}hold DROP CONSTRAINT loyalty_hold_not_negative",
    ),
    Guard(
        "no hold beyond its points",
        ("points/test_holds.py::test_the_database_refuses_a_hold_that_cannot_be",),
        sql=f"{TABLE}hold DROP CONSTRAINT loyalty_hold_within_its_points",
    ),
    Guard(
        "entries cannot be changed",
        ("points/test_post.py::test_the_database_refuses_to_change_entries",),
        sql="DROP TRIGGER saleor_loyalty_entry_no_change ON saleor_loyalty_entry",
    ),
    Guard(
        "entries cannot be truncated",
        ("points/test_post.py::test_the_database_refuses_to_change_entries",),
        sql="DROP TRIGGER saleor_loyalty_entry_no_truncate ON saleor_loyalty_entry",
    ),
    Guard(
        "lots and balance must agree",
        ("points/test_verification.py::test_a_drift_stops_postings",),
        f"{POINTS}/wallets.py",
        "if in_lots != getattr(self.purse, bucket.value):",
        "if False:",
    ),
    Guard(
        "an order's own lot first",
        ("points/test_postings.py::test_taking_back_an_orders_points_begins_with_its_own",),
        f"{POINTS}/postings.py",
        "if self.order_id and lot.order_id == self.order_id",
        "if False",
    ),
    Guard(
        "debt is repaid first",
        ("points/test_postings.py::test_an_award_repays_debt_at_once",),
        f"{POINTS}/wallets.py",
        "if owed > 0:",
        "if False:",
    ),
    Guard(
        "the promised notice",
        ("points/test_postings.py::test_maturing_keeps_the_promised_notice",),
        f"{POINTS}/postings.py",
        "lot.expires_at = max(lot.expires_at, promised)",
        "pass",
    ),
    Guard(
        "soonest-expiring first",
        ("points/test_postings.py::test_points_are_used_soonest_expiring_first",),
        f"{POINTS}/wallets.py",
        "yield from sorted(ready, key=self.expiry_order)",
        "yield from ready",
    ),
    Guard(
        "expiry locks its members",
        ("points/test_sweeps.py::test_who_is_active_while_the_sweep_waits",),
        f"{POINTS}/sweeps.py",
        "    lock_members(member_ids=member_ids)\n",
        "",
    ),
    Guard(
        "a drift holds up no other",
        ("points/test_sweeps.py::test_a_member_whose_ledger_drifts_holds_up_no_other",),
        f"{POINTS}/sweeps.py",
        " AND lot.member_id <> ALL(%(drifted)s::bigint[])",
        "",
    ),
    Guard(
        "what cannot be is corrected by entries",
        ("points/test_verification.py::test_an_award_that_was_deleted_is_corrected",),
        f"{POINTS}/verification.py",
        "        _correct(member_id, now=now)\n",
        "        pass\n",
    ),
    Guard(
        "workers pass what another has claimed",
        ("points/test_races.py::test_a_worker_does_not_wait_for_what_another_has_claimed",),
        "saleor_loyalty/orders/operations.py",
        "select_for_update(skip_locked=True)",
        "select_for_update()",
    ),
    Guard(
        "the lock on orders",
        ("flows/test_settle_orders.py::test_a_slow_worker_cannot_undo",),
        "saleor_loyalty/orders/operations.py",
        "SELECT pg_advisory_xact_lock(hashtextextended('saleor_loyalty:' || order_id, 0))",
        "SELECT order_id",
    ),
    Guard(
        "the lock on the limit of adjustments",
        ("flows/test_adjust_points.py::test_sixteen_calls_at_once",),
        "saleor_loyalty/flows/adjust_points.py",
        '    _one_at_a_time(f"{member.program_id}:{actor}")\n',
        "",
    ),
    Guard(
        "the lock on a customer's caps",
        ("earning/test_limits.py::test_a_cap_holds_against_32_threads",),
        "saleor_loyalty/earning/usage.py",
        "    _lock_customers(limited)\n",
        "",
    ),
    Guard(
        "the lock on budgets",
        ("earning/test_limits.py::test_a_budget_is_never_overrun_by_32_threads",),
        "saleor_loyalty/earning/usage.py",
        "BudgetUse.objects.select_for_update().filter(",
        "BudgetUse.objects.filter(",
    ),
    Guard(
        "the lock on members whose tier is looked at",
        ("flows/test_tier_merges.py::test_a_look_at_a_member_who_is_merged_meanwhile",),
        "saleor_loyalty/flows/evaluate_tiers.py",
        "        lock_members(member_ids=wanted)\n",
        "",
    ),
    Guard(
        "the history of tiers cannot be changed",
        ("flows/test_tiers.py::test_the_database_refuses_to_change_the_history",),
        sql="DROP TRIGGER saleor_loyalty_tierchange_no_change ON saleor_loyalty_tierchange",
    ),
    Guard(
        "a promised tier stays until its date",
        ("tiers/test_evaluation.py::test_a_higher_threshold_takes_nothing",),
        "saleor_loyalty/tiers/evaluation.py",
        "    if standing.needed is None or standing.version < ladder.terms_since:\n        return True\n",
        "    return False\n",
    ),
    Guard(
        "forgiven debts do not count for tiers",
        ("tiers/test_measuring.py::test_forgiven_debts",),
        "saleor_loyalty/tiers/measuring.py",
        "source = 'issued' AND target <> 'debt'",
        "source = 'issued'",
    ),
    Guard(
        "a welcome is given once ever",
        ("flows/test_tier_edges.py::test_a_welcome_by_another_key_is_no_second_welcome",),
        "saleor_loyalty/flows/grant_benefits.py",
        "welcomed = {row[:2] for row in before",
        "welcomed = {() for row in before",
    ),
    Guard(
        "checkout: a replaced amount lets the old points go",
        ("flows/test_redeem_at_checkout.py::test_a_replaced_amount",),
        "saleor_loyalty/spending/operations.py",
        "[*postings, _authorize(spending, now=now)]",
        "[_authorize(spending, now=now)]",
    ),
    Guard(
        "checkout: only held points are spent",
        ("flows/test_redeem_at_checkout.py::test_what_released_points_left",),
        "saleor_loyalty/flows/settle_spending.py",
        "    if row.state == SpendingState.HELD.value:",
        "    if row.state != SpendingState.CAPTURED.value:",
    ),
    Guard(
        "checkout: the surplus of an order goes back",
        ("flows/test_redeem_at_checkout.py::test_an_order_captures",),
        "saleor_loyalty/flows/settle_spending.py",
        "    if points < row.points:",
        "    if False:",
    ),
    Guard(
        "checkout: what came back comes back once",
        ("flows/test_redeem_at_checkout.py::test_points_come_back",),
        "saleor_loyalty/flows/settle_spending.py",
        "points = back - row.returned_points",
        "points = back",
    ),
    Guard(
        "checkout: one application each",
        ("flows/test_redeem_at_checkout.py::test_the_database_refuses_two",),
        sql="DROP INDEX loyalty_spending_one_a_checkout",
    ),
    Guard(
        "checkout: released once",
        ("flows/test_redeem_at_checkout.py::test_released_points_are_there_again",),
        "saleor_loyalty/spending/operations.py",
        "rows = Spending.objects.select_for_update().filter(state=SpendingState.HELD.value)",
        "rows = Spending.objects.select_for_update()",
    ),
    Guard(
        "event: the lock on it",
        ("events/test_answers.py::test_64_members", "events/test_answers.py::test_a_storm"),
        "saleor_loyalty/events/operations.py",
        'Event.objects.select_for_update(of=("self",)).select_related("program")',
        'Event.objects.select_related("program")',
    ),
    Guard(
        "event: no more seats than there are",
        ("events/test_constraints.py::test_the_database_refuses",),
        sql=f"{TABLE}event DROP CONSTRAINT loyalty_event_seats",
    ),
    Guard(
        "event: one invitation a member",
        ("events/test_constraints.py::test_the_database_refuses",),
        sql=f"{TABLE}invitation DROP CONSTRAINT loyalty_invitation_once",
    ),
    Guard(
        "event: who waits is asked by tier",
        ("events/test_answers.py::test_a_seat_that_comes_free",),
        "saleor_loyalty/events/rules.py",
        "(-one.rank, one.since, one.invitation_id)",
        "(one.since, one.invitation_id)",
    ),
    Guard(
        "event: a lapsed offer is over before anybody answers",
        ("events/test_answers.py::test_who_comes_back_after",),
        "saleor_loyalty/flows/answer_invitations.py",
        "    steps = move_line(event, now=now)\n",
        "    steps: list[InvitationStep] = []\n",
    ),
    Guard(
        "event: who cancels too late has paid",
        ("events/test_answers.py::test_who_cancels_too_late",),
        "saleor_loyalty/flows/answer_invitations.py",
        "keeps_price = now > refundable_until(event, invitation)",
        "keeps_price = False",
    ),
    Guard(
        "event: a code lets in once",
        ("events/test_door.py::test_who_has_a_seat", "events/test_door.py::test_a_code_shown"),
        "saleor_loyalty/flows/check_in.py",
        """    if invitation.checked_in_at is not None:
        return Door.ALREADY_IN
    if invitation.answer""",
        "    if invitation.answer",
    ),
    Guard(
        "event: a link is for one thing",
        ("events/test_event_mails.py::test_a_mail_links_to",),
        "saleor_loyalty/emails/links.py",
        "saleor_loyalty.links.{purpose.value}",
        "saleor_loyalty.links",
    ),
    Guard(
        "event: mails that are true no more do not leave",
        ("events/test_event_mails.py::test_what_is_true_no_more",),
        "saleor_loyalty/flows/mail_freshness.py",
        "        | overtaken_by_events(known, now=now)\n",
        "",
    ),
    Guard(
        "event: reminders keep the local time",
        ("events/test_ends.py::test_days_before",),
        "saleor_loyalty/events/rules.py",
        "local = starts_at.astimezone(ZoneInfo(time_zone)) - timedelta(days=days)",
        "local = starts_at - timedelta(days=days)",
    ),
]


def guards(environment: Environment) -> int:
    """Remove each guard once and print whether its tests went red; K narrows them by name."""
    chosen = [guard for guard in GUARDS if os.environ.get("K", "") in guard.name]
    results: Dict[str, str] = {}
    with pg.server() as postgres:
        url = postgres.database_url("postgres")
        _copy()
        with step("all of these tests, with every guard in its place"):
            whole = _verdict(environment, [test for one in chosen for test in one.tests], url)
        if whole != "SURVIVED":
            raise Trouble(f"The tests must pass before guards are removed: {whole}")
        for guard in chosen:
            with step(guard.name):
                results[guard.name] = _without(guard, environment, url)
    say()
    for name, verdict in results.items():
        say(f"{name:40} {verdict}")
    return 0 if set(results.values()) == {"red"} else 1


def _copy() -> None:
    """Make the copy anew; the work tree is never touched."""
    shutil.rmtree(str(TREE), ignore_errors=True)
    TREE.mkdir(parents=True)
    for name in COPIED:
        if (REPO / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(str(REPO / name), str(TREE / name), ignore=ignored)
        else:
            shutil.copy2(str(REPO / name), str(TREE / name))


def _without(guard: Guard, environment: Environment, url: str) -> str:
    if guard.sql:
        folder = TREE / "saleor_loyalty" / "migrations"
        before = max(path.stem for path in folder.glob("[0-9]*.py"))
        added = folder / "9999_without_a_guard.py"
        added.write_text(MIGRATION.format(before=before, sql=guard.sql))
        try:
            return _verdict(environment, guard.tests, url)
        finally:
            added.unlink()
    file = TREE / guard.file
    text = file.read_text()
    if text.count(guard.old) != 1:
        return f"not once in {guard.file}: {guard.old.strip()}"
    file.write_text(text.replace(guard.old, guard.new))
    try:
        return _verdict(environment, guard.tests, url)
    finally:
        file.write_text(text)


def _verdict(environment: Environment, tests: Iterable[str], url: str) -> str:
    """Run tests in the copy: "red" if one of them failed, "SURVIVED" if all passed."""
    arguments, names = _selection(tests)
    missing = [file for file in arguments if not (TREE / file).exists()]
    if missing:
        return f"there is no {', '.join(missing)}"
    command = [str(environment.python), "-m", "pytest", *arguments, "-k", " or ".join(names)]
    result = subprocess.run(
        command,
        env={
            **os.environ,
            **python_environment(environment),
            "PYTHONPATH": str(TREE),
            "PYTHONDONTWRITEBYTECODE": "1",
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "DATABASE_URL": url,
        },
        cwd=str(TREE),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    (TREE / "last.log").write_text(result.stdout)
    last = result.stdout.strip().splitlines()[-1]
    if result.returncode == 0:
        return "SURVIVED"
    return "red" if " failed" in last and "error" not in last else f"broken: {last}"


def _selection(tests: Iterable[str]) -> Tuple[List[str], List[str]]:
    """Return the files and the names (or beginnings of names) of tests."""
    files: List[str] = []
    names: List[str] = []
    for test in tests:
        file, _, name = test.partition("::")
        files.append(f"tests/{file}")
        names.append(name or Path(file).stem)
    return sorted(set(files)), sorted(set(names))
