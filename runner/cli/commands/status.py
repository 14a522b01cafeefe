"""`runner status` and `runner report`: read what is remembered; with --refresh, ask the panels first."""

import gc
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

import click

from runner.cli.arguments.options import PANELS, REPORTING, STANDING, STATE, Command, Settings
from runner.cli.arguments.periods import SINCE, UNTIL, read_period
from runner.cli.io.inputs import need_inputs, read_inputs
from runner.cli.io.output import show_warnings
from runner.cli.io.report_files import claim, publish
from runner.cli.io.snapshot import balance_history, nothing_known, remembered
from runner.core.errors import ExitCode, InvalidInput
from runner.core.orders import Campaign, PanelProfile
from runner.core.snapshot import Recorded
from runner.planning.accounting.attempt_index import History
from runner.planning.accounting.balance_confirmation import Accounts
from runner.planning.accounting.committed_spend import Committed
from runner.planning.accounting.ledger import make_ledger
from runner.planning.accounting.periods import in_period
from runner.planning.doubts.late_execution import late_signs
from runner.planning.guards.overdrawn import overdrawn
from runner.planning.guards.panel_guards import account_warnings
from runner.planning.refills.refill_rates import refill_rates
from runner.planning.status.order_status import make_standings
from runner.report.documents.as_json import json_chunks, report_document, status_chunks
from runner.report.model.build import report_model, status_model
from runner.report.model.model import ReportModel
from runner.report.terminal.screen import Screen
from runner.report.text.ledger import render_report
from runner.report.text.refills import render_requests
from runner.report.text.status import render_status
from runner.store.read.balance_looks import read_ends

_BY = click.Option(["--by"], type=click.Choice(["day", "service", "campaign", "panel"]), help="Show this table alone.")


@click.command(cls=Command, params=[*STANDING])
@click.option("--refresh", is_flag=True, help="Poll the panels first.")
def status(settings: Settings, *, refresh: bool) -> int:
    """Show, order by order, what campaign FILES ask against what there is. Exit 15 with orders in doubt."""
    inputs = need_inputs(settings)
    claim(settings, inputs)
    if refresh:
        from runner.cli.composition import in_session, look

        in_session(settings, inputs, "status", lambda session: look(session, inputs.campaigns))
    recorded = remembered(settings)
    now = datetime.now(UTC)
    code = _exit_code(recorded)
    warnings = [*late_signs(recorded), *_money_warnings(inputs.campaigns, inputs.profiles, recorded, now)]
    selection = settings.bound(inputs.campaigns, recorded, now)
    standings = make_standings(inputs.campaigns, recorded, now, selection=selection, complete=not settings.files)
    idle = [] if selection is None else selection.warnings(inputs.campaigns, recorded)

    def model() -> ReportModel:
        ledger = make_ledger(recorded, panels=inputs.panels)
        return status_model(
            standings,
            recorded,
            ledger,
            now=now,
            exit_code=code,
            balances=balance_history(settings, inputs.panels),
            diagnostics=inputs.warnings,
            warnings=warnings,
        )

    as_text = partial(render_status, standings, now=now)
    code = publish(settings, code, lambda: status_chunks(standings), as_text, model)
    show_warnings(settings, [*nothing_known(settings), *warnings, *idle])
    return code


@click.command(cls=Command, params=[STATE, PANELS, SINCE, UNTIL, _BY, *REPORTING])
def report(settings: Settings, *, since: str | None, until: str | None, by: str | None) -> int:
    """Show what was spent, refunded, reserved and is in doubt, against the balance. Exit 15 with orders in doubt.

    Of a period: the orders sent in it, with all they cost until now, and what is unexplained between the first and the
    last look at the balance inside it.
    """
    gc.disable()  # this process ends soon, and a row for each order makes no cycle: half the time of a large report
    period = read_period(since, until, datetime.now(UTC))
    claim(settings)
    recorded = remembered(settings)
    ledger = make_ledger(recorded)
    warnings = [*late_signs(recorded, ledger), *_listed_money_warnings(settings, recorded, datetime.now(UTC))]
    rates = refill_rates(recorded, period)
    code = _exit_code(recorded)
    if period is not None:
        recorded = in_period(recorded, period, *read_ends(settings.where, *period))
        # A panel that was not looked at then keeps the currency that it has.
        currencies = {account.panel: account.currency for account in ledger.accounts if account.currency is not None}
        ledger = make_ledger(recorded, currencies=currencies)

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

    document = partial(report_document, ledger, period, panels=by == "panel")
    code = publish(settings, code, lambda: json_chunks(document()), as_text, model)
    show_warnings(settings, [*nothing_known(settings), *warnings])
    return code


def _money_warnings(
    campaigns: Sequence[Campaign], profiles: Mapping[str, PanelProfile], recorded: Recorded, now: datetime
) -> list[str]:
    """One sentence for each overdrawn budget and for each exclusive account where money is missing."""
    committed = Committed(
        history=History(recorded, campaigns, now),
        balances={panel: seen.balance for panel, seen in recorded.last_balances.items()},
        accounts=Accounts(recorded, profiles),
    )
    beyond = [one.warning for one in overdrawn(campaigns, committed)]
    return [*beyond, *account_warnings(campaigns, committed, profiles)]


def _listed_money_warnings(settings: Settings, recorded: Recorded, now: datetime) -> list[str]:
    """Return the money warnings of a command without FILES: of the project's campaigns, as far as they can be read."""
    try:
        inputs, _ = read_inputs(settings)
    except InvalidInput:  # there are none
        return []
    return _money_warnings(inputs.campaigns, inputs.profiles, recorded, now)


def _exit_code(recorded: Recorded) -> ExitCode:
    doubt = any(attempt.is_open_doubt for attempt in recorded.each())
    return ExitCode.IN_DOUBT if doubt else ExitCode.OK
