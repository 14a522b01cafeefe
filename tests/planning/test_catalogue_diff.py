from datetime import timedelta

from runner.core.catalogue import Catalogue, ServiceSeen
from runner.planning.pricing.catalogue_diff import ChangeKind, Since, differences, listed_at, listed_before
from tests.planning.builders import NOW, D, a_catalogue, a_service

ONE, TWO = a_service("1"), a_service("2")
DEARER = ONE._replace(rate=D("1.10"), refill=None)


def seen(service, hours, *, listed=True):
    return ServiceSeen("sandbox", NOW + timedelta(hours=hours), service, listed)


def test_new_gone_and_changed_services_are_told_with_every_field_that_differs():
    found = differences(Since("sandbox", NOW, {"1": ONE, "2": TWO}), a_catalogue(DEARER, a_service("3")))
    assert [(change.service.id, change.kind) for change in found] == [
        ("1", ChangeKind.CHANGED),
        ("3", ChangeKind.NEW),
        ("2", ChangeKind.GONE),
    ]
    assert [tuple(one) for one in found[0].differences] == [("rate", D("0.90"), D("1.10")), ("refill", True, None)]


def test_an_equal_price_that_is_written_otherwise_is_no_change():
    assert differences(Since("sandbox", NOW, {"1": ONE._replace(rate=D("0.900"))}), a_catalogue(ONE)) == []


def test_a_former_list_is_put_together_from_what_was_seen_until_then():
    history = {
        ("sandbox", "1"): [seen(ONE, 0), seen(DEARER, 2)],
        ("sandbox", "2"): [seen(TWO, 0), seen(TWO, 1, listed=False)],
        ("other", "9"): [seen(ONE, 0)],
    }
    early = listed_at("sandbox", history, NOW)
    assert (early.at, early.services) == (NOW, {"1": ONE, "2": TWO})
    late = listed_at("sandbox", history, NOW + timedelta(hours=1))
    assert (late.at, late.services) == (NOW + timedelta(hours=1), {"1": ONE})
    assert listed_at("sandbox", history, NOW - timedelta(hours=1)).at is None


def test_the_list_before_is_the_remembered_one_or_if_that_is_the_present_one_the_last_that_differs():
    history = {("sandbox", "1"): [seen(ONE, 0), seen(DEARER, 2)]}
    now = a_catalogue(DEARER)
    remembered = Catalogue(panel="sandbox", services={"1": DEARER}, fetched_at=NOW + timedelta(hours=3))
    assert listed_before(remembered, now, history).services == {"1": ONE}
    cheaper = a_catalogue(ONE._replace(rate=D("0.5")))
    assert listed_before(remembered, cheaper, history).services == {"1": DEARER}
    assert listed_before(None, now, {}).at is None
    assert listed_before(remembered, now, {("sandbox", "1"): [seen(DEARER, 0)]}).services == {"1": DEARER}
