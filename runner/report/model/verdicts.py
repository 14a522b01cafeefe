"""Says in one sentence how a run ended, and the next step. Pure."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from runner.core.attempts import OutcomeKind
from runner.core.errors import ExitCode
from runner.core.values.money import ZERO
from runner.engine.results import ApplyResult, RequestOutcome, RequestResult
from runner.planning.accounting.ledger import Ledger
from runner.planning.plan import Action, ActionKind, Plan
from runner.report.model.model import OrderRow, State, Tone, Verdict
from runner.report.wording import count, money, words

_AGAIN = "runner apply"
_DOUBT_NEXT = "runner doubt list"


def of_state(rows: Sequence[OrderRow], ledger: Ledger) -> Verdict:
    """For status and report: doubts first, then what the books can't explain, then what else needs a look."""
    counts = Counter(row.state for row in rows)
    if counts[State.IN_DOUBT]:
        doubts = count(counts[State.IN_DOUBT], "order")
        return Verdict(Tone.BAD, f"In doubt: {doubts} may have been bought. A person decides.", _DOUBT_NEXT)
    if not rows:
        return Verdict(Tone.GOOD, "No orders yet.", "runner plan")
    told = [
        f"{counts[state]:,} {words(state)}" for state in (State.REFUSED, State.LOST, State.STALLED) if counts[state]
    ]
    if told:
        return Verdict(Tone.ATTENTION, f"{count(len(rows), 'order')}: {', '.join(told)}.", "runner status --refresh")
    if any(account.unexplained for account in ledger.accounts):
        return Verdict(Tone.ATTENTION, "The balance and the books differ: see unexplained.", "runner status --refresh")
    if counts[State.MISSING]:
        return Verdict(
            Tone.ATTENTION, f"{count(len(rows), 'order')}: {counts[State.MISSING]:,} not bought yet.", "runner plan"
        )
    if counts[State.COMPLETED] == len(rows):
        return Verdict(Tone.GOOD, f"All {count(len(rows), 'order')} completed.")
    return Verdict(Tone.GOOD, f"{count(len(rows), 'order')}, nothing in doubt.")


def of_plan(plan: Plan, next_command: str) -> Verdict:
    """Whether an apply may begin, and what it would do."""
    refused = _refused(plan)
    if refused is not None:
        return refused
    summary = plan.summary
    doubts = f" {count(summary['in_doubt'], 'order')} in doubt." if plan.has_doubts else ""
    acting = {kind: number for kind, number in summary.items() if kind not in ("ok", "wait", "blocked", "in_doubt")}
    held = [f"{summary[kind]:,} {words(kind)}" for kind in (ActionKind.WAIT, ActionKind.BLOCKED) if kind in summary]
    tail = f" Held back: {', '.join(held)}." if held else ""
    if acting:
        what = ", ".join(f"{number:,} to {words(kind)}" for kind, number in acting.items())
        cost = "" if plan.cost is None else f", for {money(plan.cost, plan.currency)}"
        tone = Tone.ATTENTION if plan.has_doubts else Tone.GOOD
        return Verdict(tone, f"Ready: {what}{cost}.{tail}{doubts}", next_command)
    if doubts:
        return Verdict(Tone.BAD, f"Nothing to place now.{tail}{doubts}", _DOUBT_NEXT)
    if held:
        return Verdict(Tone.ATTENTION, f"Nothing to place now.{tail}")
    return Verdict(Tone.GOOD, f"Nothing to do: {count(plan.ok, 'order')} as asked.")


def of_apply(result: ApplyResult) -> Verdict:
    """How a run ended; if it did nothing, what its plan says."""
    return of_run(result) or of_plan(result.plan, _AGAIN)


