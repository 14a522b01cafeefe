"""Lists events with the money of each, as far as the state keeps it. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from heapq import nlargest
from typing import NamedTuple

from runner.core.attempts import Attempt, AttemptState, LiveStatus
from runner.core.catalogue import BalanceLabel
from runner.core.doubts import AnswerKept, Decided, DecisionKind
from runner.core.refills import CancelRequest, Refill, RefillState
from runner.core.snapshot import Recorded, Run
from runner.planning.accounting.ledger import book, currency_at
from runner.planning.accounting.periods import Period


class Happening(StrEnum):
    """The kinds of event."""

    RUN_STARTED = "run_started"
    RUN_ENDED = "run_ended"
    MARKED = "marked"  # about to be sent; amount: expected charge
    PLACED = "placed"  # the answer held an order id
    REFUSED = "refused"  # nothing was bought
    NOT_SENT = "not_sent"  # no byte left
    IN_DOUBT = "in_doubt"  # may have been bought; amount: expected charge
    ADOPTED = "adopted"  # a person found it on the panel
    DECLARED_NOT_PLACED = "declared_not_placed"  # a person did not find it
    ABANDONED = "abandoned"  # a person gave it up; amount: expected charge, counts as spent
    STATUS = "status"  # as the panel said last; amount: charge
    REFILL_ASKED = "refill_asked"
    REFILL_ANSWERED = "refill_answered"
    REFILL_STATUS = "refill_status"  # as the panel said last
    CANCEL_ASKED = "cancel_asked"  # with what the panel answered
    LABELLED = "labelled"  # a person explained a balance; amount: came in


class HistoryEvent(NamedTuple):
    """One thing that happened. Amounts in `currency`; text as it was stored."""

    at: datetime
    kind: Happening
    order: str | None = None  # address
    attempt_id: int | None = None
    run_id: str | None = None
    panel: str | None = None
    panel_order_id: str | None = None
    amount: Decimal | None = None  # what it means is said with each kind
    first_charge: Decimal | None = None  # of a status, as the next one
    refunded: Decimal | None = None
    currency: str | None = None
    user: str | None = None
    text: str = ""
    cause: datetime | None = None  # when what made it possible happened: for sorting


_OUTCOMES = {
    AttemptState.PLACED: Happening.PLACED,
    AttemptState.REFUSED: Happening.REFUSED,
    AttemptState.NOT_SENT: Happening.NOT_SENT,
    AttemptState.IN_DOUBT: Happening.IN_DOUBT,
    AttemptState.ABANDONED: Happening.IN_DOUBT,  # it was, until somebody decided
}
_DECISIONS = {
    DecisionKind.ADOPT: Happening.ADOPTED,
    DecisionKind.NOT_PLACED: Happening.DECLARED_NOT_PLACED,
    DecisionKind.ABANDON: Happening.ABANDONED,
}
_POLLED = frozenset({RefillState.COMPLETED, RefillState.REJECTED})


def of_order(
    recorded: Recorded, attempts: Sequence[Attempt], runs: Iterable[Run], answers: Mapping[int, AnswerKept | None]
) -> list[HistoryEvent]:
    """Every event of one order, in time order, with what its lost answers held, and the repairs that name it."""
    story = _Story(recorded)
    events = [event for attempt in attempts for event in story.of(attempt, answers.get(attempt.id))]
    names = {attempt.address for attempt in attempts}
    campaigns = {attempt.campaign for attempt in attempts}
    events += [event for run in runs if _is_about(run, names, campaigns) for event in _of_run(run)]
    return sorted(events, key=_moment)


def _is_about(run: Run, names: set[str], campaigns: set[str]) -> bool:
    """True if a command names an order by its address, or moved its whole campaign."""
    words = run.command.split()
    return not names.isdisjoint(words) or (words[:2] == ["state", "mv"] and not campaigns.isdisjoint(words[2:]))


def latest(recorded: Recorded, runs: Iterable[Run], most: int, period: Period | None = None) -> list[HistoryEvent]:
    """The latest events of all, in time order: of orders, runs and labels."""
    story = _Story(recorded)
    attempts: Iterable[Attempt] = (one for one in recorded.each())
    if period is None or period.until is None:  # an event that is among the latest is of an attempt that is
        attempts = sorted(nlargest(most, attempts, key=story.last_moment), key=lambda one: one.id)
    several = (
        *(_of_run(run) for run in runs),
        *([_of_label(label)] for label in recorded.labels),
        *(story.of(attempt) for attempt in attempts),
    )
    events = (
        (_moment(event), place, event)
        for place, event in enumerate(event for events in several for event in events)
        if period is None or period.holds(event.at)
    )
    return [event for _, _, event in sorted(nlargest(most, events))]


def _moment(event: HistoryEvent) -> tuple[datetime, bool]:
    """Sort key: the time, but never before the event's cause (the clock may be put back); the end of a run comes last."""
    return max(event.at, event.cause or event.at), event.kind is Happening.RUN_ENDED


