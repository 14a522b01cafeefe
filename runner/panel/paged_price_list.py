"""Reads a price list that comes in pages, by `offset`.

A page that can't be read means that the list was not read: a part of it, taken for the whole, would look as if all
other services had gone.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from runner.core.catalogue import PAGE_SIZES, Repeated, Service
from runner.panel.parse.answers import ServicesAnswer
from runner.panel.parse.complaints import Trouble, TroubleKind
from runner.panel.parse.price_list import PriceList

MOST_PAGES = 300

ReadPage = Callable[[int], Awaitable[ServicesAnswer | Trouble]]


class WholeList(NamedTuple):
    """A price list as far as it could be had."""

    services: dict[str, Service]
    repeated: Mapping[str, Repeated]  # services whose lines differ, on one page or on several
    skipped: int  # rows that could not be read
    looks_cut: bool  # it ends where a page would, and the panel does not read on


async def read_on(first: ServicesAnswer, read_page: ReadPage | None) -> WholeList | Trouble:
    """The whole list that begins with `first`; Trouble if one of its pages could not be read.

    `read_page` asks for the services from an offset on, and raises what reads raise; None: the panel knows no offsets.
    """
    found, skipped, rows = PriceList(first.lines), first.skipped, first.rows

    def whole(*, looks_cut: bool) -> WholeList:
        return WholeList(found.services, found.repeated(), skipped, looks_cut)

    if rows not in PAGE_SIZES or read_page is None:
        return whole(looks_cut=rows in PAGE_SIZES)
    for number in range(2, MOST_PAGES + 1):
        is_second = number == 2  # noqa: PLR2004  # the page after the first
        page = await read_page(rows)
        if isinstance(page, Trouble):
            # A panel that refuses the field has told all that it tells; any other error may be of the moment.
            if is_second and page.is_about_the_form:
                return whole(looks_cut=True)
            return Trouble(kind=page.kind, message=f"page {number} of the price list: {page.message}")
        is_new = not page.services.keys() <= found.services.keys()
        for line in page.lines:
            found.add(line)
        if page.rows and not is_new:  # the same again: the panel knows no offset, or none behind its last page
            return whole(looks_cut=is_second)
        skipped += page.skipped
        rows += page.rows
        if page.rows < first.rows:
            return whole(looks_cut=False)
    return Trouble(kind=TroubleKind.OTHER, message=f"a price list of more than {MOST_PAGES} pages")
