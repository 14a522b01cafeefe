import io
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import xmlschema

from runner.core.attempts import AttemptState
from runner.planning.accounting.ledger import make_ledger
from runner.planning.status.order_status import make_standings
from runner.report.documents.junit import write_junit
from runner.report.model.build import status_model
from tests.planning.builders import NOW, a_campaign, an_attempt, an_order, recorded_with
from tests.report.models import a_hostile_model, a_large_model, a_model, modelled

SCHEMA = xmlschema.XMLSchema(Path(__file__).with_name("junit.xsd"))


def written(model) -> str:
    stream = io.StringIO()
    write_junit(stream, model)
    return stream.getvalue()


@pytest.mark.parametrize(
    "model",
    [a_model(), a_hostile_model(), a_large_model(200), modelled(recorded_with())],
    ids=["small", "hostile", "large", "none"],
)
def test_it_passes_the_schema(model):
    SCHEMA.validate(written(model))


def test_a_suite_is_a_campaign_and_a_case_an_order():
    root = ET.fromstring(written(a_model()))
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("6", "3", "1")
    (suite,) = root
    assert (suite.get("name"), suite.get("tests"), suite.get("skipped")) == ("spring", "6", "0")
    money = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert money["spent_USD"] == "1.44"
    assert money["exit_code"] == "15"
    results = {
        case.get("name"): [child.tag for child in case if child.tag != "system-out"] for case in suite.iter("testcase")
    }
    assert results == {
        "done": [], "new": [], "part": ["failure"], "gone": ["failure"], "never": ["failure"], "lost": ["error"],
    }  # fmt: skip
    doubt = suite.find(".//error")
    assert (doubt.get("type"), doubt.get("message")) == ("in_doubt", "connection reset")


def test_what_is_not_bought_yet_is_skipped_and_what_was_changed_fails():
    campaign = a_campaign(an_order("a"), an_order("b", quantity=7), an_order("c"))
    recorded = recorded_with(an_attempt(an_order("b")), an_attempt(an_order("c"), AttemptState.REFUSED, message="no"))
    standings = make_standings([campaign], recorded, NOW)
    model = status_model(standings, recorded, make_ledger(recorded), now=NOW, exit_code=0, balances=[])
    results = {
        case.get("name"): [child.tag for child in case][:-1] for case in ET.fromstring(written(model)).iter("testcase")
    }
    assert results == {"a": ["skipped"], "b": ["failure"], "c": ["failure"]}


def test_hostile_text_arrives_as_text():
    messages = [one.get("message") for one in ET.fromstring(written(a_hostile_model())).iter("error")]
    assert "@SUM(A1)" in messages
    assert '"><img src=x onerror=alert(1)>' not in [one.tag for one in ET.fromstring(written(a_hostile_model())).iter()]
