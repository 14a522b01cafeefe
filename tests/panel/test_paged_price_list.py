"""A price list in pages, read to its end by what the answers hold."""

import json
from decimal import Decimal

import pytest

from runner.core.catalogue import PAGE_SIZES
from runner.core.errors import PanelUnreachable
from runner.panel.capabilities import OFFSET
from runner.panel.paged_price_list import MOST_PAGES, read_on
from runner.panel.parse.answers import parse_services
from runner.panel.parse.complaints import Trouble, TroubleKind
from runner.panel.parse.price_list import PricePage
from tests.panel.test_client import AT


def row(number, **more):
    return {"service": number, "name": f"s{number}", "type": "Default", "rate": "0.90", "min": 1, "max": 9} | more


def page(first, last):
    return [row(number) for number in range(first, last + 1)]


def parsed(rows):
    return parse_services(json.dumps(rows), str)


class Panel:
    """Gives `rows` out by `size`; remembers the offsets it was asked for."""

    def __init__(self, rows, size=100, *, takes_offset=True):
        self.rows, self.size, self.takes_offset = rows, size, takes_offset
        self.offsets = []

    def at(self, offset):
        start = offset if self.takes_offset else 0
        rows = self.rows[start : start + self.size]
        return parsed(rows) if rows else PricePage((), 0)

    async def read(self, offset):
        self.offsets.append(offset)
        return self.at(offset)

    async def all(self):
        return await read_on(self.at(0), self.read)


@pytest.mark.parametrize("total", [1, 99, 101, 150, 999])
async def test_a_list_that_fills_no_page_is_whole_and_asked_for_once(total):
    panel = Panel(page(1, total), size=1000)
    found = await panel.all()
    assert (len(found.services), found.looks_cut, panel.offsets) == (total, False, [])


@pytest.mark.parametrize(("total", "offsets"), [(150, [100]), (250, [100, 200]), (200, [100, 200]), (100, [100])])
async def test_a_full_page_is_read_on_from(total, offsets):
    panel = Panel(page(1, total))
    found = await panel.all()
    assert list(found.services) == [str(number) for number in range(1, total + 1)]
    assert (found.looks_cut, panel.offsets) == (False, offsets)


@pytest.mark.parametrize("size", sorted(PAGE_SIZES))
async def test_a_panel_that_knows_no_offset_is_found_out_by_the_same_page(size):
    panel = Panel(page(1, size), size=size, takes_offset=False)
    found = await panel.all()
    assert (len(found.services), found.looks_cut, panel.offsets) == (size, True, [size])


async def test_a_panel_known_to_know_no_offset_is_not_asked_again():
    found = await read_on(parsed(page(1, 100)), None)
    assert (len(found.services), found.looks_cut) == (100, True)


async def test_services_that_move_between_pages_are_listed_once():
    pages = {100: page(91, 190), 200: page(185, 230)}

    async def read(offset):
        return parsed(pages[offset])

    found = await read_on(parsed(page(1, 100)), read)
    assert list(found.services) == [str(number) for number in range(1, 231)]
    assert (found.skipped, found.repeated()) == (0, {})  # the same line twice does no harm


async def test_a_service_that_another_page_lists_dearer_is_told_and_counts_at_the_dearer_price():
    async def read(_offset):
        return parsed([row(100, rate="9.00"), *page(101, 150)])

    found = await read_on(parsed(page(1, 100)), read)
    assert found.services["100"].rate == Decimal("9.00")
    assert list(found.repeated()) == ["100"]


async def test_a_last_page_that_is_given_again_and_again_is_the_end():
    async def read(_offset):
        return parsed(page(101, 200))

    found = await read_on(parsed(page(1, 100)), read)
    assert (len(found.services), found.looks_cut) == (200, False)


async def test_a_list_without_end_is_no_list():
    asked = []

    async def read(offset):
        asked.append(offset)
        return parsed(page(offset + 1, offset + 100))

    found = await read_on(parsed(page(1, 100)), read)
    assert isinstance(found, Trouble)
    assert len(asked) == MOST_PAGES - 1


@pytest.mark.parametrize("kind", list(TroubleKind))
async def test_a_later_page_that_fails_means_that_the_list_was_not_read(kind):
    async def read(offset):
        return parsed(page(101, 200)) if offset == 100 else Trouble(kind=kind, message="no")

    found = await read_on(parsed(page(1, 100)), read)
    assert isinstance(found, Trouble)
    assert "page 3" in found.message


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(kind=TroubleKind.REQUEST, message="Incorrect request"),
        Trouble(kind=TroubleKind.UNKNOWN_ACTION, message="Unknown action"),
        Trouble(kind=TroubleKind.OTHER, message="Unknown field: offset", http_status=422),
    ],
    ids=lambda one: one.message,
)
async def test_a_first_offset_that_is_refused_leaves_what_there_is(trouble):
    async def read(_offset):
        return trouble

    found = await read_on(parsed(page(1, 100)), read)
    assert (len(found.services), found.looks_cut) == (100, True)


@pytest.mark.parametrize("kind", [TroubleKind.OTHER, TroubleKind.UNREADABLE, TroubleKind.UNKNOWN_ID])
async def test_a_first_offset_that_fails_means_that_the_list_was_not_read(kind):
    async def read(_offset):
        return Trouble(kind=kind, message="Database error")

    assert isinstance(await read_on(parsed(page(1, 100)), read), Trouble)


@pytest.mark.parametrize("end", [[], None, {}, {"status": "success", "data": "Empty Data"}], ids=str)
async def test_the_client_reads_to_an_end_in_any_shape(serve, client_of, answer, end):
    panel = await serve(answer(page(1, 100)), answer(page(101, 200)), answer(end))
    client = await client_of(panel.url)
    assert len((await client.services(AT)).services) == 200
    assert [form.get("offset") for form in panel.forms] == [None, "100", "200"]
    assert client.capability_changes().lacking == frozenset()


async def test_the_client_learns_that_a_list_looks_cut_and_asks_no_more(serve, client_of, answer):
    panel = await serve(*[answer(page(1, 100))] * 3)
    client = await client_of(panel.url)
    assert len((await client.services(AT)).services) == 100
    assert client.capability_changes().lacking == {OFFSET}
    await client.services(AT)
    assert [form.get("offset") for form in panel.forms] == [None, "100", None]


@pytest.mark.parametrize("status", [500, 502])
async def test_a_page_that_does_not_come_raises(serve, client_of, answer, say, status):
    panel = await serve(answer(page(1, 100)), answer(page(101, 200)), *[say.http("<html>", status)] * 4)
    with pytest.raises(PanelUnreachable):
        await (await client_of(panel.url)).services(AT)
    assert len(panel.forms) == 6, "a page is asked for again like any read"
