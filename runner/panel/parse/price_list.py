"""A price list while it is read: of a service that is listed more than once, the worse entry counts. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from runner.core.catalogue import Repeated, Service

_COMPARED = ("name", "type", "min", "max", "refill", "cancel", "dripfeed")
_BY_STRICTNESS = {False: 0, None: 1, True: 2}  # not offered, not said, offered


class PricePage(NamedTuple):
    """One answer to `services`: the lines that could be read, in the panel's order."""

    lines: Sequence[Service]
    rows: int  # those that could not be read included


class PriceList:
    """The services by id, in the order of their first line; an id may come again, also on a later page."""

    def __init__(self) -> None:
        self.services: dict[str, Service] = {}
        self.rows = 0  # of all pages, those that could not be read included
        self.skipped = 0  # rows that could not be read
        self.looks_cut = False  # it ends where a page would, and the panel does not read on
        self._lines: dict[str, list[Service]] = {}  # all of each id that came more than once

    def add_page(self, page: PricePage) -> None:
        """Add the lines of one more page."""
        self.rows += page.rows
        self.skipped += page.rows - len(page.lines)
        for line in page.lines:
            self.add(line)

    def add(self, line: Service) -> None:
        """Add one more line."""
        known = self.services.get(line.id)
        if known is None:
            self.services[line.id] = line
            return
        self._lines.setdefault(line.id, [known]).append(line)
        self.services[line.id] = stricter(known, line)

    def repeated(self) -> Mapping[str, Repeated]:
        """The services whose lines differ; the same line twice does no harm."""
        return {service_id: one for service_id, lines in self._lines.items() if (one := _differing(lines)) is not None}


def stricter(one: Service, other: Service) -> Service:
    """Return one line for two of a service, under which neither is broken: the dearer price, the narrower limits, what both offer.

    A type that can't be ordered wins over Default; the name and the category are those of `one`.
    """
    return one._replace(
        type=other.type if one.is_default else one.type,
        rate=max(one.rate, other.rate),
        min=max(one.min, other.min),
        max=min(one.max, other.max),
        refill=min(one.refill, other.refill, key=_BY_STRICTNESS.__getitem__),
        cancel=min(one.cancel, other.cancel, key=_BY_STRICTNESS.__getitem__),
        dripfeed=min(one.dripfeed, other.dripfeed, key=_BY_STRICTNESS.__getitem__),
    )


def _differing(lines: list[Service]) -> Repeated | None:
    first = lines[0]
    rates = tuple(dict.fromkeys(line.rate for line in lines))
    fields = tuple(name for name in _COMPARED if any(getattr(line, name) != getattr(first, name) for line in lines))
    return Repeated(first.id, len(lines), rates, fields) if len(rates) > 1 or fields else None
