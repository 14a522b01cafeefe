"""The HTML report in headless Chromium: it works, asks nobody for anything, and complains of nothing."""

import struct
from collections.abc import Sequence
from pathlib import Path

import pytest

from runner.report.html.page import to_html
from runner.report.model.model import ReportModel, needs_attention
from runner.report.wording import money
from tests.report.browser import CHROMIUM, browser_page
from tests.report.models import a_hostile_model, a_large_model, a_model

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

ADDRESSES = "[...document.querySelectorAll('#table tbody b')].map(one => one.textContent)"
COLUMN = "[...document.querySelectorAll('#table tbody tr')].map(row => row.cells[{}].textContent)"
FOUND = "document.getElementById('found').textContent"
BACKGROUND = "getComputedStyle(document.documentElement).backgroundColor"


def click(selector: str) -> str:
    return f"document.querySelector({selector!r}).click()"


def put(name: str, value: str, event: str = "input") -> str:
    return (
        f"(e => {{ e.value = {value!r}; e.dispatchEvent(new Event({event!r})); }})(document.getElementById({name!r}))"
    )


def head(place: int) -> str:
    return click(f"#table th:nth-child({place}) button")


@pytest.fixture
def page_of(tmp_path: Path):
    def written(model: ReportModel) -> Path:
        path = tmp_path / "report.html"
        path.write_text(to_html(model), encoding="utf-8")
        return path

    return written


def lightness(colour: object) -> float:
    return sum(int(part) for part in str(colour).removeprefix("rgb(").removesuffix(")").split(",")) / 3


def size_of(png: bytes) -> Sequence[int]:
    assert png.startswith(b"\x89PNG")
    return struct.unpack(">II", png[16:24])


@pytest.mark.parametrize("model", [a_model(), a_hostile_model()], ids=["small", "hostile"])
async def test_it_loads_without_a_request_an_error_or_a_violation_of_its_policy(page_of, model):
    async with browser_page(page_of(model)) as page:
        addresses = await page.ask(ADDRESSES)
        await page.ask(head(1))
        await page.ask(put("filter", "a"))
        assert sorted(addresses) == sorted(row.address for row in model.orders)
        assert await page.ask("document.querySelectorAll('script').length") == 2
        assert await page.ask("document.querySelectorAll('img, iframe').length") == 0
        assert page.requests == []
        assert page.complaints == []


async def test_a_script_that_is_not_ours_does_not_run(page_of):
    path = page_of(a_model())
    path.write_text(path.read_text().replace("</body>", "<script>window.owned = 1</script></body>"))
    async with browser_page(path) as page:
        assert await page.ask("window.owned") is None
        assert any("Content Security Policy" in one for one in page.complaints)


async def test_orders_are_paged_sorted_and_filtered(page_of):
    model = a_large_model(450)
    by_address = {row.address: row for row in model.orders}
    async with browser_page(page_of(model)) as page:
        first = await page.ask(ADDRESSES)
        assert len(first) == 100
        assert all(needs_attention(by_address[address]) for address in first)
        assert await page.ask("document.getElementById('where').textContent") == "page 1 of 5"

        await page.ask(head(6))  # cost: numbers begin with the largest
        costs = [float(str(cost).removesuffix(" USD")) for cost in await page.ask(COLUMN.format(5))]
        dearest = sorted((row.committed for row in model.orders), reverse=True)[:100]
        assert costs == [float(money(amount)) for amount in dearest]
        assert await page.ask("document.querySelector('#table th:nth-child(6)').ariaSort") == "descending"
        await page.ask(head(6))
        costs = [float(str(cost).removesuffix(" USD")) for cost in await page.ask(COLUMN.format(5))]
        assert costs == [float(money(amount)) for amount in sorted(row.committed for row in model.orders)[:100]]
        await page.ask(head(1))
        assert (await page.ask(ADDRESSES))[:3] == ["campaign-0/post-0", "campaign-0/post-3", "campaign-0/post-6"]

        await page.ask(click("#on"))
        assert len(await page.ask(ADDRESSES)) == 100
        for _ in range(3):
            await page.ask(click("#on"))
        assert len(await page.ask(ADDRESSES)) == 50
        assert await page.ask("document.getElementById('on').disabled") is True

        await page.ask(put("filter", "campaign-1 POST-44"))
        assert await page.ask(ADDRESSES) == ["campaign-1/post-442", "campaign-1/post-445", "campaign-1/post-448"]
        assert await page.ask(FOUND) == "3 of 450 orders"
        await page.ask(put("filter", ""))
        await page.ask(put("state", "partial", "change"))
        partial = [row.address for row in model.orders if row.state == "partial"]
        assert sorted(await page.ask(ADDRESSES)) == sorted(partial)
        await page.ask(put("state", "!", "change"))
        assert await page.ask(FOUND) == f"{sum(map(needs_attention, model.orders))} of 450 orders"
        await page.ask(put("filter", "no such order"))
        assert await page.ask(ADDRESSES) == []
        assert page.complaints == []


