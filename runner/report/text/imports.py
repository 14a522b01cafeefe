"""Text and JSON of `runner import`: what was recorded."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from runner.engine.decisions.import_orders import Checked
from runner.planning.orders.imports import Imported
from runner.report.terminal.screen import Field, Fit, Screen
from runner.report.terminal.style import Span, Style, bad, command, good
from runner.report.wording import count, words

_FIRST = 20  # listed on a terminal
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
    """Show each order with what became of it, and one line that counts them. `file` is the campaign file written for them."""
    fields: list[Field[Checked]] = [
        Field("order", lambda one: one.bought.order.address, Fit.NAME),
        Field("panel order id", lambda one: one.bought.order_id),
        Field("outcome", lambda one: Span(words(one.outcome), _STYLES[one.outcome])),
        Field("message", lambda one: one.message or "-", Fit.WRAP),
    ]
    limit = out.most(_FIRST)
    out.listing(fields, sorted(checked, key=lambda one: one.outcome is not Imported.HELD)[:limit], indent=0)
    out.and_more(len(checked) - limit, indent=0)
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
