"""`runner status` and `runner report`: read what is remembered; with --refresh, ask the panels first."""

import gc
from datetime import UTC, datetime
from functools import partial
from typing import Any

import click

from runner.cli.arguments.options import (
    CALLING,
    COLOR,
    DEBUG,
    NO_CI,
    PANELS,
    READING,
    REPORT,
    SHORT,
    STATE,
    Settings,
    format_option,
    options,
)
from runner.cli.arguments.periods import SINCE, UNTIL, read_period
from runner.cli.io.inputs import need_inputs, start_logging
from runner.cli.io.listener import listener
from runner.cli.io.money_warnings import listed_money_warnings, money_warnings
from runner.cli.io.output import show_warnings
from runner.cli.io.report_files import Result, claim, publish
from runner.cli.io.snapshot import balance_history, nothing_known, remembered
from runner.core.errors import ExitCode
from runner.core.operations import DoubtLeftOvers
from runner.core.snapshot import Recorded
from runner.planning.accounting.ledger import make_ledger
from runner.planning.accounting.periods import Period, in_period
from runner.planning.doubts.late_execution import late_signs, late_signs_in
from runner.planning.refills.refill_rates import refill_rates
from runner.planning.status.order_status import make_standings
from runner.report.documents.as_json import report_document, status_chunks, write_json
from runner.report.model.build import report_model, status_model
from runner.report.model.model import ReportModel
from runner.report.terminal.screen import Screen
from runner.report.text.ledger import render_report
from runner.report.text.refills import render_requests
from runner.report.text.status import render_status
from runner.store.disk.paths import StatePaths
from runner.store.read.balance_looks import read_ends

TABLES = ("day", "service", "campaign", "panel")


@click.command()
@options(*READING, format_option("text", "json"), *CALLING, SHORT, REPORT, NO_CI)
@click.option("--refresh", is_flag=True, help="Poll the panels first.")
def status(refresh: bool, **flags: Any) -> int:  # noqa: ANN401  # click passes options by name
    """Show, order by order, what campaign FILES ask against what there is. Exit 15 with orders in doubt."""
    settings = Settings(**flags)
    inputs = need_inputs(settings)
    claim(settings, inputs)
    start_logging(settings)
    if refresh:
        import asyncio

        asyncio.run(_refresh(settings))
    recorded = remembered(settings)
    now = datetime.now(UTC)
    code = _exit_code(recorded)
    warnings = [*late_signs_in(recorded), *money_warnings(inputs.campaigns, inputs.profiles, recorded, now)]
    selection = settings.bound(inputs.campaigns, recorded, now)
    standings = make_standings(inputs.campaigns, recorded, now, selection=selection, complete=not settings.files)
    idle = [] if selection is None else selection.warnings(inputs.campaigns, recorded)

    def as_json(stream: Any) -> None:  # noqa: ANN401  # a text stream
        stream.writelines(status_chunks(standings))

    def model() -> ReportModel:
        ledger = make_ledger(recorded, panels=inputs.panels)
        return status_model(
            standings,
            inputs.campaigns,
            recorded,
            ledger,
            now=now,
            exit_code=code,
            balances=balance_history(settings, inputs.panels),
            diagnostics=inputs.warnings,
            warnings=warnings,
        )

    as_text = partial(render_status, standings, now=now)
    code = publish(settings, code, Result(as_text=as_text, as_json=as_json, model=model))
    show_warnings(settings, [*nothing_known(settings), *warnings, *idle])
    return code


@click.command()
@options(STATE, PANELS, SINCE, UNTIL)
@click.option("--by", type=click.Choice(TABLES), help="Show this table alone.")
@options(format_option("text", "json"), REPORT, NO_CI, COLOR, DEBUG)
def report(since: str | None, until: str | None, by: str | None, **flags: Any) -> int:  # noqa: ANN401  # same
    """Show what was spent, refunded, reserved and is in doubt, against the balance. Exit 15 with orders in doubt.

    Of a period: the orders sent in it, with all they cost until now, and what is unexplained between the first and the
    last look at the balance inside it.
    """
    gc.disable()  # this process ends soon, and a row for each order makes no cycle: half the time of a large report
    settings = Settings(**flags)
    period = read_period(since, until, datetime.now(UTC))
    claim(settings)
    recorded = remembered(settings)
    ledger = make_ledger(recorded)
    warnings = [*late_signs(recorded, ledger), *listed_money_warnings(settings, recorded, datetime.now(UTC))]
    rates = refill_rates(recorded, period)
    code = _exit_code(recorded)
    if period is not None:
        recorded = _in_period(settings, recorded, period)
        # A panel that was not looked at then keeps the currency that it has.
        currencies = {account.panel: account.currency for account in ledger.accounts if account.currency is not None}
        ledger = make_ledger(recorded, currencies=currencies)

    def as_json(stream: Any) -> None:  # noqa: ANN401  # a text stream
        write_json(stream, report_document(ledger, period, panels=by == "panel"))

    def as_text(screen: Screen) -> None:
        render_report(ledger, screen, by, period)
        render_requests(recorded, rates, screen)

    def model() -> ReportModel:
        balances = balance_history(settings, {account.panel for account in ledger.accounts})
        balances = [one for one in balances if period is None or period.holds(one.seen_at)]
        now = datetime.now(UTC)
        return report_model(
            recorded,
            ledger,
            now=now,
            exit_code=code,
            balances=balances,
            warnings=warnings,
            period=period,
            refills=rates,
        )

    code = publish(settings, code, Result(as_text=as_text, as_json=as_json, model=model))
    show_warnings(settings, [*nothing_known(settings), *warnings])
    return code


def _in_period(settings: Settings, recorded: Recorded, period: Period) -> Recorded:
    return in_period(recorded, period, *read_ends(StatePaths.at(settings.state), *period))


def _exit_code(recorded: Recorded) -> ExitCode:
    doubt = any(attempt.is_open_doubt for attempt in recorded.each())
    return ExitCode.IN_DOUBT if doubt else ExitCode.OK


async def _refresh(settings: Settings) -> None:
    from runner.cli.composition import end_run, open_session
    from runner.engine.refresh import refresh

    inputs = need_inputs(settings)
    with listener(settings) as listen:
        async with open_session(settings, inputs, "status", listen) as session:
            await session.journal.record(DoubtLeftOvers(session.clock.now()))
            await refresh(session, await session.journal.recorded(), campaigns=inputs.campaigns)
            await end_run(session, ExitCode.OK)
