"""Saved plans: what is written is what is read, and nothing else is taken for a plan."""

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from runner.core.errors import ExitCode, InvalidInput, PlanStale
from runner.planning.fingerprint import decisions, differences
from runner.planning.plan import ActionKind
from runner.report.documents.plan_file import Terms, as_plan, load_plan, parse_plan_file, plan_file_chunks, save_plan

TERMS = Terms(
    run="run-1",
    expires_at=datetime(2026, 3, 1, tzinfo=UTC),
    accounts={"sandbox": "https://panel.example#f1"},
    select=["spring/*"],
    exclude=["*/old"],
    prune=True,
    max_cost=Decimal("7.50"),
)


@pytest.fixture
def plan(make):
    late = make.action("late", ActionKind.WAIT, cost=None, runs=5, interval=60)
    return make.plan(make.action(cost=Decimal("0.3712345678901234")), late)


@pytest.fixture
def document(plan):
    return json.loads("".join(plan_file_chunks(plan, TERMS)))


def test_a_saved_plan_comes_back_as_it_was(plan, tmp_path):
    digest = save_plan(tmp_path / "plan.json", plan, TERMS)
    assert digest == hashlib.sha256((tmp_path / "plan.json").read_bytes()).hexdigest()
    saved = load_plan(tmp_path / "plan.json").saved
    assert list(saved.actions) == list(decisions(plan))
    assert (saved.digest, saved.lineage, saved.digests) == (digest, "L1", plan.digests)
    back = Terms(
        saved.run, saved.expires_at, saved.accounts, [*saved.select], [*saved.exclude], saved.prune, saved.max_cost
    )
    assert back == TERMS
    assert differences(saved, plan) == []
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


def test_a_saved_plan_can_be_shown_as_it_was(document, plan):
    shown = as_plan(parse_plan_file(json.dumps(document), "plan.json"))
    assert list(decisions(shown)) == list(decisions(plan))
    assert [one.reason for one in shown.actions] == [one.reason for one in plan.actions]
    assert [one.panel for one in shown.actions] == [one.panel for one in plan.actions]
    assert (shown.summary, shown.cost, shown.notes) == (plan.summary, plan.cost, tuple(plan.notes))


def test_a_plan_file_fits_the_plan_schema(document):
    schema = json.loads((Path(__file__).parents[2] / "schemas" / "plan.schema.json").read_text(encoding="utf-8"))
    Draft7Validator(schema).validate(document)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d.pop("binding"), "binding"),
        (lambda d: d.update(format_version=2), "format_version"),
        (lambda d: d.update(format_version=True), "format_version"),
        (lambda d: d.update(actions={}), "actions is not a list"),
        (lambda d: d["actions"][0].update(quantity="1000"), "quantity"),
        (lambda d: d["actions"][0].update(quantity=True), "quantity"),
        (lambda d: d["actions"][0].update(quantity=1.5), "fraction"),
        (lambda d: d["actions"][0].update(cost="1e3"), "cost"),
        (lambda d: d["actions"][0].update(cost=0.37), "fraction"),
        (lambda d: d["actions"][0].update(action="buy"), "buy"),
        (lambda d: d["actions"].append(7), "an action"),
        (lambda d: d["binding"].update(digests=[]), "digests"),
        (lambda d: d["binding"].update(select=[1]), "select"),
        (lambda d: d["binding"].pop("run"), "run"),
        (lambda d: d["binding"].update(prune="yes"), "prune is not true, false or null"),
        (lambda d: d["binding"].update(expires_at="soon"), "can't be read"),
        (lambda d: d.update(cost=float("nan")), "NaN"),
    ],
)
def test_a_file_that_is_no_plan_is_refused_with_the_reason(document, change, says):
    change(document)
    with pytest.raises(InvalidInput) as caught:
        parse_plan_file(json.dumps(document), "plan.json")
    assert says in caught.value.message
    assert caught.value.message.startswith("plan.json is not a saved plan")
    assert "runner plan --out" in caught.value.hint
    assert caught.value.code is ExitCode.INVALID


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, '{"format_version": 1}', "\ufeff{}"])
def test_text_that_is_no_plan_is_refused(text):
    with pytest.raises(InvalidInput):
        parse_plan_file(text, "plan.json")


def test_a_missing_or_binary_file_is_refused(tmp_path):
    with pytest.raises(InvalidInput):
        load_plan(tmp_path / "plan.json")
    (tmp_path / "plan.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput):
        load_plan(tmp_path / "plan.json")


def test_a_plan_that_cannot_be_written_leaves_no_half_file(plan, tmp_path):
    (tmp_path / "plan.json").mkdir()
    with pytest.raises(InvalidInput) as caught:
        save_plan(tmp_path / "plan.json", plan, TERMS)
    assert "--out" in caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


def test_a_plan_file_of_an_older_version_is_refused_with_the_way_out(document):
    del document["binding"]["expires_at"]
    with pytest.raises(PlanStale, match="older version") as caught:
        parse_plan_file(json.dumps(document), "plan.json")
    assert "runner plan --out" in caught.value.hint
