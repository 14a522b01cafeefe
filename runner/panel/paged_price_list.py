"""Reads a price list that comes in pages, by `offset`.

A page that can't be read means that the list was not read: a part of it, taken for the whole, would look as if all
other services had gone.
"""

from collections.abc import Awaitable, Callable

from runner.core.catalogue import PAGE_SIZES
from runner.panel.parse.complaints import Trouble, TroubleKind
from runner.panel.parse.price_list import PriceList, PricePage

MOST_PAGES = 300

ReadPage = Callable[[int], Awaitable[PricePage | Trouble]]


async def read_on(first: PricePage, read_page: ReadPage | None) -> PriceList | Trouble:
    """The whole list that begins with `first`; Trouble if one of its pages could not be read.

    `read_page` asks for the services from an offset on, and raises what reads raise; None: the panel knows no offsets.
    """
    found = PriceList()
    found.add_page(first)
    if first.rows not in PAGE_SIZES or read_page is None:
        found.looks_cut = first.rows in PAGE_SIZES
        return found
    for number in range(2, MOST_PAGES + 1):
        is_second = number == 2  # noqa: PLR2004  # the page after the first
        page = await read_page(found.rows)
        if isinstance(page, Trouble):
            # A panel that refuses the field has told all that it tells; any other error may be of the moment.
            if is_second and page.is_about_the_form:
                found.looks_cut = True
                return found
            return Trouble(kind=page.kind, message=f"page {number} of the price list: {page.message}")
        known = len(found.services)
        found.add_page(page)
        if page.rows and len(found.services) == known:  # the panel knows no offset, or none behind its last page
            found.looks_cut = is_second
            return found
        if page.rows < first.rows:
            return found
    return Trouble(kind=TroubleKind.OTHER, message=f"a price list of more than {MOST_PAGES} pages")
