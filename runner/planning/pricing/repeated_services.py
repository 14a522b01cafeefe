"""Tells of services that a panel lists more than once, with different words. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from runner.core.catalogue import Catalogue, Repeated
from runner.core.orders import Campaign
from runner.core.snapshot import Recorded
from runner.core.values.money import plain

_TOLD = 10  # services of one panel that are told one by one
_TWICE = 2


def words_of(catalogue: Catalogue, services: Iterable[str] | None = None) -> Iterator[str]:
    """One sentence for each service that is listed more than once; of `services` only, where they are given."""
    wanted = None if services is None else set(services)
    found = [one for one in catalogue.repeated.values() if wanted is None or one.service in wanted]
    for one in found[:_TOLD]:
        yield _words(catalogue.panel, one)
    if len(found) > _TOLD:
        yield f"{catalogue.panel} lists {len(found) - _TOLD:,} more services several times, with different words"


def repeated_in(recorded: Recorded, campaigns: Sequence[Campaign]) -> tuple[str, ...]:
    """Tell of repeated services, but only of those that `campaigns` order."""
    told: list[str] = []
    for panel in dict.fromkeys(one.panel for one in campaigns):
        catalogue = recorded.catalogues.get(panel)
        if catalogue is not None and catalogue.repeated:
            here = [one for one in campaigns if one.panel == panel]
            told += words_of(catalogue, {order.service for one in here for order in one.orders})
    return tuple(told)


def _words(panel: str, one: Repeated) -> str:
    """`kings lists service 1 twice, at 0.90 and 9.00 per 1000: the dearer price counts; min and refill differ …`."""
    times = "twice" if one.times == _TWICE else f"{one.times} times"
    told = f"{panel} lists service {one.service} {times}"
    prices = [plain(rate) for rate in one.rates]
    if len(prices) > 1:
        told += f", at {_and(prices)} per 1000: the dearer price counts"
    if one.fields:
        told += f"{';' if len(prices) > 1 else ','} {_and(one.fields)} {'differ' if len(one.fields) > 1 else 'differs'}"
        told += ": the stricter counts"
    return f"{told}; ask the panel which line is meant"


def _and(several: Sequence[str]) -> str:
    return several[0] if len(several) == 1 else f"{', '.join(several[:-1])} and {several[-1]}"
