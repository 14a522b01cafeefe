"""The tables themselves: what they refuse even to a hand with a database shell, and how they come to be."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from runner.core.attempts import Attempt, AttemptState
from runner.core.catalogue import Service
from runner.core.errors import StateRefused
from runner.store.read.snapshot import read_state
from runner.store.schema import tables
from runner.store.schema.migrate import PACKAGED, History, ensure_schema
from runner.store.schema.revisions import HEAD, REVISIONS
from tests.by_hand import edit_state
from tests.store.making import a_mark, raw

ARROWS = {
    AttemptState.SENDING: {"placed", "refused", "not_sent", "in_doubt"},
    AttemptState.IN_DOUBT: {"placed", "not_sent", "abandoned"},
}


def engine_of(path):
    return create_engine(f"sqlite:///{path}", poolclass=NullPool)


def objects(path, *kinds):
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: " ".join(sql.split()) for kind, name, sql in rows if kind in kinds and name != "alembic_version"}


def test_the_tables_in_the_code_are_the_tables_on_disk(begun, tmp_path):
    tables.metadata.create_all(engine_of(tmp_path / "made.db"))
    assert objects(tmp_path / "made.db", "table", "index") == objects(begun.db, "table", "index")
    with engine_of(begun.db).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []


def test_every_table_is_strict(begun):
    with closing(sqlite3.connect(begun.db)) as connection:
        listed = connection.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'").fetchall()
    loose = {name for name, strict in listed if not strict}
    assert {name for name in loose if not name.startswith("sqlite_")} == {"alembic_version"}


def test_the_columns_are_the_words_of_the_domain():
    assert tuple(tables.attempts.c.keys()) == Attempt._fields
    assert tuple(tables.services.c.keys()) == ("panel", *Service._fields, "fetched_at")


def test_the_known_revisions_are_the_packaged_ones():
    config = Config()
    config.set_main_option("script_location", str(PACKAGED.scripts))
    steps = [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(steps)) == REVISIONS


def row(paths, attempt_id, **values):
    assignments = ", ".join(f"{name} = :{name}" for name in values)
    with closing(sqlite3.connect(paths.db, isolation_level=None)) as connection:
        connection.execute(f"UPDATE attempts SET {assignments} WHERE id = :id", {**values, "id": attempt_id})


def into(paths, attempt_id, state):
    """Bring a fresh attempt into `state` by allowed arrows."""
    if state is AttemptState.SENDING:
        return
    if state is AttemptState.ABANDONED:
        row(paths, attempt_id, state="in_doubt")
    row(paths, attempt_id, state=state.value, panel_order_id="p1" if state is AttemptState.PLACED else None)


@pytest.mark.parametrize("state", AttemptState)
def test_a_state_changes_only_along_the_arrows(writer, paths, state):
    (attempt_id,) = writer.commit([a_mark()])
    into(paths, attempt_id, state)
    for target in AttemptState:
        order_id = "p1" if target is AttemptState.PLACED else None
        if target is state:
            continue
        if target.value in ARROWS.get(state, set()):
            with closing(sqlite3.connect(paths.db, isolation_level=None)) as connection:
                connection.execute("BEGIN")
                connection.execute("UPDATE attempts SET state = ?, panel_order_id = ?", (target.value, order_id))
                connection.execute("ROLLBACK")
        else:
            with pytest.raises(sqlite3.IntegrityError, match="this way"):
                row(paths, attempt_id, state=target.value, panel_order_id=order_id)


@pytest.mark.parametrize("state", AttemptState)
def test_what_may_have_been_bought_is_never_deleted(writer, paths, state):
    (attempt_id,) = writer.commit([a_mark()])
    into(paths, attempt_id, state)
    if state in (AttemptState.REFUSED, AttemptState.NOT_SENT):
        raw(paths, "DELETE FROM attempts")
        assert raw(paths, "SELECT count(*) FROM attempts") == [(0,)]
    else:
        with pytest.raises(sqlite3.IntegrityError, match="can not be deleted"):
            raw(paths, "DELETE FROM attempts")


COPY = "INSERT INTO attempts SELECT 99, {} FROM attempts"


def copied(**changes):
    return COPY.format(", ".join(changes.get(name, name) for name in Attempt._fields[1:]))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"link": "'https://example.com/x'"}, "attempts.order_id"),
        ({"order_id": "'x'"}, "attempts.link"),
        ({"order_id": "'x'", "link": "'x'", "state": "'bought'"}, "state_is_known"),
        ({"order_id": "'x'", "link": "'x'", "kind": "'gift'"}, "kind_is_known"),
        ({"order_id": "'x'", "link": "'x'", "status": "'brewing'"}, "status_is_known"),
        ({"order_id": "'x'", "link": "'x'", "phase": "'x'"}, "phase_is_known"),
        ({"order_id": "'x'", "link": "'x'", "state": "'placed'"}, "placed_has_an_order_id"),
        ({"order_id": "'x'", "link": "'x'", "panel_order_id": "'p1'"}, "not_bought_has_no_order_id"),
        ({"order_id": "'x'", "link": "'x'", "state": "'refused'", "panel_order_id": "'p'"}, "not_bought"),
        ({"order_id": "'x'", "link": "'x'", "quantity": "'many'"}, "INTEGER"),
        ({"order_id": "'x'", "link": "'x'", "run_id": "'nobody'"}, "FOREIGN KEY"),
    ],
)
def test_a_row_that_breaks_a_guard_is_refused_by_the_database(writer, paths, changes, why):
    writer.commit([a_mark()])
    with pytest.raises(sqlite3.IntegrityError, match=why):
        raw(paths, copied(**changes))
    raw(paths, copied(order_id="'x'", link="'x'"))


def test_one_panel_order_has_one_owner(writer, paths):
    (attempt_id,) = writer.commit([a_mark()])
    into(paths, attempt_id, AttemptState.PLACED)
    with pytest.raises(sqlite3.IntegrityError, match="panel_order_id"):
        raw(paths, copied(order_id="'x'"))
    raw(paths, copied(order_id="'x'", panel="'other'"))


def nothing() -> None:
    pass


def test_a_present_schema_is_left_alone(begun):
    assert ensure_schema(engine_of(begun.db), nothing) is False


def next_history(folder: Path, body: str) -> History:
    """The packaged history and one step more."""
    scripts = Path(
        shutil.copytree(PACKAGED.scripts, folder / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    )
    step = f'from alembic import op\nrevision = "9999"\ndown_revision = "{HEAD}"\ndef upgrade():\n{body}'
    (scripts / "versions" / "v9999_next.py").write_text(step)
    return History(scripts, (*REVISIONS, "9999"))


def test_an_older_state_is_backed_up_and_then_migrated(begun, tmp_path):
    db = shutil.copy(begun.db, tmp_path)
    history = next_history(tmp_path, "    op.execute('ALTER TABLE runs ADD COLUMN host TEXT')\n")
    seen = []
    assert ensure_schema(engine_of(db), lambda: seen.append(objects(db, "table")["runs"]), history)
    assert len(seen) == 1
    assert "host" not in seen[0]
    assert "host" in objects(db, "table")["runs"]
    assert ensure_schema(engine_of(db), lambda: seen.append("again"), history) is False
    assert len(seen) == 1


def test_without_a_backup_nothing_is_migrated(begun, tmp_path):
    db = shutil.copy(begun.db, tmp_path)
    history = next_history(tmp_path, "    op.execute('ALTER TABLE runs ADD COLUMN host TEXT')\n")

    def no_space():
        raise StateRefused("no backup")

    with pytest.raises(StateRefused, match="no backup"):
        ensure_schema(engine_of(db), no_space, history)
    assert "host" not in objects(db, "table")["runs"]


def test_a_state_of_a_newer_version_is_refused_by_readers_and_writers(writer, paths, open_one):
    writer.close()
    edit_state(paths.db, "UPDATE alembic_version SET version_num = '0999'")
    for look in (open_one, lambda: read_state(paths)):
        with pytest.raises(StateRefused, match="newer version") as refusal:
            look()
        assert "upgrade" in refusal.value.hint
