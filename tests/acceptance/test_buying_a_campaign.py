"""255 orders from a CSV and from inline lines: bought as listed, once, whatever happens to the files afterwards."""

import random
from collections.abc import Callable, Iterator, Mapping
from math import ceil
from pathlib import Path

import pytest

from tests.acceptance.project import BRAND, Project, post
from tests.acceptance.served import Served, start_served

ORDERS = 255
IN_CSV = 200
MOST_STATUS_CALLS = ceil(ORDERS / 100) + 1
Fields = dict[str, object]


def inline_orders() -> list[Fields]:
    plain = [post(number, service=service) for number, service in zip(range(1, 41), [1, 3] * 20, strict=True)]
    dripped = [post(number, service=4, runs=number - 38, interval=30 + number) for number in range(41, 56)]
    return plain + dripped


def csv_rows() -> list[Fields]:
    """The rows of the CSV: without ids, some with their own service, some with drip-feed."""
    rows: list[Fields] = []
    for number in range(IN_CSV):
        row: Fields = {"link": f"{BRAND}row/{number}", "quantity": 100 + number}
        if number % 3 == 0:
            row["service"] = 6
        if number % 3 == 1:
            row |= {"service": 4, "runs": 2 + number % 5, "interval": 60}
        rows.append(row)
    return rows


def as_sent(order: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """The whole form, but the key, that an order of the file must become."""
    form = {"action": "add", **{name: str(value) for name, value in order.items() if name != "id"}}
    return tuple(sorted(form.items()))


def write_campaign(project: Project, inline: list[Fields], **more: object) -> None:
    project.campaign([*inline, {"from": "posts.csv", "service": 5}], **more)


@pytest.fixture(scope="module")
def bought(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Served]]:
    """A project whose 255 orders have been bought, and its panel."""
    folder: Path = tmp_path_factory.mktemp("bought")
    served = start_served(folder / "sandbox.db")
    try:
        project = Project(folder / "project")
        project.panels(served.url)
        project.csv(csv_rows())
        write_campaign(project, inline_orders())
        ran = project.run("apply", "--yes", "--format", "json")
        assert ran.code == 0, ran.err
        assert ran.json["placed"] == ORDERS
        yield project, served
    finally:
        served.stop()


@pytest.fixture
def copied(bought: tuple[Project, Served], tmp_path: Path) -> tuple[Project, Served]:
    """A copy of the bought project: its files may be edited. Its panel is shared, so look at differences only."""
    project, served = bought
    return project.copy(tmp_path / "project"), served


@pytest.fixture
def adds_of(copied: tuple[Project, Served]) -> Callable[[], int]:
    """Applies, checks that all went well, and counts the `add` requests that this took."""
    project, served = copied

    def adds() -> int:
        before = served.requests()
        ran = project.run("apply", "--yes")
        assert ran.code == 0, ran.err
        return served.requests()["add"] - before["add"]

    return adds


def test_every_order_is_sent_once_with_exactly_the_listed_fields(bought):
    _, served = bought
    listed = [as_sent(order) for order in inline_orders()]
    listed += [as_sent({"service": 5} | row) for row in csv_rows()]
    assert len(listed) == ORDERS
    first_orders = served.forms()[:ORDERS]
    assert sorted(tuple(sorted(form.items())) for form in first_orders) == sorted(listed)


def test_a_second_apply_sends_no_order_and_asks_for_a_hundred_statuses_at_a_time(copied):
    project, served = copied
    before = served.requests()
    ran = project.run("apply", "--yes", "--format", "json")
    asked = served.requests() - before
    assert (ran.code, ran.json["placed"], ran.json["orders"]) == (0, 0, [])
    assert asked["add"] == 0
    assert 1 <= asked["status"] <= MOST_STATUS_CALLS


def test_one_order_added_to_the_file_is_one_order_sent(copied, adds_of):
    project, served = copied
    new = post(1000, quantity=321)
    write_campaign(project, [new, *inline_orders()])
    assert adds_of() == 1
    assert tuple(sorted(served.forms()[-1].items())) == as_sent(new)
    assert adds_of() == 0


def test_reordered_csv_rows_are_the_same_orders(copied, adds_of):
    project, _ = copied
    rows = csv_rows()
    random.Random(7).shuffle(rows)
    project.csv(rows)
    assert adds_of() == 0


def test_an_order_renamed_with_moved_is_not_bought_again_even_when_the_line_is_gone(copied, adds_of):
    project, served = copied
    (panel_order,) = (order for order in served.orders() if order["link"] == post(7)["link"])
    served.tell(f"orders/{panel_order['order']}", {"status": "Completed"})  # in flight, its link alone would hold it
    renamed = [order | {"id": "teaser"} if order["id"] == "post-7" else order for order in inline_orders()]
    write_campaign(project, renamed, moved=[{"from": "post-7", "to": "teaser"}])
    assert adds_of() == 0
    write_campaign(project, renamed)
    assert adds_of() == 0


def test_an_order_that_leaves_the_file_stays_bought_and_comes_back_without_a_purchase(copied, adds_of):
    project, _ = copied
    write_campaign(project, inline_orders()[1:])
    assert adds_of() == 0
    write_campaign(project, inline_orders())
    assert adds_of() == 0
