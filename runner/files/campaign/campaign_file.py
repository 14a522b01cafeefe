"""Reads one campaign file, with the CSV files it names, into a Campaign or into findings."""

import hashlib
from collections.abc import Callable, Container, Iterator
from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from runner.core.orders import Campaign
from runner.core.values.text import clean
from runner.files.campaign import header
from runner.files.campaign.counts import read_counts
from runner.files.campaign.csv_rows import CsvReader, resolve_csv
from runner.files.campaign.plain_rows import Unproven
from runner.files.campaign.rows import TEXTS, Chunk, OneRow, OrderCollector, Origin
from runner.files.campaign.yaml_events import Where, YamlReader
from runner.files.syntax.nodes import Kind, Node, plain
from runner.files.syntax.source import Broken, CheckedFile, Unreadable
from runner.files.validation.diagnose import report_errors
from runner.files.validation.findings import CampaignFindings, Findings
from runner.files.validation.gate import gate

_TEXTS = TEXTS | {"campaign", "panel", "links", "to", "removed", "counts", "currency"}
_FOR_ROWS = frozenset({"campaign", "links", "defaults"})  # what reading an order needs of the header
_DEFAULTS = ("service", "quantity", "runs", "interval", "priority", "protect", "drip", "tags")


class CampaignFile(NamedTuple):
    """Result of reading one campaign file."""

    campaign: Campaign | None  # None if there are errors
    findings: CampaignFindings
    name: Node | None  # of the campaign, also where other things are wrong
    panel: Node | None  # likewise
    companions: tuple[str, ...]  # the files that it names, also where they are wrong


def read_campaign(path: Path) -> CampaignFile:
    """Read `path`; never raises for what a file holds. Its name in diagnostics is `str(path)`.

    A good file is read once. One that can't be skimmed, whose rows come before what they need of the header, or that
    has messages to be placed, is read again.
    """
    reading = _skimmed(path, None)
    if reading.came_late:
        reading = _skimmed(path, reading.root)
    if reading.unplaced:
        reading = _Reading(path, reading.known, reading.unplaced)
    return reading.result()


def _skimmed(path: Path, known: Node | None) -> "_Reading":
    reading = _Reading(path, known, skim=True)
    # What keeps a file from being read to its end, and where it stands, libyaml must see itself.
    return reading if reading.is_whole else _Reading(path, known)


