"""`runner status` and `runner report`: read what is remembered; with --refresh, ask the panels first."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from runner.cli.options import CALLING, COLOR, DEBUG, PANELS, READING, REPORT, STATE, Settings, format_option, options
from runner.core.errors import ExitCode

if TYPE_CHECKING:
    from runner.core.recorded import Recorded
    from runner.report.screen import Screen


@click.command()
@options(*READING, format_option("text", "json"), *CALLING, REPORT)
@click.option("--refresh", is_flag=True, help="Poll the panels first.")
def status(refresh: bool, **flags: Any) -> int:  # noqa: ANN401  # click passes options by name
    """Show, order by order, what campaign FILES ask against what there is. Exit 15 with orders in doubt."""
    from runner.cli.inputs import need_inputs, start_logging
    from runner.cli.output import show
    from runner.planning.standing import make_standings
    from runner.report.as_json import status_chunks
    from runner.report.text_status import render_status

    settings = Settings(**flags)
    start_logging(settings)
    inputs = need_inputs(settings)
    if refresh:
        import asyncio

        asyncio.run(_refresh(settings))
    recorded = _remembered(settings)
    now = datetime.now(UTC)
    standings = make_standings(
        inputs.campaigns, recorded, now, selection=settings.selection, complete=not settings.files
    )

    def as_json(stream: Any) -> None:  # noqa: ANN401  # a text stream
        stream.writelines(status_chunks(standings))

    show(settings, as_json, lambda screen: render_status(standings, screen, now))
    return _exit_code(recorded)


@click.command()
@options(STATE, PANELS, format_option("text", "json"), REPORT, COLOR, DEBUG)
def report(**flags: Any) -> int:  # noqa: ANN401  # click passes options by name
    """Show what was spent, refunded, reserved and is in doubt, against the balance. Exit 15 with orders in doubt."""
    from runner.cli.output import show, show_warnings
    from runner.planning.late import late_signs
    from runner.planning.ledger import make_ledger
    from runner.report.as_json import report_document, write_json
    from runner.report.text import render_report, render_requests

    settings = Settings(**flags)
    recorded = _remembered(settings)
    ledger = make_ledger(recorded)

    def as_json(stream: Any) -> None:  # noqa: ANN401  # a text stream
        write_json(stream, report_document(ledger))

    def as_text(screen: "Screen") -> None:
        render_report(ledger, screen)
        render_requests(recorded, screen)

    show(settings, as_json, as_text)
    show_warnings(settings, late_signs(recorded, ledger))
    return _exit_code(recorded)


def _exit_code(recorded: "Recorded") -> ExitCode:
    doubt = any(attempt.is_open_doubt for attempts in recorded.attempts.values() for attempt in attempts)
    return ExitCode.IN_DOUBT if doubt else ExitCode.OK


def _remembered(settings: Settings) -> "Recorded":
    """The state as it is; marks that no living run owns are shown as the doubts they are."""
    from runner.store.lineage import check
    from runner.store.lock import is_free
    from runner.store.paths import StatePaths
    from runner.store.queries import read_state

    paths = StatePaths.at(settings.state)
    check(paths)
    return read_state(paths, lock_is_free=is_free(paths))


async def _refresh(settings: Settings) -> None:
    from runner.cli.inputs import need_inputs
    from runner.cli.output import listener
    from runner.cli.wiring import end_run, open_session
    from runner.engine.refresh import refresh

    inputs = need_inputs(settings)
    with listener(settings) as listen:
        async with open_session(settings, inputs, "status", listen) as session:
            await session.journal.doubt_left_overs(session.clock.now())
            await refresh(session, await session.journal.recorded())
            await end_run(session, ExitCode.OK)
