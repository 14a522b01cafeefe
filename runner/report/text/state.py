"""Text and JSON of `state`: what is remembered, what a repair would change, what is wrong."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from runner.core.attempts import Attempt, AttemptState
from runner.core.operations import Move
from runner.core.snapshot import Recorded
from runner.report.documents.as_json import Document, as_text
from runner.report.terminal.screen import Column, Field, Fit, Screen
from runner.report.terminal.style import Span, Style, Written, attention, bad, command, dim, good, strong
from runner.report.wording import NOTHING, Amounts, count, words
from runner.store.disk.lock import Holder
from runner.store.recovery.copy_state import Copied
from runner.store.recovery.merge_copies import Carried, MergeVerdict
from runner.store.recovery.restore import Restoration
from runner.store.recovery.verify import Verified

_STYLES = {
    AttemptState.PLACED: Style.GOOD,
    AttemptState.IN_DOUBT: Style.BAD,
    AttemptState.SENDING: Style.ATTENTION,
    AttemptState.ABANDONED: Style.ATTENTION,
}
_HOW_STYLES = {MergeVerdict.IN_DOUBT: Style.BAD, MergeVerdict.DECIDED_OTHERWISE: Style.ATTENTION}
_UNCHANGED = dim("Nothing was changed.")
_MOST = 20  # lines of one list of what changes


def render_attempts(attempts: Sequence[Attempt], out: Screen) -> None:
    """Show one line for each attempt, in the order marked."""
    if not attempts:
        out.line(attention("The state holds no such attempt."), "All of them:", command("runner state list"))
        return
    amounts = Amounts((_known_charge(attempt), None) for attempt in attempts)
    fields: list[Field[Attempt]] = [
        Field("attempt", lambda one: str(one.id), Fit.NUMBER),
        Field("order", lambda one: one.address, Fit.NAME),
        Field("kind", lambda one: words(one.kind) + (f" {one.slot}" if one.slot else "")),
        Field("state", lambda one: Span(words(one.state), _STYLES.get(one.state, Style.DIM))),
        Field("panel", lambda one: one.panel),
        Field("panel order", lambda one: one.panel_order_id or NOTHING),
        Field("status", lambda one: NOTHING if one.checked_at is None else words(one.status)),
        Field("charge", lambda one: _charge(one, amounts), Fit.AMOUNT),
    ]
    out.listing(fields, attempts, indent=0)


def _known_charge(attempt: Attempt) -> Decimal:
    return attempt.charge if attempt.charge is not None else attempt.expected_charge


def _charge(attempt: Attempt, amounts: Amounts) -> Written:
    shown = amounts.bare(_known_charge(attempt))
    return shown if attempt.charge is not None else dim(f"({shown})")


def render_attempt(attempts: Sequence[Attempt], out: Screen) -> None:
    """Everything that is remembered of one order's attempts."""
    for attempt in attempts:
        out.heading(
            f"{attempt.address}, attempt {attempt.id}:",
            Span(words(attempt.state), _STYLES.get(attempt.state, Style.PLAIN)),
        )
        rows = [
            [words(name), _shown(value)] for name, value in attempt._asdict().items() if name not in ("id", "state")
        ]
        out.table([Column(""), Column("", Fit.WRAP)], rows)


def _shown(value: object) -> str:
    if value is None:
        return NOTHING
    return as_text(value) if isinstance(value, Decimal | datetime) else str(value)


def attempts_document(recorded: Recorded, attempts: Sequence[Attempt]) -> Document:
    """`{lineage, serial, attempts: [...]}` with every field of each attempt."""
    rows = [{"order": attempt.address} | attempt._asdict() for attempt in attempts]
    return {"lineage": recorded.lineage, "serial": recorded.serial, "attempts": rows}


def render_moves(moves: Sequence[Move], out: Screen, kept: Path | None, *, done: bool) -> None:
    """Show a renaming of one order or of a whole campaign, planned or done; `kept` is the backup that was made before."""
    verb = "Moved" if done else "Would move"
    first = moves[0]
    if len(moves) == 1:
        out.line(verb, strong("/".join(first.before)), "to", strong("/".join(first.after)))
    else:
        out.line(verb, f"{count(len(moves), 'order')} of", strong(first.before[0]), "to", strong(first.after[0]))
    render_attempts(
        [
            attempt._replace(campaign=campaign, order_id=order_id)
            for _, (campaign, order_id), attempts in moves
            for attempt in attempts
        ],
        out,
    )
    _kept(kept, out)
    if not done:
        out.line(_UNCHANGED)


