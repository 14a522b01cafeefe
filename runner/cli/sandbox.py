"""`runner sandbox serve`: the simulated panel for anybody who speaks its API."""

import asyncio
from decimal import Decimal
from pathlib import Path

import click

from runner.cli.options import Amount
from runner.cli.project import from_here


@click.group()
def sandbox() -> None:
    """The simulated panel: documented API, real HTTP, no money."""


@sandbox.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8008, show_default=True, help="0: any free port.")
@click.option(
    "--db",
    type=click.Path(path_type=Path),
    show_default="state/sandbox.db of the project",
    help="Its file.",
)
@click.option("--speed", type=float, default=1.0, show_default=True, help="Panel minutes per real second.")
@click.option("--seed", type=int, default=1, show_default=True, help="Decides how orders fare.")
@click.option("--latency", type=float, default=0.0, show_default=True, help="Seconds before each answer.")
@click.option("--balance", type=Amount(), default="1000.00", show_default=True, help="What a new account holds.")
@click.option(
    "--key", envvar="BULK_RUNNER_SANDBOX_KEY", default="sandbox-key", show_default=True, help="API key to accept."
)
@click.option("--duplicate-links", type=click.Choice(["accept", "reject"]), default="accept", show_default=True)
@click.option("--control", is_flag=True, help="Also serve /_control: faults, clock, orders (for tests).")
def serve(
    *,
    port: int,
    db: Path | None,
    speed: float,
    seed: int,
    latency: float,
    balance: Decimal,
    key: str,
    duplicate_links: str,
    control: bool,
) -> None:
    """Serve the simulated panel on 127.0.0.1 until interrupted; any client of the API may use it."""
    from runner.core.clock import SystemClock
    from runner.core.errors import UsageError
    from runner.sandbox.serve import serve_forever
    from runner.sandbox.settings import DuplicateLinks, SandboxSettings
    from runner.store.state_files import is_reserved

    book = db or Path(from_here("state/sandbox.db"))
    if is_reserved(book):
        raise UsageError(f"--db {book}: that is a file of a state", "name another file for the sandbox's books")

    settings = SandboxSettings(
        key=key,
        balance=balance,
        speed=speed,
        seed=seed,
        latency=latency,
        duplicate_links=DuplicateLinks(duplicate_links),
        control=control,
    )
    asyncio.run(serve_forever(book, port=port, settings=settings, announce=click.echo, clock=SystemClock()))
