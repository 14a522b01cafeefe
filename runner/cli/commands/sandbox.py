"""`runner sandbox serve`: the simulated panel for anybody who speaks its API."""

import asyncio
from pathlib import Path
from typing import Any

import click

from runner.cli.arguments.options import Amount
from runner.cli.arguments.project import from_here
from runner.core.errors import UsageError
from runner.core.values.clock import SystemClock
from runner.sandbox.settings import CancelBy, DuplicateLinks, SandboxSettings
from runner.store.startup.state_files import is_reserved


@click.group()
def sandbox() -> None:
    """The simulated panel: documented API, real HTTP, no money."""


@sandbox.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8008, show_default=True, help="0: any free port.")
@click.option("--db", type=click.Path(path_type=Path), show_default="state/sandbox.db of the project", help="Its file.")
@click.option("--speed", type=float, default=1.0, show_default=True, help="Panel minutes per real second.")
@click.option("--seed", type=int, default=1, show_default=True, help="Decides how orders fare.")
@click.option("--latency", type=float, default=0.0, show_default=True, help="Seconds before each answer.")
@click.option("--balance", type=Amount(), default="1000.00", show_default=True, help="What a new account holds.")
@click.option(
    "--key", envvar="BULK_RUNNER_SANDBOX_KEY", default="sandbox-key", show_default=True, help="API key to accept."
)
@click.option("--duplicate-links", type=click.Choice(["accept", "reject"]), default="accept", show_default=True)
@click.option(
    "--lacks", multiple=True, metavar="CALL", help="A call it does not know: cancel, refill, many-statuses, …"
)
@click.option(
    "--cancel-by",
    type=click.Choice(["orders", "order"]),
    default="orders",
    show_default=True,
    help="The field it reads.",
)
@click.option("--services-page", type=click.IntRange(min=1), help="Services in one answer; the rest by `offset`.")
@click.option("--connection-requests", type=click.IntRange(min=1), help="Hang up after so many answers, unannounced.")
@click.option("--connection-idle", type=float, help="Hang up after so many seconds without a request.")
@click.option("--control", is_flag=True, help="Also serve /_control: faults, clock, orders (for tests).")
def serve(
    *,
    port: int,
    db: Path | None,
    duplicate_links: str,
    lacks: tuple[str, ...],
    cancel_by: str,
    **given: Any,  # noqa: ANN401  # click passes the other settings of the panel by their names
) -> None:
    """Serve the simulated panel on 127.0.0.1 until interrupted; any client of the API may use it.

    Takes POST with a form or JSON, fields in the address too, and GET for what only reads.
    """
    from runner.sandbox.serve import serve_forever

    book = db or Path(from_here("state/sandbox.db"))
    if is_reserved(book):
        raise UsageError(f"--db {book}: that is a file of a state", "name another file for the sandbox's books")

    settings = SandboxSettings(
        duplicate_links=DuplicateLinks(duplicate_links), lacks=frozenset(lacks), cancel_by=CancelBy(cancel_by), **given
    )
    asyncio.run(serve_forever(book, port=port, settings=settings, announce=click.echo, clock=SystemClock()))
