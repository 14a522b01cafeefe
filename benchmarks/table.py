"""The table on the screen, and the words about what it is worth."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.measure import Row, Verdict

_STYLES = {Verdict.OK: "green", Verdict.MISSED: "bold red", Verdict.NO_BUDGET: "dim"}
_WIDE = 140  # columns where nobody can say: files and pipes
_NOTES = (
    "Medians, with the least and the largest in brackets; ratios are medians of pairs measured side by side in this run.",
    "On a shared machine single times vary by a third and more: compare ratios, not seconds, and repeat a missed budget alone.",
    "The panel is a bare server in a process of its own, not the sandbox, whose own bookkeeping would hide the client's cost.",
)


def show(rows: Sequence[Row], document: Mapping[str, Any]) -> None:
    """The rows, the machine and its load."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("work", "measured", "target", "verdict"):
        table.add_column(name, overflow="fold")
    for row in rows:
        verdict = row.verdict
        table.add_row(row.work, row.measured, row.target, f"[{_STYLES[verdict]}]{verdict}[/]")
    screen = Console(highlight=False)
    console = screen if screen.is_terminal else Console(highlight=False, width=_WIDE)
    console.print(table)
    machine = document["machine"]
    console.print(
        f"{machine['cores']} cores, Python {machine['python']}, one synced page {machine['sync_ms']} ms, "
        f"load {machine['load_before']:.1f} before and {machine['load_after']:.1f} after, {document['seconds']} s in all"
    )
    busy = ", ".join(f"{one['name']} {one['others_cores']}" for one in document["measures"])
    console.print(f"cores that other processes used meanwhile: {busy}")
    for note in _NOTES:
        console.print(note)
