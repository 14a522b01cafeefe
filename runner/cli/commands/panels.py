"""`runner services` and `runner balance`: ask the panels; nothing is recorded, except what `--label` says."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import click

from runner.cli.arguments.options import ASKING, LOCK, Amount, Command, Settings
from runner.cli.arguments.periods import read_period
from runner.cli.io.inputs import need_profiles
from runner.cli.io.output import show, show_warnings
from runner.cli.io.report_files import claim
from runner.cli.io.snapshot import remembered
from runner.core.catalogue import BalanceSeen, Catalogue
from runner.core.errors import UsageError
from runner.core.orders import SANDBOX, PanelProfile
from runner.core.values.clock import SystemClock
from runner.planning.pricing.catalogue_diff import differences, listed_at, listed_before
from runner.planning.pricing.repeated_services import words_of
from runner.report.documents.as_json import balance_document, json_chunks, services_document
from runner.report.documents.services_diff import diff_document, render_diff
from runner.report.terminal.style import attention
from runner.report.text.lists import render_balances, render_services
from runner.store.operations.price_history import price_history

_NAMES = click.Argument(["names"], nargs=-1, metavar="[PANEL]...")


@click.command(cls=Command, params=[_NAMES, *ASKING])
@click.option("--search", metavar="TEXT", help="Only services whose id, name, category or type holds TEXT.")
@click.option("--diff", is_flag=True, help="What is listed otherwise than in the price list before.")
@click.option(
    "--since",
    metavar="WHEN",
    help="With --diff: than at that moment: 2026-01-31, 2026-01-31T12:00, or 7d, 24h ago. UTC.",
)
def services(settings: Settings, *, names: tuple[str, ...], search: str | None, diff: bool, since: str | None) -> None:
    """List what the PANELs sell (default: all of panels.yaml, and the sandbox): rate per 1000, limits, what they offer."""
    if since is not None and not diff:
        raise UsageError("--since goes with --diff", "add --diff")
    if diff:
        if search is not None:
            raise UsageError("--search and --diff don't go together", "leave one of them out")
        period = read_period(since, None, datetime.now(UTC))
        _show_diff(settings, names, period and period.since)
        return
    catalogues = asyncio.run(_catalogues(settings, names))
    found = [(one.panel, service) for one in catalogues for service in one.services.values()]
    if search:
        text = search.casefold()
        found = [
            (panel, service)
            for panel, service in found
            if service.id == search
            or any(text in field.casefold() for field in (service.name, service.category, service.type))
        ]
    show(
        settings,
        lambda: json_chunks(services_document(found)),
        lambda screen: render_services(found, screen),
    )
    shown = {(panel, service.id) for panel, service in found}
    for one in catalogues:
        show_warnings(settings, words_of(one, [service for service in one.services if (one.panel, service) in shown]))


@click.command(cls=Command, params=[_NAMES, *ASKING, LOCK])
@click.option("--label", metavar="TEXT", help="Say why the balance moved, e.g. top-up; recorded with your name.")
@click.option(
    "--amount", type=Amount(signed=True), help="With --label: what came in; --amount=-5.00 went out. Default: all."
)
@click.option("-y", "--yes", is_flag=True, help="With --label: do not ask.")
@click.option("--no-input", is_flag=True, envvar="BULK_RUNNER_NO_INPUT", help="With --label: never ask.")
@click.option("--force", is_flag=True, help="With --label: though nothing like it is unexplained.")
def balance(
    settings: Settings, *, names: tuple[str, ...], label: str | None, amount: Decimal | None, force: bool
) -> None:
    """Show what the accounts at the PANELs hold (default: all of panels.yaml, and the sandbox).

    With --label, say why the balance of one PANEL moved by what `runner report` calls unexplained: a top-up, say.
    """
    from runner.cli.by_hand.label import label_balance, read_request

    if label is None:
        if amount is not None or settings.yes or force:
            raise UsageError("--amount, --yes and --force go with --label", 'add --label "top-up"')
        found = asyncio.run(_balances(settings, names))
    else:
        request = read_request(settings, names, label, amount, force=force)
        _chosen(settings, names)  # complains of a name that panels.yaml does not have
        found = [asyncio.run(label_balance(settings, request))]
    show(
        settings,
        lambda: json_chunks(balance_document(found)),
        lambda screen: render_balances(found, screen),
    )


def _show_diff(settings: Settings, names: tuple[str, ...], moment: datetime | None) -> None:
    known = remembered(settings).catalogues
    history = price_history(settings.where)
    compared = []
    for now in asyncio.run(_catalogues(settings, names)):
        before = (
            listed_before(known.get(now.panel), now, history)
            if moment is None
            else listed_at(now.panel, history, moment)
        )
        compared.append((before, differences(before, now) if before.at is not None else []))
    show(
        settings,
        lambda: json_chunks(diff_document(compared)),
        lambda screen: render_diff(compared, screen),
    )


async def _catalogues(settings: Settings, names: tuple[str, ...]) -> list[Catalogue]:
    from runner.cli.composition import open_panels
    from runner.engine.bookkeeping import lacking_words

    profiles, chosen = _chosen(settings, names)
    async with open_panels(settings, chosen, profiles) as panels:
        found = [await panel.services(SystemClock().now()) for panel in panels.values()]
        for name, panel in panels.items():
            for words in lacking_words(name, panel.capability_changes().lacking):
                settings.stderr().line(attention("note:"), words)
        return found


async def _balances(settings: Settings, names: tuple[str, ...]) -> list[BalanceSeen]:
    from runner.cli.composition import open_panels

    profiles, chosen = _chosen(settings, names)
    async with open_panels(settings, chosen, profiles) as panels:
        return [
            BalanceSeen(panel=name, balance=await panel.balance(), seen_at=SystemClock().now())
            for name, panel in panels.items()
        ]


def _chosen(settings: Settings, names: tuple[str, ...]) -> tuple[Mapping[str, PanelProfile], tuple[str, ...]]:
    """The profiles by name, and the names of the panels to ask. Raises UsageError for an unknown name."""
    claim(settings)
    profiles = need_profiles(settings)
    known = (*profiles, SANDBOX)
    for name in names:
        if name not in known:
            raise UsageError(f"no panel named {name!r}", f"known: {', '.join(known)}; add it to {settings.panels}")
    return profiles, names or known
