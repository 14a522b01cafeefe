"""Collects what tells, outside of the database, how far the state had come, and compares the two.

The evidence: `lineage.json`, and the high-water marks beside the database and outside of its folder. Which files are
there proves nothing; what the database holds does.
"""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from runner.core.errors import StateRefused
from runner.store.connection import reading
from runner.store.disk.paths import StatePaths
from runner.store.integrity.high_water import Found, HighWater, address_in_a_mark, place_of, read_mark
from runner.store.integrity.lineage import Lineage, Noted, compare, found, is_held, knows_run, read_noted, refuse_astray
from runner.store.state import COPIED_TO, SharedState, places_in
from runner.store.statements import Reading


class Witness(NamedTuple):
    """A mark that can be read."""

    path: Path
    mark: HighWater
    is_of_here: bool  # else a copy of this state wrote it, in another folder


class Evidence(NamedTuple):
    """All that was found. Gather it before the database is read: a run commits first, so it never tells of more."""

    noted: Noted | None  # by the lineage file
    beside: Found  # the mark beside the database
    outside: Found | None  # none: this user can have none
    witnesses: tuple[Witness, ...]  # those of the two that can be read

    def lineages(self) -> list[Lineage]:
        """Every lineage and serial that it tells of; the lineage file's first."""
        in_file = [] if self.noted is None else [self.noted.known]
        return in_file + [witness.mark.lineage for witness in self.witnesses]

    def tells_of_the_last_run(self, present: Lineage | None) -> bool:
        """True if a mark was written by the last run with this very state; an older one says nothing of its end.

        The lineage file was written when that run began, and the marks synced with it.
        """
        begun = 0 if self.noted is None else self.noted.known.serial
        return any(
            one.is_of_here
            and present is not None
            and one.mark.lineage.lineage == present.lineage
            and one.mark.lineage.serial >= begun
            for one in self.witnesses
        )


def gather(paths: StatePaths) -> Evidence:
    """What the files tell; StateRefused if the lineage file can't be understood. Creates nothing."""
    noted, beside = read_noted(paths), read_mark(paths.high_water)
    outside = None
    if (family := _family(paths, noted, beside)) is not None and (
        place := paths.high_water_outside(family)
    ) is not None:
        outside = read_mark(place)
    here = place_of(paths)
    witnesses = tuple(
        Witness(place.path, place.mark, is_of_here=place is beside or place.mark.place == here)
        for place in (beside, outside)
        if place is not None and place.mark is not None
    )
    return Evidence(noted, beside, outside, witnesses)


def _family(paths: StatePaths, noted: Noted | None, beside: Found) -> str | None:
    """The lineage that names the outer mark, from the first source that tells it; None if none does."""
    if noted is not None:
        return noted.known.family
    if beside.mark is not None:
        return beside.mark.lineage.family
    with suppress(StateRefused):
        if paths.db.exists():
            with reading(paths) as connection:
                present = found(connection, paths)
                return None if present is None else present.family
    return None


def refuse_if_lost(paths: StatePaths, evidence: Evidence) -> None:
    """StateRefused if there is evidence of a database that is missing or empty."""
    for path, mark, _ in evidence.witnesses:
        if mark.attempts:
            who = f"{path} knows" if evidence.noted is None else f"{paths.lineage} and {path} know"
            raise StateRefused(
                f"the state {paths.db} is missing or empty, but {who} of it (serial {mark.lineage.serial}, "
                f"{mark.attempts:,} orders): without it everything would be bought again",
                f"bring back the database with the {paths.wal.name} that lay beside it, or restore the newest copy: "
                f"runner state restore {paths.backups / 'runner-….db'}",
            )
    compare(paths, None if evidence.noted is None else evidence.noted.known, None)


def refuse_if_behind(paths: StatePaths, evidence: Evidence, connection: sqlite3.Connection) -> Lineage | None:
    """What the database says of itself; None if it is empty. StateRefused unless it holds all that the evidence tells of."""
    present = found(connection, paths)
    if present is None:
        refuse_if_lost(paths, evidence)
        return None
    if evidence.noted is not None:
        compare(paths, evidence.noted.known, present)
        refuse_astray(paths, connection, paths.lineage, run=evidence.noted.run, newest=evidence.noted.newest)
    is_closed = COPIED_TO in places_in(connection)  # then its marks go on with the state that it was copied to
    for witness in evidence.witnesses:
        if is_closed and not witness.is_of_here:
            continue
        _refuse_unless_held(paths, connection, present, witness)
    return present


def holds_all(connection: sqlite3.Connection, present: Lineage, evidence: Evidence) -> bool:
    """True if a database of that lineage and serial holds all that the evidence tells of."""
    noted = evidence.noted
    if noted is not None:
        if noted.known.lineage == present.lineage and not knows_run(connection, noted.run):
            return False
        if _lack(connection, present, HighWater(noted.known, 0, noted.newest), is_of_here=True):
            return False
    return not any(_lack(connection, present, one.mark, is_of_here=one.is_of_here) for one in evidence.witnesses)


