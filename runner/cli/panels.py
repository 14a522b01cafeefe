"""`runner services` and `runner balance`: ask the panels, remember nothing."""

import asyncio
from typing import TYPE_CHECKING, Any

import click

from runner.cli.options import COLOR, DEBUG, LOG_FILE, PANELS, PARALLEL, STATE, Settings, format_option, options
from runner.core.errors import UsageError
from runner.core.orders import SANDBOX

if TYPE_CHECKING:
    from runner.core.catalogue import BalanceSeen, Service

NAMES = click.argument("names", nargs=-1, metavar="[PANEL]...")
ASKING = (NAMES, PANELS, STATE, format_option("text", "json"), PARALLEL, COLOR, DEBUG, LOG_FILE)


@click.command()
@options(*ASKING)
@click.option("--search", metavar="TEXT", help="Only services whose id, name, category or type holds TEXT.")
def services(names: tuple[str, ...], search: str | None, **flags: Any) -> None:  # noqa: ANN401  # click passes options by name
    """List what the PANELs sell (default: all of panels.yaml, and the sandbox): rate per 1000, limits, what they offer."""
    from runner.cli.output import show
    from runner.report.as_json import services_document, write_json
    from runner.report.text import render_services

    settings = Settings(**flags)
    found = asyncio.run(_services(settings, names))
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
        lambda stream: write_json(stream, services_document(found)),
        lambda screen: render_services(found, screen),
    )


@click.command()
@options(*ASKING)
def balance(names: tuple[str, ...], **flags: Any) -> None:  # noqa: ANN401  # click passes options by name
    """Show what the accounts at the PANELs hold (default: all of panels.yaml, and the sandbox)."""
    from runner.cli.output import show
    from runner.report.as_json import balance_document, write_json
    from runner.report.text import render_balances

    settings = Settings(**flags)
    found = asyncio.run(_balances(settings, names))
    show(
        settings,
        lambda stream: write_json(stream, balance_document(found)),
        lambda screen: render_balances(found, screen),
    )


async def _services(settings: Settings, names: tuple[str, ...]) -> "list[tuple[str, Service]]":
    from runner.cli.wiring import open_panels
    from runner.core.clock import SystemClock

    profiles, chosen = _chosen(settings, names)
    found = []
    async with open_panels(settings, chosen, profiles) as panels:
        for name, panel in panels.items():
            catalogue = await panel.services(SystemClock().now())
            found += [(name, service) for service in catalogue.services.values()]
    return found


async def _balances(settings: Settings, names: tuple[str, ...]) -> "list[BalanceSeen]":
    from runner.cli.wiring import open_panels
    from runner.core.catalogue import BalanceSeen
    from runner.core.clock import SystemClock

    profiles, chosen = _chosen(settings, names)
    async with open_panels(settings, chosen, profiles) as panels:
        return [
            BalanceSeen(panel=name, balance=await panel.balance(), seen_at=SystemClock().now())
            for name, panel in panels.items()
        ]


def _chosen(settings: Settings, names: tuple[str, ...]) -> tuple[Any, tuple[str, ...]]:
    """Profiles by name, and the panels to ask."""
    from runner.cli.inputs import need_profiles, start_logging

    start_logging(settings)
    profiles = need_profiles(settings)
    known = (*profiles, SANDBOX)
    for name in names:
        if name not in known:
            raise UsageError(f"no panel named {name!r}", f"known: {', '.join(known)}; add it to {settings.panels}")
    return profiles, names or known
