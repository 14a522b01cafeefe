"""Reads a price list that a panel gives out in pages: on by `offset`, by what the answers hold. Knows no sockets.

A page that can't be read means that the list was not read: a part of it, taken for the whole, would look as if all other
services had gone.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from runner.core.catalogue import PAGE_SIZES, Service
from runner.panel.answers import ServicesAnswer
from runner.panel.complaints import Trouble, TroubleKind

MOST_PAGES = 300

ReadPage = Callable[[int], Awaitable[ServicesAnswer | Trouble]]


class WholeList(NamedTuple):
    """A price list as far as it could be had."""

    services: dict[str, Service]
    skipped: int  # rows that are unreadable or repeated
    looks_cut: bool  # it ends where a page would, and the panel does not read on


async def read_on(first: ServicesAnswer, read_page: ReadPage | None) -> WholeList | Trouble:
    """The whole list that begins with `first`; Trouble if one of its pages could not be read.

    `read_page` asks for the services from an offset on, and raises what reads raise; None: the panel knows no offsets.
    """
    services, skipped, rows = dict(first.services), first.skipped, first.rows
    if rows not in PAGE_SIZES or read_page is None:
        return WholeList(services, skipped, looks_cut=rows in PAGE_SIZES)
    for number in range(2, MOST_PAGES + 1):
        page = await read_page(rows)
        if isinstance(page, Trouble):
            # A panel that refuses the field has told all that it tells; any other error may be of the moment.
            if number == 2 and page.is_about_the_form:  # noqa: PLR2004  # the page after the first
                return WholeList(services, skipped, looks_cut=True)
            return Trouble(kind=page.kind, message=f"page {number} of the price list: {page.message}")
        new = {key: service for key, service in page.services.items() if key not in services}
        if page.rows and not new:  # the same again: the panel knows no offset, or none behind its last page
            return WholeList(services, skipped, looks_cut=number == 2)  # noqa: PLR2004
        services |= new
        skipped += page.rows - len(new)
        rows += page.rows
        if page.rows < first.rows:
            return WholeList(services, skipped, looks_cut=False)
    return Trouble(kind=TroubleKind.OTHER, message=f"a price list of more than {MOST_PAGES} pages")
