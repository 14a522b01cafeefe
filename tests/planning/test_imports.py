"""Which listed orders rows mean, and what the state says against importing them."""

import pytest

from runner.core.attempts import AttemptState
from runner.core.imports import Bought, BoughtRow
from runner.planning.orders.imports import Listed, Obstacles
from tests.planning.builders import LINK, a_campaign, an_attempt, an_order, recorded_with

A, B = an_order("a"), an_order("b", service="2", runs=2, interval=60)
TWINS = an_order("x", link=f"{LINK}/same"), an_order("order-77", link=f"{LINK}/same")
CAMPAIGN = a_campaign(A, B, *TWINS)
OTHER = a_campaign(an_order("a", link=f"{LINK}/elsewhere"), name="autumn", panel="second")


def row(order_id: str = "1", line: int = 2, **said) -> BoughtRow:
    nothing = dict.fromkeys(("id", "service", "link", "quantity", "runs", "interval"))
    return BoughtRow(line, order_id, **(nothing | said))


def matched(*rows: BoughtRow, only: str | None = None):
    return Listed([CAMPAIGN, OTHER], only).match(rows)


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ({"id": "b"}, "spring/b"),
        ({"id": "autumn/a"}, "autumn/a"),
        ({"id": "spring/a", "quantity": 1000}, "spring/a"),
        ({"service": "1", "link": f"{LINK}/a"}, "spring/a"),
        ({"link": f"{LINK}/b", "runs": 2, "interval": 60}, "spring/b"),
        ({"link": f"{LINK}/elsewhere"}, "autumn/a"),
    ],
)
def test_a_row_means_the_order_of_its_id_or_of_its_service_and_link(said, address):
    (bought,), wrong = matched(row("4711", **said))
    assert not wrong
    assert (bought.order.address, bought.order_id) == (address, "4711")
    assert bought.panel == ("second" if address.startswith("autumn") else "sandbox")


@pytest.mark.parametrize(
    ("said", "column", "words"),
    [
        ({"id": "zzz"}, "id", "no order with id zzz is listed"),
        ({"id": "a"}, "id", "several orders are listed with id a (spring/a, autumn/a)"),
        ({"service": "2", "link": f"{LINK}/a"}, "link", "no order with service 2 and this link"),
        ({"link": f"{LINK}/same"}, "link", "several orders are listed with this link (spring/x, spring/order-77)"),
        ({"id": "b", "quantity": 900}, "quantity", "spring/b is listed with quantity 1000, not 900"),
        ({"id": "spring/a", "runs": 2, "interval": 5}, "runs", "spring/a is listed with runs none, not 2"),
        ({"id": "b", "link": f"{LINK}/a"}, "link", "spring/b is listed with link"),
    ],
)
def test_a_row_that_means_no_order_or_another_one_is_told(said, column, words):
    bought, (wrong,) = matched(row(line=7, **said))
    assert not bought
    assert (wrong.line, wrong.column) == (7, column)
    assert words in wrong.message


def test_a_campaign_may_be_named_for_all_rows():
    (bought,), wrong = matched(row(id="a"), only="autumn")
    assert (bought.order.address, wrong) == ("autumn/a", [])


def test_of_several_orders_for_a_page_one_may_be_called_after_the_panels_id():
    (bought,), wrong = matched(row("77", link=f"{LINK}/same"))
    assert (bought.order.id, wrong) == ("order-77", [])


def test_two_rows_for_one_order_are_told():
    bought, (wrong,) = matched(row("1", 2, id="b"), row("2", 3, link=f"{LINK}/b"))
    assert [one.order_id for one in bought] == ["1"]
    assert wrong.message == "it is spring/b, as line 2 is: an order was bought once"


def against(*attempts, order=A, order_id: str = "4711", campaign=CAMPAIGN):
    return Obstacles([campaign], recorded_with(*attempts)).of(Bought(order, "sandbox", order_id))


def test_an_order_that_was_never_bought_or_refused_may_be_imported():
    assert against() is None
    assert against(an_attempt(A, AttemptState.REFUSED)) is None
    assert against(an_attempt(A, AttemptState.NOT_SENT)) is None


def test_what_is_recorded_as_just_that_is_no_obstacle_to_speak_of():
    obstacle = against(an_attempt(A, panel_order_id="4711"))
    assert obstacle is not None
    assert not obstacle.message
    renamed = a_campaign(an_order("new"), moved={"new": "a"})
    obstacle = against(an_attempt(A, panel_order_id="4711"), order=renamed.orders[0], campaign=renamed)
    assert obstacle is not None
    assert not obstacle.message


@pytest.mark.parametrize(
    ("attempt", "words", "can_be_forced"),
    [
        (an_attempt(A, panel_order_id="9"), "it is order 9 on sandbox already", False),
        (an_attempt(A, AttemptState.IN_DOUBT), "runner doubt adopt spring/a --order ID", False),
        (an_attempt(A, AttemptState.SENDING), "runner doubt adopt spring/a --order ID", False),
        (an_attempt(A, AttemptState.ABANDONED), "it was given up", False),
        (an_attempt(B, panel_order_id="4711"), "order 4711 on sandbox is spring/b already", False),
        (an_attempt(an_order("c", link=A.link), AttemptState.IN_DOUBT), "spring/c, with the same service", True),
    ],
)
def test_what_may_be_bought_already_is_not_imported(attempt, words, can_be_forced):
    obstacle = against(attempt)
    assert obstacle is not None
    assert words in obstacle.message
    assert obstacle.can_be_forced is can_be_forced


def test_the_same_id_on_another_panel_is_another_order():
    assert against(an_attempt(B, panel_order_id="4711", panel="second")) is None
