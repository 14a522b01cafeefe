"""`runner history`: the events of one order, or the latest of all, each with its money. Asks no panel."""

from dataclasses import replace
from datetime import UTC, datetime

import click

from runner.cli.arguments.options import COLOR, DEBUG, EVENTS, STATE, Command, Settings
from runner.cli.arguments.periods import SINCE, UNTIL, read_period
from runner.cli.io.output import show
from runner.cli.io.snapshot import remembered
from runner.planning.accounting.timeline import latest, of_order
from runner.report.documents.as_json import json_chunks
from runner.report.text.history import history_document, history_lines, render_history
from runner.store.read.doubts import read_kept
from runner.store.read.runs import read_runs

_USUAL = 50  # events of all orders
_LIMIT = click.Option(
    ["--limit"], type=click.IntRange(min=1), help=f"The latest ones only; without ADDR {_USUAL} unless given."
)


@click.command(cls=Command, params=[SINCE, UNTIL, _LIMIT, STATE, EVENTS, COLOR, DEBUG])
@click.argument("address", required=False, metavar="[ADDR]")
def history(
    settings: Settings, *, address: str | None, since: str | None, until: str | None, limit: int | None
) -> None:
    """Show every event of order ADDR (campaign/id), oldest first; without ADDR the latest events of all.

    Runs, marks, outcomes, decisions, refills, cancellations and labels as they were recorded; of statuses and charges
    the last one, and the first charge.
    """
    from runner.store.recovery.repair import attempts_of, parse_address

    period = read_period(since, until, datetime.now(UTC))
    recorded = remembered(settings)
    where = settings.where
    if address is None:
        events = latest(recorded, read_runs(where), limit or _USUAL, period)
    else:
        attempts = attempts_of(recorded, parse_address(address))
        kept = read_kept(where, [one.id for one in attempts])
        answers = {attempt_id: one.answer for attempt_id, one in kept.items()}
        events = of_order(recorded, attempts, read_runs(where), answers)
        events = [event for event in events if period is None or period.holds(event.at)][-(limit or 0) :]

    in_lines = settings.format == "jsonl"
    show(
        replace(settings, format="json") if in_lines else settings,
        lambda: history_lines(events) if in_lines else json_chunks(history_document(events)),
        lambda screen: render_history(events, screen, several=address is None),
    )
