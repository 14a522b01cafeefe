"""A state changed with a database shell, as a test that lets time pass needs it. No assertions."""

import sqlite3
from contextlib import closing
from pathlib import Path

from runner.store.connection import reading
from runner.store.disk.paths import StatePaths
from runner.store.integrity.high_water import HighWaterMarks, standing
from runner.store.integrity.lineage import found


def edit_state(db: Path, *statements: str) -> None:
    """Carry the statements out, and take off the seal of the last run, without which nothing would go on with that state."""
    with closing(sqlite3.connect(db, isolation_level=None)) as state:
        for statement in statements:
            state.execute(statement)
    take_off_the_seal(db)


def take_off_the_seal(db: Path) -> None:
    """As if a run had begun and not ended in good order."""
    paths = StatePaths.at(db)
    with reading(paths) as connection:
        lineage = found(connection, paths)
        assert lineage is not None
        now = standing(connection, lineage)
    with closing(HighWaterMarks(paths, lineage.family)) as marks:
        marks.begin(now)
