"""Verifies a state on a server: the server, its history, the schema, and what was bought. Changes nothing."""

from collections import Counter
from collections.abc import Iterator

import psycopg

from runner.core.values.links import page_key
from runner.store.postgres.reader import Reader, lineage_in
from runner.store.postgres.schema import revision_of
from runner.store.postgres.server import connect, refuse_unsafe
from runner.store.read.snapshot import read_state
from runner.store.recovery.verify import NEVER, Finding, Verified, told
from runner.store.schema.migrate import empty_state
from runner.store.schema.revisions import HEAD, refuse_unknown
from runner.store.startup.shared import refuse_other_history
from runner.store.state import COPIED_TO, SharedState, closed, places_in

_CHECKS = ("durable settings", "history of the server", "what this machine knows of it", "tables, indexes, triggers", "purchases")  # fmt: skip
_MOST = 5  # findings of one kind that are told
_BACKUP = "bring back a backup of the database that is whole"
_THERE = (
    "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(%s) UNION "
    "SELECT tgname FROM pg_trigger JOIN pg_class AS c ON c.oid = tgrelid "
    "WHERE relnamespace = to_regnamespace(%s) AND tgenabled <> 'D'"
)


def verify_shared(state: SharedState) -> Verified:
    """Every check that a state on a server can be put to. StateRefused only if the server can't be asked."""
    address = state.address
    findings: list[Finding] = []
    attempts, lineage, serial = 0, "", 0
    with connect(address, "state verify") as connection:
        with told(findings):
            refuse_unsafe(connection, address, lambda: connect(address, "looks for a pooler"))
        present = revision_of(connection, address)
        if present is None:
            return Verified((), (), 0, "", 0)
        reader = Reader(connection)
        lineage, serial = lineage_in(reader)
        (attempts,) = reader.execute("SELECT count(*) FROM attempts").fetchone() or (0,)
        with told(findings):
            refuse_other_history(connection, state)
        refusal = closed(reader, state)
        if refusal is not None and COPIED_TO not in places_in(reader):
            findings.append(Finding(refusal.message, refusal.hint))
        with told(findings):
            refuse_unknown(present)
            if present == HEAD:
                findings += _schema(connection, address.schema)
            findings += _purchases(reader)
            read_state(state)  # every word, time and amount
    return Verified(_CHECKS, tuple(dict.fromkeys(findings)), attempts, lineage, serial)


def _schema(connection: psycopg.Connection, schema: str) -> Iterator[Finding]:
    """Every table, index and trigger that the migrations make is there; triggers are not switched off."""
    there = {name for (name,) in connection.execute(_THERE, (f'"{schema}"', f'"{schema}"'))}
    with empty_state() as fresh:
        expected = fresh.execute("SELECT type, name FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
        for kind, name in expected:
            if name not in there:
                yield Finding(f"the {kind} {name} is missing, or switched off", _BACKUP)


def _purchases(reader: Reader) -> Iterator[Finding]:
    next_step = f"look at it with runner state list; if it is not your doing, {_BACKUP}"
    for what, rows in NEVER:
        if "page_key" in rows:  # a function that SQLite is given
            continue
        for (attempt_id,) in reader.execute(rows).fetchmany(_MOST):
            yield Finding(f"attempt {attempt_id}: {what}", next_step)
    unsettled = reader.execute("SELECT panel, service, link FROM attempts WHERE state IN ('sending', 'in_doubt')")
    times = Counter((panel, service, page_key(link)) for panel, service, link in unsettled)
    for panel, service, page in [key for key, number in times.items() if number > 1][:_MOST]:
        yield Finding(f"two attempts for service {service} of {panel} and {page} are unsettled", next_step)
