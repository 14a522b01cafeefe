"""`services --diff`: how a price list differs from the former one, as text and as a document."""

from collections.abc import Sequence
from decimal import Decimal

from runner.core.values.clock import to_the_minute
from runner.core.values.money import plain
from runner.planning.pricing.catalogue_diff import ChangeKind, ServiceChange, Since, Value
from runner.report.terminal.screen import Column, Fit, Screen
from runner.report.terminal.style import Written, attention, bad, good, strong

Compared = tuple[Since, Sequence[ServiceChange]]  # of one panel

_WORDS = {"rate": "per 1000", "dripfeed": "drip-feed"}
_FLAGS = {True: "yes", False: "no"}


def diff_document(compared: Sequence[Compared]) -> dict[str, object]:
    """What `services --diff --format json` prints; `services-diff.schema.json`."""
    return {
        "since": {since.panel: since.at for since, _ in compared},
        "changes": [
            {
                "panel": change.panel,
                "service": change.service.id,
                "name": change.service.name,
                "change": change.kind,
                "differences": [one._asdict() for one in change.differences],
            }
            for _, changes in compared
            for change in changes
        ],
    }


def render_diff(compared: Sequence[Compared], out: Screen) -> None:
    """Show one table for each panel, a row for each field that differs."""
    for since, changes in compared:
        if since.at is None:
            out.line(strong(since.panel), attention("no former price list is remembered: runner plan remembers one"))
            continue
        when = f"since the list of {to_the_minute(since.at)}"
        if not changes:
            out.line(strong(since.panel), f"nothing has changed {when}")
            continue
        out.heading(f"{since.panel}:", f"{len(changes):,} changed {when}")
        out.table(_COLUMNS, [row for change in changes for row in _rows(change)])


_COLUMNS = [
    Column("service", Fit.NUMBER),
    Column("name", Fit.WRAP),
    Column(""),
    Column("before", Fit.WRAP),
    Column("now", Fit.WRAP),
]


def _rows(change: ServiceChange) -> list[list[Written]]:
    head: list[Written] = [change.service.id, change.service.name]
    if change.kind is ChangeKind.NEW:
        return [[*head, good("new"), "", f"{plain(change.service.rate)} per 1000"]]
    if change.kind is ChangeKind.GONE:
        return [[*head, bad("gone"), f"{plain(change.service.rate)} per 1000", ""]]
    return [
        [*head, _WORDS.get(one.field, one.field), _text(one.before), strong(_text(one.after))]
        for one in change.differences
    ]


def _text(value: Value) -> str:
    if value is None:
        return "?"
    if isinstance(value, bool):
        return _FLAGS[value]
    return plain(value) if isinstance(value, Decimal) else str(value)
