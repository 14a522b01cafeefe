"""Text and JSON of `runner import`: what was recorded."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from runner.engine.decisions.import_orders import Checked
from runner.planning.orders.imports import Imported
from runner.report.terminal.screen import Column, Fit, Screen
from runner.report.terminal.style import Span, Style, Written, bad, command, dim, good
from runner.report.wording import count, words

_FIRST = 20  # listed on a terminal
_FIRST_PIPED = 1000  # the same off a terminal, where people grep
_STYLES = {
    Imported.IMPORTED: Style.GOOD,
    Imported.ALREADY: Style.PLAIN,
    Imported.WOULD: Style.PLAIN,
    Imported.HELD: Style.BAD,
    Imported.LEFT: Style.ATTENTION,
}


def import_document(checked: Sequence[Checked], *, dry_run: bool) -> dict[str, object]:
    """What `import --format json` prints."""
    return {
        "dry_run": dry_run,
        "orders": [
            {
                "order": one.bought.order.address,
                "panel_order_id": one.bought.order_id,
                "outcome": one.outcome,
                "message": one.message,
            }
            for one in checked
        ],
        "summary": Counter(one.outcome for one in checked),
    }


def render_import(checked: Sequence[Checked], out: Screen, file: Path | None, *, dry_run: bool) -> None:
    """Each order with what became of it, and one line that counts them. `file` is the campaign file written for them."""
    limit = _FIRST if out.is_terminal else _FIRST_PIPED

    def rows() -> Iterator[list[Written]]:
        for one in islice(sorted(checked, key=lambda each: each.outcome is not Imported.HELD), limit):
            outcome = Span(words(one.outcome), _STYLES[one.outcome])
            yield [one.bought.order.address, one.bought.order_id, outcome, one.message or "-"]

    columns = [Column("order", Fit.NAME), Column("panel order id"), Column("outcome"), Column("message", Fit.WRAP)]
    out.table(columns, rows(), indent=0)
    if len(checked) > limit:
        out.line(dim(f"… and {len(checked) - limit:,} more (--format json lists all)"))
    out.blank()
    counts = Counter(one.outcome for one in checked)
    if counts[Imported.HELD]:
        out.line(bad(f"Refused: {counts[Imported.HELD]:,} of {count(len(checked), 'order')} can't be imported."))
        return
    already = f", {counts[Imported.ALREADY]:,} imported already" if counts[Imported.ALREADY] else ""
    if dry_run:
        written = f" {file} would be written." if file else ""
        out.line(f"Dry run: {count(counts[Imported.WOULD], 'order')} would be imported{already}.{written}")
        return
    written = f" {file} lists them." if file else ""
    out.line(good(f"Done: {count(counts[Imported.IMPORTED], 'order')} imported{already}.{written}"))
    out.line(command("runner plan"), indent=2)