def of_run(result: ApplyResult) -> Verdict | None:
    """What was bought, and what was not. None if the plan could not begin, or held nothing to do."""
    if result.exit_code in (ExitCode.INVALID, ExitCode.GUARD):
        return None
    missed, refills = missed_words(result), result.refill_results
    asked = [*asked_words(result), *missed_request_words("refill", refills, len(refills))]
    uncancelled = missed_request_words("cancellation", result.cancel_results, len(result.plan.cancels))
    what = ", ".join([placed_words(result), *asked, *missed, *uncancelled])
    if result.overcharged:
        what += "; charged more than expected"
    if result.in_doubt or result.exit_code is ExitCode.IN_DOUBT:
        doubts = count(result.in_doubt, "order")
        return Verdict(Tone.BAD, f"In doubt: {doubts} may have been bought. This run: {what}.", _DOUBT_NEXT)
    if result.interrupted:
        return Verdict(Tone.ATTENTION, f"Interrupted: {what}; nothing in doubt.", _AGAIN)
    if result.exit_code not in (ExitCode.OK, ExitCode.PARTLY):
        return Verdict(Tone.BAD, f"Stopped with exit code {int(result.exit_code)}: {what}.")
    if result.overcharged:  # the plan names the guard that stops the rest, and the way on
        return Verdict(Tone.BAD, f"Partly done: {what}.", "runner plan")
    if missed or uncancelled:
        return Verdict(Tone.BAD, f"Partly done: {what}.", _AGAIN)
    if result.has_acted or refills:
        return Verdict(Tone.GOOD, f"Done: {what}.", f"runner status{' --refresh' if result.cancels else ''}")
    return None


def cost_of(result: ApplyResult) -> Decimal | None:
    """Expected charge of what was placed; None where a price is unknown or there are several currencies."""
    costs = [order.cost for order in result.orders if order.outcome is OutcomeKind.PLACED]
    known = [cost for cost in costs if cost is not None]
    if len(known) < len(costs) or (costs and result.report.currency is None):
        return None
    return sum(known, ZERO)


def placed_words(result: ApplyResult) -> str:
    """`225 orders placed for 83.20 USD`; the sum only where it is one."""
    cost, currency = cost_of(result), result.report.currency
    price = f" for {money(cost, currency)}" if result.placed and cost is not None and currency else ""
    return f"{count(result.placed, 'order')} placed{price}"


def asked_words(result: ApplyResult) -> list[str]:
    """`1 refill asked for`, `2 cancellations asked for`."""
    asked = ((result.refills, "refill"), (result.cancels, "cancellation"))
    return [f"{count(number, noun)} asked for" for number, noun in asked if number]


def missed_words(result: ApplyResult) -> list[str]:
    """What of the plan was not bought: `1 refused`, `2 not tried`."""
    missed = ((result.refused, "refused"), (result.not_sent, "not sent"), (len(untried(result)), "not tried"))
    return [f"{number:,} {word}" for number, word in missed if number]


def missed_request_words(noun: str, results: Sequence[RequestResult], planned: int) -> list[str]:
    """`1 cancellation refused`, `2 cancellations unanswered`, of `planned` ones. `noun`: refill, cancellation."""
    counts = Counter(one.outcome for one in results)
    told = (
        (counts[RequestOutcome.REFUSED], "refused"),
        (counts[RequestOutcome.UNKNOWN], "unanswered"),
        (counts[RequestOutcome.NOT_SENT], "not sent"),
        (planned - len(results), "not asked for"),
    )
    return [f"{count(number, noun)} {word}" for number, word in told if number]


def untried(result: ApplyResult) -> list[Action]:
    """What of the plan was not even tried to be bought."""
    tried = {order.order for order in result.orders}
    return [action for action in result.plan.purchases() if action.order.address not in tried]


def _refused(plan: Plan) -> Verdict | None:
    if plan.problems:
        problems = count(len(plan.problems), "problem")
        return Verdict(Tone.BAD, f"Not valid: {problems} in the files. Nothing is sent.", "runner validate")
    if plan.refusals:
        first = plan.refusals[0]
        more = f" And {len(plan.refusals) - 1:,} more." if len(plan.refusals) > 1 else ""
        text = f"Refused by {first.guard}: {first.subject}: {first.message}{more} Nothing is sent."
        return Verdict(Tone.BAD, text, "runner plan")
    return None