def _kept(copy: Path | None, out: Screen) -> None:
    if copy is not None:
        out.line("The former state is kept in", strong(str(copy)))


def render_copied(copied: Copied, out: Screen) -> None:
    """What was copied and closed, or would be."""
    orders = count(copied.attempts, "attempt")
    if copied.content is None:
        out.line("Would copy", f"{orders} of", strong(copied.source), "to", strong(copied.target))
        out.line(_UNCHANGED)
        return
    out.line(good("Copied"), f"{orders} of", strong(copied.source), "to", strong(copied.target))
    rows = sum(copied.content.rows.values())
    tables = count(len(copied.content.rows), "table")
    out.line(dim(f"Compared after that: {count(rows, 'row')} of {tables}, lineage {copied.lineage}."), indent=2)
    out.line("The former one is closed: it can be read, and buys nothing any more.")
    out.line("From now on:", command(f"export BULK_RUNNER_STATE='{copied.target}'"))


def render_restoration(plan: Restoration, out: Screen, *, done: bool) -> None:
    """Show what comes back, what is lost, what is carried over, and what to do about it."""
    out.line("Restored" if done else "Would restore", strong(str(plan.source)), f"of serial {plan.copy.serial}.")
    if plan.loses:
        out.line(
            attention(
                f"It is older than reality: serial {plan.high_water} is known. A new epoch begins: serial {plan.after.serial}."
            )
        )
        if not plan.present_was_read:
            out.line(
                bad(
                    "The present state does not tell all that was done since: what else was placed after this copy is unknown,"
                )
            )
            out.line(bad("and the next apply will buy it again. Look through the panel's own order list first."))
            if plan.missing:
                out.line(bad(f"A high-water mark tells of {count(plan.missing, 'order')} that none of them holds."))
            out.line("Take the lines of what you find there out of the campaign files before you apply.")
        else:
            out.line(
                "Purchases that only the present state knows are carried over as doubts, which are never bought again;"
            )
            out.line("decisions, and requests for refills and cancellations, as they are.")
    _carried(plan.merged.carried, out)
    asked = ((plan.merged.refills, "refill"), (plan.merged.cancels, "cancellation"))
    if told := [count(some, noun) for some, noun in asked if some]:
        out.line("Carried over as well:", ", ".join(told))
    _kept(plan.kept, out)
    if not done:
        out.line(_UNCHANGED)


def _carried(carried: Sequence[Carried], out: Screen) -> None:
    if not carried:
        return
    doubts = sum(1 for one in carried if one.how is MergeVerdict.IN_DOUBT)
    told = count(len(carried), "attempt") + (f", {doubts} of them in doubt" if doubts else "")
    out.heading("Carried over from the present state:", told)
    fields: list[Field[Carried]] = [
        Field("", lambda one: one.order, Fit.NAME),
        Field("", lambda one: Span(words(one.how), _HOW_STYLES.get(one.how, Style.PLAIN))),
        Field("", lambda one: one.message, Fit.WRAP),
    ]
    out.listing(fields, carried[:_MOST] if out.is_terminal else carried)
    if out.is_terminal and len(carried) > _MOST:
        out.line(attention(f"… and {len(carried) - _MOST:,} more."))
    if doubts:
        out.line("Settle each doubt:", command("runner doubt list"))


def render_verified(verified: Verified, out: Screen) -> None:
    """Show what was looked at, then every finding with its next step, or that all is well."""
    if not verified.checks:
        out.line("There is no state yet: a fresh project.")
        return
    for finding in verified.findings:
        out.line(bad(finding.what))
        out.line("next:", command(finding.next_step), indent=2)
    if verified.findings:
        out.line(bad(f"{count(len(verified.findings), 'finding')}."))
        return
    facts = f"{count(verified.attempts, 'attempt')}, lineage {verified.lineage}, serial {verified.serial}"
    out.line(good("The state is whole:"), facts)
    out.line(dim(f"Checked: {', '.join(verified.checks)}."))


def render_unlocked(holder: Holder | None, out: Screen, *, cleared: bool) -> None:
    """Say that the lock is free, and whose name was still on it."""
    if holder is None:
        out.line("The state is not locked.")
        return
    out.line(f"The state is not locked: {holder} has ended without signing off, and the system has freed its lock.")
    out.line(dim("Its name was taken off." if cleared else "Its name would be taken off (--dry-run)."))
