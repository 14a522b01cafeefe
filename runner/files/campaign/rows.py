"""Checks the rows of a campaign and makes orders of them; ids, and what must be unique.

The hot part of reading: knows neither format, asks for places only when something is wrong.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, repeat
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeVar

from runner.core.orders import Order
from runner.core.values.links import same_page
from runner.core.values.remembered import Remembered
from runner.core.values.text import clean
from runner.files.campaign.derived_ids import derived_id, derived_ids
from runner.files.campaign.links import LinkRules, may_be_decoded
from runner.files.syntax.nodes import Node
from runner.files.validation.diagnose import report_errors, wrong_fields
from runner.files.validation.findings import SHOWN, CampaignFindings, Findings
from runner.files.validation.gate import gate

Where = TypeVar("Where")  # whatever a format needs to find a row's places again
Row = dict[str, Any]
TEXTS = frozenset({"id", "link", "from", "tags"})  # fields of an order whose plain scalars are text
_USUAL = frozenset(
    {"id", "link", "service", "quantity", "runs", "interval"}
)  # fields that ask for nothing but an order
_TERMS = ("service", "quantity", "runs", "interval")
_SPECIAL = ("priority", "protect", "drip", "tags")  # what a campaign keeps beside its orders


class Chunk(NamedTuple, Generic[Where]):
    """Some rows, as three lists of equal length."""

    rows: list[Any]  # a Row where the format allows no doubt; the gate tells
    lines: list[int]
    wheres: list[Where]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin(Generic[Where]):
    """The file that rows come from."""

    findings: Findings
    places: Callable[[Where], Node]
    defaults: Mapping[str, Any] | None  # None: they are wrong, and nothing is called missing
    # Reads what a row names under `from`; a CSV has no such rows.
    expand: Callable[["OneRow[Where]"], None] = lambda _row: None


class OneRow(NamedTuple, Generic[Where]):
    """One row with its place and file; made only where a row needs a closer look."""

    fields: Row
    line: int
    where: Where
    origin: Origin[Where]
    told: frozenset[str] = frozenset()  # fields of which it was told that they are wrong
    is_whole: bool = True  # False: it breaks the schema

    def merged(self) -> dict[str, Any]:
        """Service, quantity, runs and interval, from the defaults where the row lacks them; None where both do."""
        defaults = self.origin.defaults or {}
        usual = {name: defaults.get(name) for name in _TERMS if name not in self.told}
        return {name: self.fields.get(name, usual.get(name)) for name in _TERMS}


class _Clash(NamedTuple):
    """An order whose id was taken already."""

    findings: Findings
    line: int
    column: int
    order: Order


class OrderCollector:
    """Collects a campaign's orders; `finish` tells what only the whole list can tell."""

    def __init__(self, campaign: str, links: LinkRules | None, findings: CampaignFindings) -> None:
        """`links` is None if the campaign's own are wrong: then orders' links are not compared with them."""
        self.orders: list[Order] = []
        self.ids: set[str] = set()
        self.priorities: dict[str, int] = {}  # by id, of the orders whose isn't 0
        self.protected: set[str] = set()  # ids
        self.drips: set[str] = set()  # ids, of orders with runs
        self.tags: dict[str, tuple[str, ...]] = {}  # by id, of the orders that have some
        self.links_are_keys = True  # each link is its own key, as far as that was looked at
        self._campaign = campaign
        self._links = links
        self._findings = findings
        self._gate = gate("campaign", "order")
        self._services = Remembered[int | str, str](str)  # opaque text
        self._tag_lists: dict[tuple[str, ...], tuple[str, ...]] = {}  # equal ones are one object
        self._named = 0  # orders with an id of their own
        self._clashes: list[_Clash] = []
        self._wrong: list[Order] = []  # of rows that make no order, as far as they can be read: their ids are taken
        self._decoded: dict[str, tuple[int, int]] = {}  # file -> number of doubtful links, line of the first

    def add(self, chunk: Chunk[Where], origin: Origin[Where]) -> None:
        """Check rows and append their orders."""
        if self._gate.accepts_all(chunk.rows):
            self._add_right(chunk, origin)
            return
        right: Chunk[Where] = Chunk([], [], [])
        for row, line, where in zip(chunk.rows, chunk.lines, chunk.wheres, strict=True):
            accepted = self._gate.accepts(row)
            if not accepted and origin.findings.full:
                origin.findings.count_errors(1)
            elif not accepted and (errors := self._gate.errors(row)):
                self._add_right(right, origin)
                right = Chunk([], [], [])
                report_errors(errors, origin.places(where), origin.findings)
                if isinstance(row, dict):
                    self._look_further(OneRow(row, line, where, origin, wrong_fields(errors), is_whole=False))
            else:
                right.rows.append(row)
                right.lines.append(line)
                right.wheres.append(where)
        self._add_right(right, origin)

    def _add_right(self, chunk: Chunk[Where], origin: Origin[Where]) -> None:
        if self._add_alike(chunk, origin):
            return
        others = origin.defaults or {}
        default_service, default_quantity, default_runs, default_interval = map(others.get, _TERMS)
        is_special = any(map(others.get, _SPECIAL)) or not _USUAL.issuperset(chain.from_iterable(chunk.rows))
        campaign, source, services, ids = self._campaign, origin.findings.file, self._services, self.ids
        surely_fine = self._links.surely_fine if self._links else None
        append, take, new = self.orders.append, ids.add, tuple.__new__
        for row, line, where in zip(chunk.rows, chunk.lines, chunk.wheres, strict=True):
            get = row.get
            link = get("link")
            if link is None:
                origin.expand(OneRow(row, line, where, origin))
                continue
            service = get("service", default_service)
            quantity = get("quantity", default_quantity)
            runs = get("runs", default_runs)
            interval = get("interval", default_interval)
            if (
                service is None
                or quantity is None
                or (runs is None) is not (interval is None)
                or (runs is None and "drip" in row)
                or surely_fine is None
                or not surely_fine(link)
            ):
                one = OneRow(row, line, where, origin)
                if self._is_wrong(one):
                    self._keep_wrong(one)
                    continue
            order_id = get("id")
            if order_id is None:
                order_id = derived_id(services[service], link)
            else:
                self._named += 1
            # Order(…) takes twice as long: a NamedTuple's own __new__ is a Python function.
            order = new(Order, (campaign, order_id, services[service], link, quantity, runs, interval, source, line))
            if order_id in ids:
                self._clash(order, OneRow(row, line, where, origin))
                continue
            take(order_id)
            append(order)
            self.links_are_keys = False
            if is_special:
                self._keep_special(order, {**others, **row})

    def _keep_special(self, order: Order, fields: Mapping[str, Any]) -> None:
        """Keep what an order says beside its own fields."""
        if priority := fields.get("priority"):
            self.priorities[order.id] = priority
        if fields.get("protect"):
            self.protected.add(order.id)
        if order.runs is not None and "drip" in fields:
            self.drips.add(order.id)
        if tags := fields.get("tags"):
            once = tuple(dict.fromkeys(tags))
            self.tags[order.id] = self._tag_lists.setdefault(once, once)

    def _add_alike(self, chunk: Chunk[Where], origin: Origin[Where]) -> bool:
        """Append the orders of rows that have the same fields, nothing doubtful among them; else False and nothing done.

        The same that `add` does row by row, in two thirds of the time: what fields there are is asked once.
        """
        rows, defaults = chunk.rows, origin.defaults
        if not rows or self._links is None or defaults is None or any(map(defaults.get, _SPECIAL)):
            return False
        fields = rows[0].keys()
        if not fields <= _USUAL or sum(map(len, rows)) != len(fields) * len(rows):
            return False
        try:
            column: dict[str, Iterable[Any]] = {name: list(map(itemgetter(name), rows)) for name in fields}
        except KeyError:
            return False
        usual = {name: defaults.get(name) for name in _TERMS if name not in column}
        column |= {name: repeat(value, len(rows)) for name, value in usual.items() if value is not None}
        links: list[str] = list(column.get("link", ()))
        if (
            not {"link", "service", "quantity"} <= column.keys()
            or ("runs" in column) is not ("interval" in column)
            or not self._links.all_surely_fine(links)
        ):
            return False
        services = list(map(self._services.__getitem__, column["service"]))
        ids = column.get("id") or derived_ids(services, links)
        new = set(ids)
        if len(new) < len(rows) or not self.ids.isdisjoint(new):
            return False
        self.ids |= new
        self._named += len(rows) if "id" in column else 0
        nothing = repeat(None)
        values = zip(
            repeat(self._campaign),
            ids,
            services,
            links,
            column["quantity"],
            column.get("runs", nothing),
            column.get("interval", nothing),
            repeat(origin.findings.file),
            chunk.lines,
            strict=False,  # those that repeat have no end
        )
        self.orders.extend(map(tuple.__new__, repeat(Order), values))
        return True

    def finish(self) -> None:
        """Report ids and service-and-link pairs that are not unique, and links that panels may change."""
        mixed = self._same_service_and_link() if 0 < self._named < len(self.orders) + len(self._clashes) else []
        wanted = {clash.order.id for clash in self._clashes} | {taken for _, taken in mixed}
        first = {order.id: order for order in chain(self.orders, self._wrong) if order.id in wanted} if wanted else {}
        for clash in self._clashes:
            clash.findings.error(clash.line, clash.column, *_clash_words(clash.order, first[clash.order.id]))
        for named, taken in mixed:
            nameless = first[taken]
            if nameless.service == named.service and same_page(nameless.link, named.link):
                message = (
                    f"same service and {_page(nameless, named)} as order `{named.id}` {_place(named, nameless)}: "
                    "add an `id:` here too, or remove one of them"
                )
                self._findings.of(nameless.source).error(nameless.line, 1, "needs-id", message)
        for file, (count, line) in self._decoded.items():
            links = "a link holds" if count == 1 else f"{count} links hold"
            message = f"{links} `%`, `+` or `<`, which some panels decode twice or strip: check that the panel gets the right page"
            self._findings.of(file).warning(line, 1, "link-decoded", message)

    def _look_further(self, row: OneRow[Where]) -> None:
        """Tell what else is wrong with a row that breaks the schema."""
        right = row._replace(fields={name: value for name, value in row.fields.items() if name not in row.told})
        if "link" in row.fields:
            self._is_wrong(right)
            self._keep_wrong(right)
        elif "from" in right.fields:
            right.origin.expand(right)

    def _is_wrong(self, row: OneRow[Where]) -> bool:
        """Check one row that the hot loop could not prove right, and report what is wrong; True if it makes no order."""
        fields, merged, findings = row.fields, row.merged(), row.origin.findings
        complete = row.origin.defaults is not None
        problems = [  # field, code, message
            (name, "missing-key", f"`{name}` is missing: write it here or under `defaults:`")
            for name in ("service", "quantity")
            if merged[name] is None and complete and name not in row.told
        ]
        complete = complete and not row.told & {"runs", "interval", "drip"}
        if complete and (merged["runs"] is None) is not (merged["interval"] is None):
            has, lacks = ("interval", "runs") if merged["runs"] is None else ("runs", "interval")
            unit = "minutes between runs" if lacks == "interval" else "the number of deliveries"
            message = f"`{has}` needs `{lacks}`, {unit}: write it here or under `defaults:`, or remove `{has}`"
            problems.append((has, "runs-interval", message))
        if complete and merged["runs"] is None and merged["interval"] is None and "drip" in fields:
            message = (
                "`drip: runner` needs `runs` and `interval`: write them here or under `defaults:`, or remove `drip`"
            )
            problems.append(("drip", "drip-runs", message))
        link = fields.get("link")  # None: it is known to be wrong
        if link is not None and self._links and not self._links.surely_fine(link):
            if found := self._links.problems(link):
                problems += [("link", "link", f"`link` {one}; found `{clean(link, 120)}`") for one in found]
            elif may_be_decoded(link):
                count, first = self._decoded.get(findings.file, (0, row.line))
                self._decoded[findings.file] = (count + 1, first)
        if findings.full:
            findings.count_errors(len(problems))
        elif problems:
            node = row.origin.places(row.where)
            for name, code, message in problems:
                findings.error(*node.spot(name), code, message)
        return bool(problems) or merged["service"] is None or merged["quantity"] is None

    def _keep_wrong(self, row: OneRow[Where]) -> None:
        """Reserve the id of a row that makes no order, so that a second use of it is reported too."""
        service, link = row.merged()["service"], row.fields.get("link", "")
        named = "" if service is None else str(service)
        order_id = row.fields.get("id") or (derived_id(named, link) if named and link else None)
        if order_id is None:
            return
        source = row.origin.findings.file
        order = Order(self._campaign, order_id, named, link, 0, None, None, source, row.line)
        if order_id in self.ids:
            self._clash(order, row)
        else:
            self.ids.add(order_id)
            self._wrong.append(order)

    def _clash(self, order: Order, row: OneRow[Where]) -> None:
        findings = row.origin.findings
        if len(self._clashes) >= SHOWN or findings.full:
            findings.count_errors(1)
            return
        line, column = row.origin.places(row.where).spot("id" if "id" in row.fields else "link")
        self._clashes.append(_Clash(findings, line, column, order))

    def _same_service_and_link(self) -> list[tuple[Order, str]]:
        """Orders with an `id:` whose service and link an order without one has too, each with the derived id of that one."""
        found: dict[str, Order] = {}
        for order in self.orders:
            derived = derived_id(order.service, order.link)
            if order.id != derived and derived in self.ids:
                found.setdefault(derived, order)
        return [(order, derived) for derived, order in found.items()]


def _clash_words(order: Order, first: Order) -> tuple[str, str]:
    place = _place(first, order)
    if not order.id == derived_id(order.service, order.link) == derived_id(first.service, first.link):
        return "duplicate-id", f"`id` {order.id} is used already {place}: give one of the two another id"
    if order.service == first.service and same_page(order.link, first.link):
        message = (
            f"same service and {_page(order, first)} as the order {place}: add an `id:` to both, or remove one of them"
        )
        return "needs-id", message
    message = f"the id {order.id}, derived from service and link, is that of the order {place} too, by chance: add an `id:` to one of them"
    return "same-derived-id", message


def _page(order: Order, other: Order) -> str:
    """`link`, or both spellings where two orders write the link of one page differently."""
    if order.link == other.link:
        return "link"
    return f"page ({clean(order.link, 120)} and {clean(other.link, 120)} are one)"


def _place(order: Order, seen_from: Order) -> str:
    return f"in line {order.line}" + ("" if order.source == seen_from.source else f" of {order.source}")
