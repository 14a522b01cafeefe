"""A panel that charges otherwise than it lists: found by its first orders, not by the bill."""

import json

import pytest

from tests.acceptance.project import Project, post
from tests.acceptance.served import Served

ORDERS = [post(number, quantity=1000) for number in range(30)]


def lists(served: Served, rate: str) -> None:
    """Show service 1 at `rate`; the panel goes on charging 0.90 per 1000."""
    row = {"service": 1, "name": "Followers", "type": "Default", "category": "", "rate": rate, "min": 50, "max": 10000}
    served.fault({"kind": "answer", "action": "services", "text": json.dumps([row]), "placed": True})


@pytest.mark.parametrize(
    ("rate", "expected", "factor"), [("0.0009", "0.0009", "1000"), ("0.80", "0.80", "1.125"), ("1.80", "1.80", "0.5")]
)
def test_a_charge_that_does_not_fit_the_list_stops_the_service_until_its_factor_is_accepted(
    project: Project, served_sandbox: Served, rate: str, expected: str, factor: str
):
    lists(served_sandbox, rate)
    project.campaign(ORDERS)
    ran = project.run("apply", "--yes")
    assert ran.code == 14
    bought = len(served_sandbox.orders())
    assert 4 <= bought <= 7  # parallel.add is 4
    assert f"was charged 0.90 and {expected} was expected" in ran.err
    assert f'charge_factor: {{"1": "{factor}"}} for served in panels.yaml' in ran.err
    again = project.run("apply", "--yes")
    assert again.code == 11
    assert f"was charged 0.90 and {expected} was expected" in again.out
    assert len(served_sandbox.orders()) == bought
    project.panels(served_sandbox.url, charge_factor={"1": factor})
    assert project.run("apply", "--yes", "-q").code == 0
    assert len(served_sandbox.orders()) == 30


def test_a_plan_counts_the_accepted_factor_in_every_cost(project: Project, served_sandbox: Served):
    project.panels(served_sandbox.url, charge_factor={"default": "1.05"})
    project.campaign(ORDERS[:2])
    assert project.run("plan", "--format", "json").json["cost"] == "1.89"


def test_where_no_charge_is_shown_the_balance_confirms(project: Project, serve):
    late = serve("--charge-style", "late")
    project.panels(late.url)
    project.campaign(ORDERS)
    ran = project.run("apply", "--yes")
    assert (ran.code, len(late.orders())) == (0, 30)
    assert "charge" not in ran.err


def test_a_panel_that_charges_as_it_lists_is_not_held_up(project: Project, served_sandbox: Served):
    project.campaign([post(number, quantity=1000) for number in range(300)])
    ran = project.run("apply", "--yes")
    assert ran.code == 0
    assert "charge" not in ran.err
    assert served_sandbox.requests()["status"] <= 16  # three full batches, and the small ones while the window opens