def _of_run(run: Run) -> Iterator[HistoryEvent]:
    yield HistoryEvent(run.started_at, Happening.RUN_STARTED, run_id=run.id, text=run.command)
    if run.ended_at is not None:
        text = f"{run.command}: exit {run.exit_code}"
        yield HistoryEvent(run.ended_at, Happening.RUN_ENDED, run_id=run.id, text=text)


def _of_label(label: BalanceLabel) -> HistoryEvent:
    return HistoryEvent(
        label.at,
        Happening.LABELLED,
        panel=label.panel,
        amount=label.amount,
        currency=label.currency,
        user=f"{label.user} on {label.host}",
        text=label.text,
    )


class _Story:
    """What happened to attempts."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self._decided = {one.attempt_id: one for one in recorded.decisions}
        self._currencies = {panel: seen.balance.currency for panel, seen in recorded.last_balances.items()}

    def of(self, attempt: Attempt, answer: AnswerKept | None = None) -> Iterator[HistoryEvent]:
        """Every event of one attempt, in the order in which they must have happened."""
        decided = self._decided.get(attempt.id)
        changes = self._recorded.currency_changes.get(attempt.panel)
        base = HistoryEvent(
            attempt.marked_at,
            Happening.MARKED,
            order=attempt.address,
            attempt_id=attempt.id,
            panel=attempt.panel,
            currency=currency_at(attempt, changes) if changes else self._currencies.get(attempt.panel),
        )
        yield base._replace(run_id=attempt.run_id, amount=attempt.expected_charge, text=_requested(attempt))
        base = base._replace(cause=attempt.marked_at)
        if attempt.settled_at is not None or attempt.state is AttemptState.IN_DOUBT:
            yield _outcome(base, attempt, decided, answer)
        base = base._replace(cause=max(attempt.marked_at, attempt.settled_at or attempt.marked_at))
        if decided is not None:
            yield _decision(base, attempt, decided)
        if attempt.checked_at is not None:
            yield _status(base, attempt, _seen_at(attempt))
        for refill in self._recorded.refills.get(attempt.id, ()):
            yield from _refill(base, refill)
        for cancel in self._recorded.cancels.get(attempt.id, ()):
            yield _cancel(base, cancel)

    def last_moment(self, attempt: Attempt) -> datetime:
        """When the last event of an attempt was."""
        decided = self._decided.get(attempt.id)
        refills = self._recorded.refills.get(attempt.id, ())
        cancels = self._recorded.cancels.get(attempt.id, ())
        return max(
            attempt.marked_at,
            attempt.settled_at or attempt.marked_at,
            _seen_at(attempt),
            *([decided.decision.at] if decided else []),
            *(one.checked_at or one.reached_at for one in refills),
            *(one.asked_at for one in cancels),
        )


def _seen_at(attempt: Attempt) -> datetime:
    """When the status was seen: a final one first, though it is looked at again and again; else last."""
    return attempt.final_at or attempt.checked_at or attempt.marked_at


def _requested(attempt: Attempt) -> str:
    drip = f", {attempt.runs} runs every {attempt.interval} min" if attempt.runs else ""
    kind = "" if attempt.kind == "initial" else f" ({attempt.kind.value.replace('_', ' ')})"
    return f"service {attempt.service}, {attempt.quantity} units{drip}, {attempt.link}{kind}"


def _outcome(base: HistoryEvent, attempt: Attempt, decided: Decided | None, answer: AnswerKept | None) -> HistoryEvent:
    kind = Happening.IN_DOUBT if decided is not None else _OUTCOMES.get(attempt.state, Happening.IN_DOUBT)
    told = [attempt.message] if attempt.message else []
    if kind is not Happening.PLACED:
        told += [f"phase {attempt.phase.value}"] if attempt.phase is not None else ["no answer was recorded"]
    if answer is not None:
        status = f"HTTP {answer.http_status}, " if answer.http_status is not None else ""
        told.append(f"answer: {status}{answer.size} bytes" + (f": {answer.text}" if answer.text else ""))
    return base._replace(
        at=attempt.settled_at or attempt.marked_at,
        kind=kind,
        panel_order_id=attempt.panel_order_id if kind is Happening.PLACED else None,
        amount=attempt.expected_charge if kind is Happening.IN_DOUBT else None,
        text="; ".join(told),
    )


def _decision(base: HistoryEvent, attempt: Attempt, decided: Decided) -> HistoryEvent:
    by = decided.decision
    return base._replace(
        at=by.at,
        kind=_DECISIONS[decided.kind],
        panel_order_id=decided.panel_order_id,
        amount=attempt.expected_charge if decided.kind is DecisionKind.ABANDON else None,
        user=f"{by.user} on {by.host}",
        text=by.reason + (" (forced)" if by.forced else ""),
    )


def _status(base: HistoryEvent, attempt: Attempt, checked_at: datetime) -> HistoryEvent:
    booked = book(attempt)
    told = [attempt.status_text if attempt.status is LiveStatus.UNKNOWN else attempt.status.value.replace("_", " ")]
    if attempt.start_count is not None:
        told.append(f"started at {attempt.start_count}")
    if attempt.remains is not None:
        told.append(f"{attempt.remains} remain")
    return base._replace(
        at=checked_at,
        kind=Happening.STATUS,
        panel_order_id=attempt.panel_order_id,
        amount=attempt.charge,
        first_charge=attempt.first_charge,
        refunded=booked.refunded if booked is not None and booked.refunded else None,
        text=", ".join(one for one in told if one),
    )


def _refill(base: HistoryEvent, refill: Refill) -> Iterator[HistoryEvent]:
    yield base._replace(at=refill.asked_at, kind=Happening.REFILL_ASKED)
    polled = refill.checked_at is not None and refill.state in _POLLED
    if refill.answered_at is not None:
        state = RefillState.REQUESTED if polled else refill.state
        told = [state.value.replace("_", " "), f"refill {refill.refill_id}" if refill.refill_id else ""]
        told.append("" if polled else refill.message)
        yield base._replace(
            at=refill.answered_at,
            cause=refill.asked_at,
            kind=Happening.REFILL_ANSWERED,
            text=": ".join(one for one in told if one),
        )
    if refill.checked_at is not None:
        yield base._replace(
            at=refill.checked_at,
            cause=refill.reached_at,
            kind=Happening.REFILL_STATUS,
            text=": ".join(one for one in (refill.state.value, refill.message) if one),
        )


def _cancel(base: HistoryEvent, cancel: CancelRequest) -> HistoryEvent:
    told = [cancel.state.value, cancel.message]
    return base._replace(at=cancel.asked_at, kind=Happening.CANCEL_ASKED, text=": ".join(one for one in told if one))
