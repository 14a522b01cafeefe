"""What the month's people want: campaigns as they edit them, written as files and read back by the runner's own reader."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from runner.core.orders import Campaign
from runner.files.campaigns import load_campaigns

BRAND = "https://example.com/our-brand/"


@dataclass(slots=True, kw_only=True)
class Line:
    """One order of a campaign file."""

    id: str
    link: str
    service: str
    quantity: int
    runs: int | None = None
    interval: int | None = None
    protect: bool = False
    drip: bool = False

    @property
    def units(self) -> int:
        return self.quantity * (self.runs or 1)

    @property
    def terms(self) -> tuple[str, str, int, int | None, int | None]:
        return (self.service, self.link, self.quantity, self.runs, self.interval)

    @property
    def bought_fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("service", "link", "quantity", "runs", "interval")}

    def fields(self) -> dict[str, object]:
        shown: dict[str, object] = {"id": self.id, "link": self.link, "service": int(self.service)}
        shown |= {"quantity": self.quantity}
        if self.runs is not None:
            shown |= {"runs": self.runs, "interval": self.interval}
        if self.drip:
            shown["drip"] = "runner"
        if self.protect:
            shown["protect"] = True
        return shown


@dataclass(slots=True, kw_only=True)
class Wanted:
    """One campaign file, and what a person remembers of its former versions."""

    name: str
    panel: str
    policy: Mapping[str, object]
    prune: bool = False
    lines: dict[str, Line] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)  # new id -> former id
    untold: dict[str, str] = field(default_factory=dict)  # the same, of renames that stand under no `moved:`
    removed: set[str] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)  # link -> what its page shows; written if the policy asks
    most: dict[str, int] = field(default_factory=dict)  # id -> most units that it was ever listed with
    replaced: dict[str, int] = field(default_factory=dict)  # id -> edits that replace what was bought
    guarded: set[str] = field(default_factory=set)  # ids listed with `protect: true` last
    cancelled: set[str] = field(default_factory=set)  # ids that a person cancelled by hand
    agreed: dict[str, Line] = field(default_factory=dict)  # as the last pass took them

    def list(self, line: Line) -> None:
        """Write a line, new or edited."""
        self.lines[line.id] = line
        self.most[line.id] = max(line.units, self.most.get(line.id, 0))
        (self.guarded.add if line.protect else self.guarded.discard)(line.id)

    def agree(self) -> None:
        """A pass took the file as it is."""
        self.agreed = {name: replace(line) for name, line in self.lines.items()}

    def drop(self, order_id: str) -> None:
        """Take a line out."""
        del self.lines[order_id]
        self.moved.pop(order_id, None)

    def rename(self, former: str, new: str, *, told: bool) -> None:
        """Give a line another id, `told` under `moved:` or not."""
        self.lines = {(new if name == former else name): line for name, line in self.lines.items()}
        self.lines[new].id = new
        if former in self.agreed:
            self.agreed[new] = self.agreed.pop(former)
        self.moved.pop(former, None)  # a pass has carried that out
        (self.moved if told else self.untold)[new] = former
        # What was bought keeps the former id until a pass carries the rename out; of an untold one, that may be never.
        self.most[new] = self.most[former]
        self.replaced[new] = self.replaced.get(former, 0)
        for ids in (self.guarded, self.cancelled):
            if former in ids:
                ids.add(new)

    def write(self, folder: Path) -> None:
        """JSON is YAML."""
        text: dict[str, object] = {
            "version": 1,
            "campaign": self.name,
            "panel": self.panel,
            "links": [BRAND],
            "policy": self.policy,
            "orders": [line.fields() for line in self.lines.values()],
        }
        if self.prune:
            text["prune"] = True
        if self.moved:
            text["moved"] = [{"from": former, "to": new} for new, former in self.moved.items()]
        if self.removed:
            text["removed"] = sorted(self.removed)
        if self.asks_for_drops:
            text["counts"] = f"{self.name}.counts.csv"
            rows = "".join(f"{link},{count}\n" for link, count in self.counts.items())
            (folder / f"{self.name}.counts.csv").write_text(f"link,count\n{rows}")
        (folder / f"{self.name}.yaml").write_text(json.dumps(text, indent=1))

    @property
    def asks_for_drops(self) -> bool:
        refill = self.policy.get("refill")
        return isinstance(refill, Mapping) and refill["when"] == "drop"


def read(campaigns: Mapping[str, Wanted], folder: Path) -> tuple[Campaign, ...]:
    """The campaigns as the runner reads their files."""
    for one in campaigns.values():
        one.write(folder)
    paths = sorted(folder.glob("*.yaml"))
    loaded = load_campaigns(paths)
    assert len(loaded.campaigns) == len(paths), loaded.diagnostics
    return loaded.campaigns
