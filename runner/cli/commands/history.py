"""`runner history`: the events of one order, or the latest of all, each with its money. Asks no panel."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import click

from runner.cli.arguments.options import COLOR, DEBUG, STATE, Settings, format_option, options
from runner.cli.arguments.periods import SINCE, UNTIL, read_period
from runner.cli.io.output import show
from runner.cli.io.snapshot import remembered
from runner.planning.accounting.timeline import latest, of_order
from runner.report.text.history import history_document, history_lines, render_history
from runner.store.disk.paths import StatePaths
from runner.store.read.doubts import read_kept
from runner.store.read.runs import read_runs

_USUAL = 50  # events of all orders


@click.command()
@click.argument("address", required=False, metavar="[ADDR]")
@options(SINCE, UNTIL)
@click.option("--limit", type=click.IntRange(min=1), help=f"The latest ones only; without ADDR {_USUAL} unless given.")
@options(STATE, format_option("text", "json", "jsonl"), COLOR, DEBUG)
def history(address: str | None, since: str | None, until: str | None, limit: int | None, **flags: Any) -> None:  # noqa: ANN401  # click passes options by name
    """Show every event of order ADDR (campaign/id), oldest first; without ADDR the latest events of all.

    Runs, marks, outcomes, decisions, refills, cancellations and labels as they were recorded; of statuses and charges
    the last one, and the first charge.
    """
    from runner.store.recovery.repair import attempts_of, parse_address

    settings = Settings(**flags)
    period = read_period(since, until, datetime.now(UTC))
    recorded = remembered(settings)
    paths = StatePaths.at(settings.state)
    if address is None:
        events = latest(recorded, read_runs(paths), limit or _USUAL, period)
    else:
        attempts = attempts_of(recorded, parse_address(address))
        kept = read_kept(paths, [one.id for one in attempts])
        answers = {attempt_id: one.answer for attempt_id, one in kept.items()}
        events = of_order(recorded, attempts, read_runs(paths), answers)
        events = [event for event in events if period is None or period.holds(event.at)][-(limit or 0) :]

    def as_json(stream: Any) -> None:  # noqa: ANN401  # a text stream
        if flags["format"] == "jsonl":
            stream.writelines(history_lines(events))
        else:
            from runner.report.documents.as_json import write_json

            write_json(stream, history_document(events))

    show(
        settings if settings.format == "text" else replace(settings, format="json"),
        as_json,
        lambda screen: render_history(events, screen, several=address is None),
    )
