"""Warns of orders, in all campaigns read together, whose links are probably one page. Changes nothing."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from operator import attrgetter

from runner.core.diagnostics import Diagnostic, Severity
from runner.core.orders import Campaign, Order
from runner.core.values.batches import in_batches
from runner.core.values.links import page_key
from runner.core.values.similar_links import difference, loose_key, loose_site, may_track, site_of
from runner.core.values.text import clean

SHOWN = 20  # pairs that are told
_CODE = "probably-one-page"
_AT_ONCE = 10_000  # links looked at as one text
_link = attrgetter("link")
_Sold = tuple[str, str, str]  # panel, service and page, loosely


def similar_orders(campaigns: Sequence[Campaign]) -> list[Diagnostic]:
    """A warning for each further spelling of a page that is ordered already, of one service on one panel. Linear.

    It stands at the later of the two orders and names the earlier one. Of many, the first are told and the rest
    counted.
    """
    if not _may_be_some(campaigns):
        return []
    found = sorted(_pairs(campaigns))
    shown = found[:SHOWN]
    if more := len(found) - len(shown):
        last = shown[-1]
        words = f"and {more:,} more {'link is' if more == 1 else 'links are'} probably another spelling of a page that is ordered already"
        shown.append(Diagnostic(last.file, last.line, last.column + 1, _CODE, words, Severity.WARNING))
    return shown


def _may_be_some(campaigns: Sequence[Campaign]) -> bool:
    """False if all links are surely written in one way: told from whole texts, in a fraction of the time that their keys take."""
    # Every link is inside one of the prefixes, so it is on the site of one, with its scheme.
    prefixes = {page_key(link) for campaign in campaigns for link in campaign.links}
    sites = {(prefix.partition(":")[0], site_of(prefix)) for prefix in prefixes}
    if len({loose_site(site) for _, site in sites}) < len(sites):
        return True
    endings: set[bool] = set()
    for campaign in campaigns:
        for links in in_batches(map(_link, campaign.orders), _AT_ONCE):
            text = "\n".join(links) + "\n"
            slashes = text.count("/\n")
            if slashes not in (0, len(links)) or any(mark in text for mark in "#%&+") or "index." in text.lower():
                return True
            if "?" in text and (slashes or "/?" in text or may_track(text)):
                return True
            endings.add(bool(slashes))
    return len(endings) > 1


def _pairs(campaigns: Sequence[Campaign]) -> Iterator[Diagnostic]:
    # First hashes alone, 8 bytes for each order: of a million orders hardly any has a second one.
    hashes = array("q", (hash(_sold(panel, order)) for panel, order in _orders(campaigns)))
    repeated = {one for one, following in pairwise(sorted(hashes)) if one == following}
    pages: dict[_Sold, dict[str, Order]] = {}  # key of each spelling -> its first order
    for hashed, (panel, order) in zip(hashes, _orders(campaigns), strict=True):
        if hashed in repeated:
            key, spellings = page_key(order.link), pages.setdefault(_sold(panel, order), {})
            if key not in spellings and spellings:
                first_key, first = next(iter(spellings.items()))
                yield _warning(order, first, difference(first_key, key))
            spellings.setdefault(key, order)


def _orders(campaigns: Iterable[Campaign]) -> Iterator[tuple[str, Order]]:
    """Every order with its panel."""
    return ((campaign.panel, order) for campaign in campaigns for order in campaign.orders)


def _sold(panel: str, order: Order) -> _Sold:
    return (panel, order.service, loose_key(page_key(order.link)))


def _warning(order: Order, first: Order, words: str) -> Diagnostic:
    message = (
        f"`link` {clean(order.link, 120)} is probably the same page as {clean(first.link, 120)} in {first.source}:{first.line}, for the "
        f"same service: they differ in {words}. Both are bought; if it is one page, write it in one way"
    )
    return Diagnostic(order.source, order.line, 1, _CODE, message, Severity.WARNING)
