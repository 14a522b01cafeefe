"""Opens the writing side of a shared state, as a run does."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing

import psycopg

from runner.core.operations import BeginRun
from runner.core.values.clock import Clock
from runner.store.postgres.address import Address, parse
from runner.store.postgres.leases import Leases
from runner.store.postgres.schema import ensure
from runner.store.postgres.server import connect
from runner.store.write.postgres_writer import Beside, PostgresWriter
from runner.store.write.spill_file import SpillFile
from tests.store.making import NOW

ACCOUNT = "https://panel.example/api/v2#0123"


@asynccontextmanager
async def writing(
    url: str,
    clock: Clock,
    spill: SpillFile,
    *,
    run_id: str = "run-1",
    accounts: Sequence[str] = (ACCOUNT,),
    wait: float = 0.0,
) -> AsyncIterator[PostgresWriter]:
    address = parse(url)
    with closing(connect(address, "test")) as connection:
        ensure(connection, address)
        leases = Leases(connection, address, run_id)
        await leases.take(accounts, clock, wait)
        writer = PostgresWriter(
            connection, leases, frozenset({"main"}), Beside(clock, spill, lambda: connect(address, "test, again"))
        )
        writer.commit([BeginRun(run_id, "apply", NOW)])
        try:
            yield writer
        finally:
            writer.close()


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    address: Address = parse(url)
    with connect(address, "test") as connection:
        return connection.execute(statement).fetchall()


def end_backends(url: str, name: str = "bulk-order-runner test") -> int:
    """Cut the connections of that name, as an administrator or a network does; how many there were."""
    with psycopg.connect(parse(url).conninfo, autocommit=True) as connection:
        cut = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = %s", (name,)
        ).fetchone()
        return int(cut[0]) if cut else 0
