"""A price list while it is read: ids that come again."""

from decimal import Decimal
from itertools import permutations

import pytest

from runner.core.catalogue import Repeated, Service
from runner.panel.parse.price_list import PriceList, stricter

LINE = Service("1", "Followers", "default", "First", Decimal("0.90"), 50, 10000, True, True, True)


def listed(*lines):
    found = PriceList()
    for line in lines:
        found.add(line)
    return found


def test_what_comes_once_is_as_it_is_listed():
    found = listed(LINE, LINE._replace(id="2"))
    assert (list(found.services.values()), found.repeated()) == ([LINE, LINE._replace(id="2")], {})


def test_the_same_line_again_is_no_second_service_and_no_matter():
    found = listed(LINE, LINE._replace(category="Second"), LINE._replace(rate=Decimal("0.9000")))
    assert (list(found.services.values()), found.repeated()) == ([LINE], {})


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_order_of_the_lines_does_not_change_what_counts(order):
    lines = [
        LINE,
        LINE._replace(rate=Decimal("9.00"), min=10, max=500, refill=None, cancel=False),
        LINE._replace(rate=Decimal("0.10"), min=100, dripfeed=None, type="custom comments"),
    ]
    found = listed(*(lines[place] for place in order))
    (service,) = found.services.values()
    assert service == LINE._replace(
        rate=Decimal("9.00"), min=100, max=500, refill=None, cancel=False, dripfeed=None, type="custom comments"
    )
    assert found.repeated()["1"].times == 3
    assert set(found.repeated()["1"].rates) == {Decimal("0.90"), Decimal("9.00"), Decimal("0.10")}


def test_what_differs_is_named():
    assert listed(LINE, LINE._replace(name="Likes", max=9)).repeated() == {
        "1": Repeated("1", 2, (Decimal("0.90"),), ("name", "max"))
    }


@pytest.mark.parametrize("flag", ["refill", "cancel", "dripfeed"])
@pytest.mark.parametrize(
    ("one", "other", "counts"), [(True, False, False), (True, None, None), (None, False, False), (True, True, True)]
)
def test_a_flag_counts_where_every_line_has_it(flag, one, other, counts):
    for pair in ((one, other), (other, one)):
        merged = stricter(*(LINE._replace(**{flag: value}) for value in pair))
        assert getattr(merged, flag) is counts
