"""What a person reads after an apply."""

import re
from dataclasses import replace

from runner.core.attempts import OutcomeKind
from runner.core.errors import ExitCode
from runner.engine.results import RequestOutcome, RequestResult
from runner.planning.plan import DueCancel, Refusal
from runner.report.text.apply import render_apply

PLACED, REFUSED = OutcomeKind.PLACED, OutcomeKind.REFUSED
NOT_SENT, IN_DOUBT = OutcomeKind.NOT_SENT, OutcomeKind.IN_DOUBT


def test_all_placed_is_green_and_says_what_it_cost(make, write):
    result = make.applied(*[make.result(PLACED, str(n)) for n in range(200)])
    text = write(render_apply, result, colour=True)
    assert "\x1b[32mDone: 200 orders placed for 74.00 USD." in text
    assert "runner status" in text
    assert "Refused" not in text


def test_refused_orders_are_listed_with_the_panels_words(make, write):
    orders = [make.result(PLACED), *(make.result(REFUSED, f"r{n}", "Quantity too small") for n in range(25))]
    text = write(render_apply, make.applied(*orders, exit_code=ExitCode.PARTLY))
    assert "Refused (25):" in text
    assert "spring/r19" in text
    assert "spring/r20" not in text
    assert "… and 5 more" in text
    assert text.count("Quantity too small") == 20
    assert "Partly done: 1 order placed for 0.37 USD, 25 refused." in text
    assert "Done:" not in text


def test_a_doubt_comes_with_the_commands_that_settle_it(make, write):
    orders = [make.result(PLACED), make.result(IN_DOUBT, "lost", "the connection was reset")]
    text = write(render_apply, make.applied(*orders, exit_code=ExitCode.IN_DOUBT), colour=True)
    assert "the connection was reset" in text
    assert "runner doubt show spring/lost" in text
    assert "runner doubt adopt spring/lost --order ID" in text
    flat = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", text).replace("\\\n", " ").split())
    assert "runner doubt not-placed spring/lost --reason 'not in the order list' --i-checked" in flat
    assert "\x1b[31mIn doubt: 1 order may have been bought." in text


def test_an_old_doubt_is_told_even_when_all_else_went_well(make, write):
    text = write(render_apply, make.applied(make.result(PLACED), in_doubt=2, exit_code=ExitCode.IN_DOUBT))
    assert "In doubt: 2 orders may have been bought." in text
    assert "Done:" not in text


def test_orders_never_tried_are_counted(make, write):
    plan = make.plan(make.action("a"), make.action("b"), make.action("c"))
    orders = [make.result(NOT_SENT, "a", "connection refused")]
    text = write(render_apply, make.applied(*orders, plan=plan, exit_code=ExitCode.PARTLY))
    assert "1 not sent, 2 not tried." in text


def test_an_interrupted_run_says_so(make, write):
    plan = make.plan(make.action("a"), make.action("b"))
    result = make.applied(make.result(PLACED, "a"), plan=plan, exit_code=ExitCode.INTERRUPTED, interrupted=True)
    text = write(render_apply, result)
    assert "Interrupted: 1 order placed for 0.37 USD, 1 not tried; nothing in doubt." in text


def test_a_refused_apply_names_the_guard(make, write):
    plan = make.plan(make.action(), refusals=[Refusal("balance", "sandbox", "needs 5.00 USD, holds 1.00")])
    text = write(render_apply, make.applied(plan=plan, exit_code=ExitCode.GUARD))
    assert "Refused by balance: sandbox needs 5.00 USD, holds 1.00" in text


def test_with_nothing_to_do_it_says_so(make, write):
    assert "Nothing to do: 20 orders as asked." in write(render_apply, make.applied())


def test_costs_in_several_currencies_are_not_summed(make, write):
    report = make.ledger(currency=None, spent=None, campaigns=[make.line(), make.line("autumn", currency="EUR")])
    orders = [make.result(PLACED), make.result(PLACED, order="autumn/a")]
    text = write(render_apply, make.applied(*orders, report=report))
    assert "Done: 2 orders placed." in text
    assert "0.37 USD" in text
    assert "0.37 EUR" in text


def test_a_cost_that_is_not_known_is_not_zero(make, write):
    text = write(render_apply, make.applied(make.result(PLACED, cost=None)))
    assert "unknown" in text
    assert "Done: 1 order placed." in text


def test_through_a_pipe_each_line_says_its_outcome(make, write):
    orders = [make.result(PLACED), make.result(REFUSED, "r", "no [red]"), make.result(IN_DOUBT, "d", "lost")]
    lines = write(render_apply, make.applied(*orders), width=None).splitlines()
    assert any(line.split() == ["refused", "spring/r", "no", "[red]"] for line in lines)
    assert any(line.split() == ["in_doubt", "spring/d", "lost"] for line in lines)


def cancels(*outcomes: RequestOutcome) -> list[RequestResult]:
    return [RequestResult(f"spring/c{n}", str(n), one, None, "no [red]") for n, one in enumerate(outcomes)]


def with_cancels(make, asked, *, planned=None, **facts):
    due = [DueCancel(f"spring/c{n}", n, "sandbox", str(n), "") for n in range(planned or len(asked))]
    plan = replace(make.plan(), cancels=due)
    return make.applied(plan=plan, cancel_results=asked, **facts)


def test_cancellations_that_were_taken_are_no_refunds_yet(make, write):
    text = write(render_apply, with_cancels(make, cancels(RequestOutcome.RECORDED, RequestOutcome.RECORDED)))
    assert "Done: 0 orders placed, 2 cancellations asked for." in text
    assert "what is cancelled and refunded, the orders' status will tell" in " ".join(text.split())
    assert "runner status --refresh" in text
    assert "Not cancelled" not in text


def test_cancellations_that_were_not_taken_are_listed_with_the_panels_words(make, write):
    asked = cancels(RequestOutcome.RECORDED, RequestOutcome.REFUSED, RequestOutcome.UNKNOWN)
    text = write(render_apply, with_cancels(make, asked, planned=5, exit_code=ExitCode.PARTLY))
    assert "Not cancelled (2):" in text
    assert "no [red]" in text
    assert (
        "1 cancellation asked for, 1 cancellation refused, 1 cancellation unanswered, 2 cancellations not asked for"
        in (" ".join(text.split()))
    )
    assert "To try again what was not cancelled:" in text
