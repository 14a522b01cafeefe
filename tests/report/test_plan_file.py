"""Saved plans: what is written is what is read, and nothing else is taken for a plan."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from runner.core.errors import ExitCode, InvalidInput
from runner.planning.fingerprint import checksum, decisions, differences, is_intact
from runner.planning.plan import ActionKind
from runner.report.documents.plan_file import load_plan, parse_plan_file, plan_file_chunks, save_plan


@pytest.fixture
def plan(make):
    late = make.action("late", ActionKind.WAIT, cost=None, runs=5, interval=60)
    return make.plan(make.action(cost=Decimal("0.3712345678901234")), late)


@pytest.fixture
def document(plan):
    return json.loads("".join(plan_file_chunks(plan, ["spring/*"])))


def test_a_saved_plan_comes_back_as_it_was(plan, tmp_path):
    save_plan(tmp_path / "plan.json", plan, select=["spring/*"], exclude=["*/old"])
    read = load_plan(tmp_path / "plan.json")
    assert list(read.saved.actions) == list(decisions(plan))
    assert (read.saved.lineage, read.saved.serial, read.saved.digests) == ("L1", 7, plan.digests)
    assert read.saved.checksum == checksum(plan)
    assert (read.select, read.exclude) == (("spring/*",), ("*/old",))
    assert is_intact(read.saved)
    assert differences(read.saved, plan) == []
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


def test_a_plan_file_fits_the_plan_schema(document):
    schema = json.loads((Path(__file__).parents[2] / "schemas" / "plan.schema.json").read_text(encoding="utf-8"))
    Draft7Validator(schema).validate(document)


def test_an_edited_amount_is_noticed_by_the_checksum(document, plan):
    document["actions"][0]["quantity"] = 999
    read = parse_plan_file(json.dumps(document), "plan.json")
    assert not is_intact(read.saved)


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
        (lambda d: d["binding"].pop("serial"), "serial"),
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
        save_plan(tmp_path / "plan.json", plan)
    assert "--out" in caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


@pytest.mark.parametrize("prune", [True, False])
def test_whether_a_plan_was_made_with_prune_is_kept(make, tmp_path, prune):
    save_plan(tmp_path / "plan.json", make.plan(make.action()), prune=prune)
    assert load_plan(tmp_path / "plan.json").prune is prune


def test_a_plan_file_of_before_was_made_without_prune(make):
    document = json.loads("".join(plan_file_chunks(make.plan(make.action()))))
    del document["binding"]["prune"]
    assert parse_plan_file(json.dumps(document), "plan.json").prune is False
    document["binding"]["prune"] = "yes"
    with pytest.raises(InvalidInput, match="prune is not true, false or null"):
        parse_plan_file(json.dumps(document), "plan.json")