class _Lack(StrEnum):
    """What a mark tells of and a database does not hold."""

    LINEAGE = "lineage"  # it is another one, or of an epoch before
    COMMITS = "commits"  # later ones
    PURCHASES = "purchases"  # it has others in their place


def _lack(connection: Reading, present: Lineage, mark: HighWater, *, is_of_here: bool) -> _Lack | None:
    if mark.lineage.family != present.family or mark.lineage.epoch > present.epoch:
        return _Lack.LINEAGE
    if mark.lineage.epoch < present.epoch:  # it lags: a copy was restored where it could not be written
        return None
    is_astray = mark.newest is not None and not is_held(connection, mark.newest)
    # Of a copy that has gone on in another folder only purchases matter: it may have been used for a look.
    if present.serial < mark.lineage.serial and (is_of_here or is_astray):
        return _Lack.COMMITS
    return _Lack.PURCHASES if is_astray else None


def _refuse_unless_held(paths: StatePaths, connection: sqlite3.Connection, present: Lineage, witness: Witness) -> None:
    path, mark = witness.path, witness.mark
    match _lack(connection, present, mark, is_of_here=witness.is_of_here):
        case _Lack.LINEAGE:
            raise StateRefused(
                f"the state {paths.db} is of another lineage ({present.lineage}) than {path} tells of "
                f"({mark.lineage.lineage})",
                "bring back the database that belongs here, or name the right one with --state; if this one is to take its "
                f"place: {_accept(paths)}",
            )
        case _Lack.COMMITS:
            (attempts,) = connection.execute("SELECT count(*) FROM attempts").fetchone()
            whose = "" if witness.is_of_here else f" (of the copy in {mark.place})"
            raise StateRefused(
                f"the state {paths.db} is behind: its serial is {present.serial}, {path} knows of {mark.lineage.serial}"
                f"{whose}; {_what_is_lost(mark.attempts - attempts)}{_cause(paths)}",
                "bring back the newest runner.db, with the runner.db-wal that lies beside it. If this is the newest there is, "
                f"look through the panel's own order list, then accept the loss: {_accept(paths)}",
            )
        case _Lack.PURCHASES:
            refuse_astray(paths, connection, path, newest=mark.newest)


def refuse_shared_if_behind(state: SharedState, connection: Reading, lineage: Callable[[], Lineage]) -> None:
    """StateRefused unless a server's state holds all that this user's mark of it tells of; `lineage` reads it anew."""
    path = state.beside.high_water_outside(lineage().family)
    mark = None if path is None else read_mark(path).mark
    if mark is None or places_in(connection):  # the state is elsewhere, and the mark goes on with it there
        return
    present = lineage()  # after the mark: a run that ends now commits first
    lacks = _lack(connection, present, mark, is_of_here=mark.place == address_in_a_mark(str(state)))
    if lacks is not None:
        (attempts,) = connection.execute("SELECT count(*) FROM attempts").fetchone()
        at = f"its serial is {present.serial}, {path} knows of {mark.lineage.serial}"
        raise StateRefused(
            f"the state {state} is behind what this machine knows of it: {at}; {_what_is_lost(mark.attempts - attempts)}",
            "bring back the newest one; or look through the panel's own order list, then accept the loss: "
            "runner state verify --accept --reason '…'",
        )


def _what_is_lost(orders: int) -> str:
    if orders <= 0:
        return "what was recorded in between is missing"
    return f"{orders:,} order(s) that may have been sent are missing from it, and would be bought again"


def _cause(paths: StatePaths) -> str:
    """What became of them, if the log shows it."""
    from runner.store.integrity.wal import read_log  # every command passes here, and hardly one needs it

    with suppress(OSError):
        log = read_log(paths.wal)
        if log.damaged_at is not None:
            return f". {paths.wal} is damaged at byte {log.damaged_at}, and SQLite reads nothing after that"
    return ""


def _accept(paths: StatePaths) -> str:
    return f"runner state restore {paths.db} --accept-loss --reason '…'"


def check(paths: StatePaths) -> str | None:
    """StateRefused unless the database holds all that is known of it; a note worth showing, or None.

    With no evidence at all, none is a fresh project. A database without its lineage file is accepted, if the marks
    agree: it is itself the proof of what was bought; the journal writes the file anew.
    """
    evidence = gather(paths)
    if not paths.db.exists():
        refuse_if_lost(paths, evidence)
        return None
    with reading(paths) as connection:
        present = refuse_if_behind(paths, evidence, connection)
        if (
            evidence.noted is None
            and present is not None
            and connection.execute("SELECT 1 FROM attempts LIMIT 1").fetchone()
        ):
            return f"{paths.lineage} was missing and is written anew; commit it to git"
    return None