class _Reading:
    """One pass over a file; `known` is the header and `wanted` the lines of rows to keep places of, where an earlier pass found that."""

    def __init__(self, path: Path, known: Node | None, wanted: Container[int] = (), *, skim: bool = False) -> None:
        self.known = known
        self.root = Node(Kind.MAPPING, 1, 1)
        self.unplaced: AbstractSet[int] = frozenset()  # lines to be wanted in another pass
        self._path = path
        self._findings = CampaignFindings()
        self._own = self._findings.of(str(path))
        self._collector: OrderCollector | None = None
        self._prints: list[tuple[str, bytes]] = []  # name and fingerprint of each CSV file read
        self._companions: list[str] = []
        self._print: bytes | None = None  # the file's own; None: it could not be read to its end
        try:
            with CheckedFile(path) as source:
                reader = YamlReader(source, _TEXTS, self._own.error, wanted, skim=skim)
                self.unplaced = reader.unplaced
                try:
                    reader.document("orders", partial(self._read_rows, reader))
                finally:
                    self.root = reader.root
                self._print = source.fingerprint()
        except Broken as problem:
            first = "" if path.exists() else "; `runner init` writes a first campaign"
            self._own.error(problem.line, problem.column, problem.code, problem.message + first)
        except Unproven:
            pass  # it is read again

    @property
    def is_whole(self) -> bool:
        """True if the file was read to its end."""
        return self._print is not None

    @property
    def came_late(self) -> bool:
        """True if keys that rows depend on stand behind `orders:`, so that the rows were read without them."""
        names = [key.text for key, _ in self.root.entries]
        return self.known is None and "orders" in names and not _FOR_ROWS.isdisjoint(names[names.index("orders") :])

    def _read_rows(self, reader: YamlReader, rows: Iterator[Chunk[Where]]) -> None:
        values: Any = plain(self.known or reader.root, _TEXTS)
        name, defaults = values.get("campaign"), values.get("defaults", {})
        usable = defaults if gate("campaign", "defaults").accepts(defaults) else None
        collector = OrderCollector(str(name), header.link_rules(values.get("links")), self._findings)
        self._collector = collector

        def expand(row: OneRow[Where]) -> None:
            own = {name: row.fields[name] for name in _DEFAULTS if name in row.fields}
            known = None if usable is None or not row.is_whole else {**usable, **own}

            def collect(source: CheckedFile, findings: Findings) -> None:
                listed = CsvReader(source, findings)
                for chunk in listed.rows():
                    defaults = known if listed.is_whole else None
                    collector.add(chunk, Origin(findings=findings, places=listed.places, defaults=defaults))

            self._read_beside("from", row.fields["from"], lambda: reader.places(row.where), collect)

        origin = Origin(findings=self._own, places=reader.places, defaults=usable, expand=expand)
        for chunk in rows:
            collector.add(chunk, origin)

    def _read_beside(
        self, field: str, name: str, place: Callable[[], Node], take: Callable[[CheckedFile, Findings], None]
    ) -> None:
        """Have `take` read a file that the campaign names under `field` of the node `place`."""
        folder = self._path.parent
        self._companions.append(str(folder / name))
        findings = self._findings.of(str(folder / name))
        try:
            with CheckedFile(resolve_csv(name, folder)) as source:
                take(source, findings)
                self._prints.append((name, source.fingerprint()))
        except Unreadable as problem:
            message = f"`{field}`: {clean(name, 120)} {problem.why}"
            self._own.error(*place().spot(field), "unreadable", message)
        except Broken as problem:
            findings.error(problem.line, problem.column, problem.code, problem.message)

    def _counts(self, name: str) -> dict[str, int]:
        """The present counts of the file that `counts:` names."""
        counts: dict[str, int] = {}

        def take(source: CheckedFile, findings: Findings) -> None:
            try:
                counts.update(read_counts(source.text(), findings))
            except Broken as problem:
                message = f"is no CSV in UTF-8: {problem.message}"
                findings.error(problem.line, problem.column, "counts-file", message)

        self._read_beside("counts", name, lambda: self.root, take)
        return counts

    def result(self) -> CampaignFile:
        """Check the header and what only the whole list of orders can tell; the campaign if all is well.

        Of a file that breaks off, what was read is checked, and nothing is called missing.
        """
        name, panel = (one if one and one.is_single else None for one in map(self.root.get, ("campaign", "panel")))
        return CampaignFile(self._campaign(), self._findings, name, panel, tuple(dict.fromkeys(self._companions)))

    def _campaign(self) -> Campaign | None:
        values: Any = plain(self.root, _TEXTS)
        before = self._findings.errors
        wrong = self._report_header(values)
        broken = {str(path[0]) for path in wrong if path}
        sections = {key.text: value for key, value in self.root.entries if key.text not in broken}
        if links := self.root.get("links"):
            header.report_prefixes(
                links, self._own, {path[1] for path in wrong if path[0:1] == ("links",) and path[1:]}
            )
        counts = self._counts(values["counts"]) if "counts" in sections else None
        collector = self._collector or OrderCollector("", None, self._findings)
        wrong_in_header = self._findings.errors - before
        collector.finish()
        moved: dict[str, str] = {}
        removed: frozenset[str] = frozenset()
        if (
            self._print is not None and self._findings.errors == wrong_in_header
        ):  # else ids of wrong orders would seem to be missing
            nothing = Node(Kind.LIST, 1, 1)
            moved = header.moved(sections.get("moved", nothing), collector.ids, self._own)
            removed = header.removed(sections.get("removed", nothing), collector.ids, moved, self._own)
        if not collector.orders and not self._findings.errors:
            message = "the campaign has no orders: nothing is bought, and nothing bought before is cancelled"
            self._own.warning(*self.root.spot("orders"), "no-orders", message)
        if self._findings.errors or self._print is None:
            return None
        return Campaign(
            name=values["campaign"],
            panel=values["panel"],
            links=tuple(values["links"]),
            budget=header.budget(values.get("budget", {})),
            policy=header.policy(values.get("policy", {})),
            orders=collector.orders,
            moved=moved,
            removed=removed,
            source=str(self._path),
            digest=_digest(self._print, self._prints),
            priorities=collector.priorities,
            prune=values.get("prune", False),
            protected=frozenset(collector.protected),
            drips=frozenset(collector.drips),
            tags=collector.tags,
            counts=counts,
            links_are_keys=collector.links_are_keys,
            places=header.places(self.root, str(self._path)),
        )

    def _report_header(self, values: object) -> set[tuple[object, ...]]:
        """Report what the schema finds wrong in the header; returns the paths of the values that are wrong."""
        errors = gate("campaign").errors(values)
        if not self.is_whole:
            errors = [error for error in errors if error.absolute_path or error.validator != "required"]
        if errors:
            report_errors(errors, self.root, self._own)
        return {tuple(error.absolute_path) for error in errors}


def _digest(own: bytes, others: list[tuple[str, bytes]]) -> str:
    """SHA-256, in hex, over the campaign file's fingerprint, then the length of each CSV file's name, the name and its fingerprint."""
    whole = hashlib.sha256(own)
    for name, fingerprint in others:
        encoded = name.encode()
        whole.update(len(encoded).to_bytes(8, "big") + encoded + fingerprint)
    return whole.hexdigest()
