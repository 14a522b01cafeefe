"""Text and JSON of the `doubt` commands: what may have been bought, the evidence, and the exact commands that settle it."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC

from runner.core.attempts import Attempt, Phase
from runner.core.catalogue import BalanceSeen
from runner.core.doubts import Decided, DecisionKind
from runner.core.values.clock import to_the_second
from runner.core.values.money import plain
from runner.engine.decisions.settle_doubt import Case, Choice
from runner.planning.doubts.evidence import Evidence, Verdict, Weighing
from runner.report.documents.as_json import Document
from runner.report.terminal.screen import Column, Field, Fit, Screen
from runner.report.terminal.style import Span, Style, Written, attention, bad, dim, good, strong
from runner.report.wording import NOTHING, count, duration, minutes, words

Weighed = tuple[Evidence, Weighing]

_REACHED = {
    None: "nobody knows: the process ended before it could record an answer",
    Phase.QUEUED: "no connection",
    Phase.CONNECTING: "connecting",
    Phase.SENDING: "sending: the order may have arrived, no answer came",
    Phase.ANSWERING: "an answer began and broke off",
    Phase.ANSWERED: "a complete answer, which proves nothing",
}
_PROPOSALS = {
    Verdict.PLACED: Span("it was probably placed", Style.ATTENTION),
    Verdict.NOT_PLACED: Span("it was probably not placed", Style.ATTENTION),
    Verdict.INCONCLUSIVE: Span("inconclusive: only the panel's order list can tell", Style.ATTENTION),
}
_RECORDED = {
    DecisionKind.NOT_PLACED: "declared not placed: the next apply buys it",
    DecisionKind.ABANDON: "abandoned: it counts as spent and is never bought again",
}


def render_doubts(doubts: Sequence[Weighed], out: Screen, flags: str = "") -> None:
    """Show one line for each order in doubt, and how to settle them. `flags` go behind the commands shown."""
    if not doubts:
        out.line(good("Nothing is in doubt."))
        return
    fields: list[Field[Weighed]] = [
        Field("order", lambda one: bad(one[0].attempt.address), Fit.NAME),
        Field("panel", lambda one: one[0].attempt.panel),
        Field("service", lambda one: one[0].attempt.service),
        Field("quantity", lambda one: _quantity(one[0].attempt), Fit.NUMBER),
        Field("cost", lambda one: plain(one[0].attempt.expected_charge), Fit.AMOUNT),
        Field("since (UTC)", lambda one: f"{one[0].attempt.marked_at.astimezone(UTC):%Y-%m-%d %H:%M}"),
        Field("proposal", lambda one: words(one[1].verdict), Fit.WRAP),
        Field("link", lambda one: one[0].attempt.link, Fit.MIDDLE),
        Field("what happened", lambda one: one[0].attempt.message or NOTHING, Fit.WRAP),
    ]
    out.listing(fields, doubts, indent=0)
    out.blank()
    out.line(bad(f"{count(len(doubts), 'order')} may have been bought."), "Never sent again by itself. The evidence:")
    out.command(_line("show", doubts[0][0].attempt.address, flags), indent=2)


def _quantity(attempt: Attempt) -> str:
    return f"{attempt.quantity:,}" + (f" x {attempt.runs}" if attempt.runs else "")


def render_doubt(evidence: Evidence, weighing: Weighing, out: Screen, flags: str = "") -> None:
    """Show all the evidence about one order, what to look for on the panel, and what to type then."""
    attempt = evidence.attempt
    if evidence.decided is None:
        out.line(bad("In doubt:"), strong(attempt.address), f"may have been bought on {attempt.panel}.")
        out.line("It is never sent again by itself: a person looks, and decides.")
    else:
        out.line(good("Settled:"), strong(attempt.address), f"on {attempt.panel} was in doubt.")
        out.line(str(evidence.decided))
    _facts("What was sent:", _sent(evidence), out)
    _facts("What happened:", _happened(evidence), out)
    if evidence.decided is None:
        _facts(f"What to look for in the order list of {attempt.panel}:", _looked_for(evidence), out)
    out.heading("What the money says:")
    for reason in weighing.reasons:
        out.line(reason, indent=2)
    out.line("Proposal:", _PROPOSALS[weighing.verdict], indent=2)
    if evidence.decided is None:
        _next_steps(evidence, weighing.verdict, out, flags)


def _facts(title: str, rows: Iterator[Sequence[Written]], out: Screen) -> None:
    out.heading(title)
    out.table([Column(""), Column("", Fit.WRAP)], rows)


def _sent(evidence: Evidence) -> Iterator[Sequence[Written]]:
    attempt = evidence.attempt
    yield "service", attempt.service
    yield "link", attempt.link
    yield "quantity", str(attempt.quantity)
    if attempt.runs:
        every = f", every {minutes(attempt.interval)}" if attempt.interval else ""
        yield "runs", f"{attempt.runs}{every}: {attempt.units} in all"
    yield "price", f"{plain(attempt.expected_charge)} expected ({plain(attempt.rate)} per 1000)"


def _happened(evidence: Evidence) -> Iterator[Sequence[Written]]:
    attempt, kept = evidence.attempt, evidence.kept
    yield "sent", to_the_second(attempt.marked_at)
    until = to_the_second(attempt.settled_at) if attempt.settled_at else "not declared a doubt by a run yet"
    killed = "; the process was killed, so this is when the next run found it" if evidence.was_killed else ""
    yield "in doubt from", f"{until}{killed if attempt.settled_at else ''}"
    yield "got as far as", _REACHED[attempt.phase]
    yield "message", attempt.message or NOTHING
    if kept.answer is not None:
        status = "none" if kept.answer.http_status is None else str(kept.answer.http_status)
        yield "HTTP status", status
        yield "answered", f"{count(kept.answer.size, 'byte')}"
        yield "answer", kept.answer.text or dim(NOTHING)


def _looked_for(evidence: Evidence) -> Iterator[Sequence[Written]]:
    attempt = evidence.attempt
    yield "link", attempt.link
    yield "service", attempt.service
    yield "quantity", str(attempt.quantity) + (f", or {attempt.units} in all" if attempt.runs else "")
    window = f"{to_the_second(attempt.marked_at)} to {to_the_second(evidence.until)}, at the latest {to_the_second(evidence.settles_at)}"
    yield "created", f"{window} (panels often show another time zone)"
    yield "ids", _between(evidence)


def _between(evidence: Evidence) -> str:
    before, after = evidence.before, evidence.after
    if before is None and after is None:
        return "no other order of yours on this panel to compare with"
    texts = []
    if before is not None:
        texts.append(f"after {before.panel_order_id} (yours, {before.address})")
    if after is not None:
        texts.append(f"about or before {after.panel_order_id} (yours, {after.address})")
    return ", ".join(texts)


def _next_steps(evidence: Evidence, verdict: Verdict, out: Screen, flags: str) -> None:
    address = evidence.attempt.address
    out.heading("Next, after a look at the order list:")
    out.line("It is there. Put its id for ID; the panel is asked whether it fits:", indent=2)
    out.command(_line("adopt", address, f" --order ID --reason 'seen in the order list'{flags}"), indent=4)
    out.line(
        "It is not there; the next apply buys it. --i-checked says that you looked yourself, and is always needed.",
        *_caution(evidence, verdict),
        indent=2,
    )
    out.command(_line("not-placed", address, f" --reason 'not in the order list' --i-checked{flags}"), indent=4)
    out.line("Nobody can tell; it counts as spent and is never bought again:", indent=2)
    out.command(_line("abandon", address, f" --reason 'could not be found out'{flags}"), indent=4)


def _caution(evidence: Evidence, verdict: Verdict) -> Iterator[Span]:
    """What speaks against *not placed*."""
    if evidence.now < evidence.settles_at:
        left = duration((evidence.settles_at - evidence.now).total_seconds())
        yield attention(f"It may still appear for {left}: look after {to_the_second(evidence.settles_at)}.")
    if verdict is Verdict.PLACED:
        yield attention("The evidence says that it is there.")


def render_settled(case: Case, choice: Choice, misfits: Sequence[str], out: Screen, *, is_new: bool) -> None:
    """Say what was recorded, or that it stood already, and what comes next."""
    address = case.attempt.address
    if not is_new:
        out.line(f"{address}: nothing changed, this is settled already: {case.decided}")
        return
    if choice.kind is DecisionKind.ADOPT:
        what = f"adopted as order {choice.panel_order_id} on {case.attempt.panel}: it is polled from now on"
    else:
        what = _RECORDED[choice.kind]
    out.line(good(f"{address}:"), what)
    for misfit in misfits:
        out.line(attention("forced, although"), misfit)
    if case.more:
        out.line(f"{count(case.more, 'further attempt')} of this order still in doubt:")
        out.command(_line("show", address), indent=2)


def _line(name: str, address: str, more: str = "") -> str:
    return f"runner doubt {name} {shlex.quote(address)}{more}"


def doubts_document(doubts: Iterable[Weighed]) -> Document:
    """What `doubt list --format json` prints, `doubt.schema.json`; `doubt show` prints the same with one row."""
    return {"doubts": [_as_row(evidence, weighing) for evidence, weighing in doubts]}


def _as_row(evidence: Evidence, weighing: Weighing) -> Document:
    attempt, kept, answer = evidence.attempt, evidence.kept, evidence.kept.answer
    return {
        "order": attempt.address,
        "panel": attempt.panel,
        "service": attempt.service,
        "link": attempt.link,
        "quantity": attempt.quantity,
        "runs": attempt.runs,
        "interval": attempt.interval,
        "cost": attempt.expected_charge,
        "since": attempt.marked_at,
        "until": attempt.settled_at,
        "settles_at": evidence.settles_at,
        "killed": evidence.was_killed,
        "phase": attempt.phase,
        "http_status": None if answer is None else answer.http_status,
        "answer_bytes": None if answer is None else answer.size,
        "answer": None if answer is None else answer.text,
        "message": attempt.message,
        "own_order_before": _neighbour(evidence.before),
        "own_order_after": _neighbour(evidence.after),
        "balance_before": _balance(kept.balance_before),
        "balance_after": _balance(evidence.balance_after),
        "known_charges": evidence.charged + evidence.expected,
        "missing": evidence.missing,
        "duplicate_refusals": [
            {"order": one.address, "service": one.service, "time": one.refused_at, "message": one.message}
            for one in kept.duplicates
        ],
        "proposal": weighing.verdict,
        "reasoning": weighing.reasons,
        "decision": None if evidence.decided is None else _decision(evidence.decided),
    }


def _neighbour(neighbour: Attempt | None) -> Document | None:
    return None if neighbour is None else {"order": neighbour.address, "panel_order_id": neighbour.panel_order_id}


def _balance(seen: BalanceSeen | None) -> Document | None:
    if seen is None:
        return None
    return {"balance": seen.balance.amount, "currency": seen.balance.currency, "time": seen.seen_at}


def _decision(decided: Decided) -> Document:
    by = decided.decision
    return {
        "decision": decided.kind,
        "panel_order_id": decided.panel_order_id,
        "reason": by.reason,
        "user": by.user,
        "host": by.host,
        "time": by.at,
        "forced": by.forced,
    }
