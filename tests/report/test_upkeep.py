"""Text and documents of refills and cancellations."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from runner.core.refills import CancelRequest, CancelState, Refill, RefillState
from runner.core.snapshot import Recorded
from runner.engine.results import RequestOutcome, RequestResult
from runner.planning.refills.refill_rates import RefillRate
from runner.report.documents.as_json import cancel_document, line_of, refill_document
from runner.report.documents.markdown import to_markdown
from runner.report.html.page import to_html
from runner.report.terminal.screen import Screen
from runner.report.text.apply import render_apply
from runner.report.text.refills import render_request_results, render_requests
from tests.report.models import a_model

SCHEMAS = Path(__file__).parents[2] / "schemas"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
FOR_REFILLS = [one for one in RequestOutcome if one is not RequestOutcome.RECORDED]
FOR_CANCELS = [one for one in RequestOutcome if one is not RequestOutcome.REQUESTED]


def text_of(render, *subjects, terminal=False):
    stream = io.StringIO()
    render(*subjects, Screen(stream, terminal=terminal, width=100, colour=False))
    return stream.getvalue()


def results(*outcomes):
    return [RequestResult(f"spring/o{n}", str(n), one, None, "why") for n, one in enumerate(outcomes)]


@pytest.mark.parametrize(
    ("name", "document", "outcomes"),
    [("refill", refill_document, FOR_REFILLS), ("cancel", cancel_document, FOR_CANCELS)],
)
def test_every_outcome_fits_its_schema_and_no_other_key_does(name, document, outcomes):
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    Draft7Validator.check_schema(schema)
    made = json.loads(line_of(document(results(*outcomes), dry_run=False)))
    assert Draft7Validator(schema).is_valid(made)
    assert made["summary"] == dict.fromkeys((one.value for one in outcomes), 1)
    assert not Draft7Validator(schema).is_valid(made | {"key": "secret"})
    assert Draft7Validator(schema).is_valid(json.loads(line_of(document([], dry_run=True))))


def test_wishes_are_listed_and_counted():
    text = text_of(
        render_request_results,
        "refill",
        results(RequestOutcome.REQUESTED, RequestOutcome.HELD, RequestOutcome.NOT_SENT),
    )
    assert text.splitlines()[-1] == "Partly done: 1 refill asked for, 1 held, 1 not sent."
    assert "spring/o1" in text
    done = text_of(
        render_request_results, "cancellation", results(RequestOutcome.RECORDED, RequestOutcome.RECORDED), terminal=True
    )
    assert "Done: 2 cancellations asked for." in done
    assert "runner status --refresh" in done
    assert "Dry run: 1 refill would be asked for; nothing was sent." in text_of(
        render_request_results, "refill", results(RequestOutcome.WOULD, RequestOutcome.HELD)
    )
    assert text_of(render_request_results, "refill", []) == "Nothing to do: no refill is due.\n"
    many = text_of(render_request_results, "refill", results(*[RequestOutcome.REQUESTED] * 25), terminal=True)
    assert "5 more" in many


def test_an_apply_tells_of_refills_that_were_not_granted(make):
    told = [
        RequestResult("spring/a", "1", RequestOutcome.REQUESTED, "7", ""),
        RequestResult("spring/b", "2", RequestOutcome.REFUSED, None, "days are over"),
        RequestResult("spring/c", "3", RequestOutcome.UNKNOWN, None, "reset"),
    ]
    result = make.applied(exit_code=0, refill_results=told)
    text = text_of(render_apply, result)
    assert "Refills not granted (2):" in text
    assert "days are over" in text
    assert "1 refill asked for, 1 refill refused, 1 refill unanswered" in text
    assert "spring/a" not in text


def test_a_report_counts_what_the_state_remembers():
    refills = {
        number: [Refill(number, number, state, "7", None, "", NOW, None, None)]
        for number, state in enumerate((RefillState.REQUESTED, RefillState.UNKNOWN, RefillState.COMPLETED))
    }
    cancels = {1: [CancelRequest(1, NOW, state, "") for state in (CancelState.UNKNOWN, CancelState.RECORDED)]}
    text = text_of(render_requests, Recorded(refills=refills, cancels=cancels), [])
    assert "Refills: 1 open, 1 unanswered, 1 completed." in text
    assert "Cancellations asked for: 1 recorded." in text
    assert text_of(render_requests, Recorded(), []) == ""


RATES = [
    RefillRate("north/1", asked=1225, open=3, completed=900, rejected=100, refused=200, unknown=22),
    RefillRate("north/5", asked=2, open=2, completed=0, rejected=0, refused=0, unknown=0),
]


def test_the_rate_of_each_service_stands_under_the_refills():
    lines = text_of(
        render_requests,
        Recorded(refills={1: [Refill(1, 1, RefillState.COMPLETED, "7", None, "", NOW, None, None)]}),
        RATES,
    ).splitlines()
    at = lines.index("Refills by service:")
    assert lines[at + 1].split() == ["asked", "open", "completed", "rejected", "refused", "unknown", "rate"]
    assert lines[at + 2].split() == ["north/1", "1,225", "3", "900", "100", "200", "22", "75", "%"]
    assert lines[at + 3].split() == ["north/5", "2", "2", "0", "0", "0", "0", "-"]


def test_pages_show_the_rate_of_each_service_and_no_table_without_refills():
    model = replace(a_model(), refills=RATES)
    markdown = to_markdown(model)
    assert "| <code>north/1</code> | 1,225 | 3 | 900 | 100 | 200 | 22 | 75 % |" in markdown
    page = to_html(model)
    assert "<h2>Refills by service</h2>" in page
    assert '<td data-key="0.75" class="number">75 %</td>' in page
    for written in (to_markdown(a_model()), to_html(a_model())):
        assert "Refills by service" not in written