async def test_a_state_of_the_chart_filters_and_sums_are_sorted(page_of):
    async with browser_page(page_of(a_large_model(90))) as page:
        await page.ask(click(".pick[data-state=completed]"))
        assert set(await page.ask(COLUMN.format(1))) == {"completed"}
        names = "[...document.querySelector('table.sortable tbody').rows].map(row => row.cells[{}].dataset.key)"
        await page.ask("document.querySelector('table.sortable th:nth-child(3) button').click()")
        spent = [float(amount) for amount in await page.ask(names.format(2))]
        assert spent == sorted(spent, reverse=True)


async def test_the_value_under_the_pointer_is_told(page_of):
    move = (
        "(plot => { const box = plot.getBoundingClientRect(); plot.dispatchEvent(new PointerEvent('pointermove',"
        " {clientX: box.right - 1, clientY: box.top + 5})); })([...document.querySelectorAll('.plot')].at(-1))"
    )
    async with browser_page(page_of(a_model())) as page:
        await page.ask(move)
        assert await page.ask("document.querySelector('.tip').textContent") == "97.66 USD · 2026-03-01 12:00:00"
        assert page.complaints == []


@pytest.mark.parametrize("width", [1280, 390])
async def test_it_fits_wide_and_narrow_screens_in_dark_and_light(page_of, width):
    async with browser_page(page_of(a_large_model(120))) as page:
        shades = []
        for dark in (False, True):
            await page.look(width=width, height=800, dark=dark)
            assert await page.ask("document.documentElement.scrollWidth") <= width
            empty = await page.ask("[...document.querySelectorAll('#table td:empty')].map(one => one.offsetHeight)")
            assert empty
            assert (set(empty) == {0}) is (width == 390)
            shades.append(lightness(await page.ask(BACKGROUND)))
            assert size_of(await page.picture()) == (width, 800)
        assert shades[0] > 200
        assert shades[1] < 60


async def test_on_paper_it_is_light_and_without_its_tools(page_of):
    async with browser_page(page_of(a_large_model(120))) as page:
        await page.look(dark=True, paper=True)
        assert lightness(await page.ask(BACKGROUND)) == 255
        assert await page.ask("getComputedStyle(document.getElementById('filter')).display") == "none"
        pdf = await page.pdf()
        assert pdf.startswith(b"%PDF")
        assert len(pdf) > 20_000


async def test_without_script_the_totals_and_the_first_orders_are_there(page_of):
    model = a_large_model(250)
    async with browser_page(page_of(model), script=False) as page:
        assert len(await page.ask(ADDRESSES)) == 100
        assert await page.ask("document.querySelector('.tools').hidden") is True
        assert await page.ask("document.querySelectorAll('.cards .amount').length") == 6
        assert page.complaints == []


async def test_a_hundred_thousand_orders_stay_usable(page_of):
    model = a_large_model(100_000)
    path = page_of(model)
    assert path.stat().st_size < 1_000_000
    async with browser_page(path) as page:
        rows = await page.ask("JSON.parse(document.getElementById('data').textContent).rows.length")
        assert rows > 5_000
        assert len(await page.ask(ADDRESSES)) == 100
        took = await page.ask(f"(() => {{ const t = performance.now(); {head(6)}; return performance.now() - t; }})()")
        assert took < 5_000  # a hang, not a benchmark
        assert "of 100,000 orders are listed" in await page.ask("document.getElementById('left-out').textContent")
