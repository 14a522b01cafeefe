"""Repairs that a person asks for: attempts move to another address, or to none. Nothing is deleted.

A forgotten order keeps its attempts, its money and its place in the campaign's budget, under an id that no file can
list.
"""

import re
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from runner.core.attempts import FORGOTTEN, OPEN_STATES, Attempt, AttemptState
from runner.core.errors import InvalidInput, RunnerError, StateRefused
from runner.core.operations import BeginRun, DoubtLeftOvers, EndRun, Move, MoveOrders
from runner.core.snapshot import Recorded
from runner.core.values.clock import Clock
from runner.store.disk.paths import StatePaths
from runner.store.journal import writer_of
from runner.store.run_ids import new_run_id
from runner.store.startup.backup import backup
from runner.store.state import State

if TYPE_CHECKING:
    from runner.store.journal import Lock

_LISTABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}/[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")  # as campaign.schema.json

Key = tuple[str, str]


def parse_address(text: str) -> Key:
    """Campaign and order id of `campaign/id`; InvalidInput otherwise."""
    campaign, separator, order_id = text.partition("/")
    if not separator or not campaign or not order_id:
        raise InvalidInput(f"{text!r} is not an address", "write campaign/id, as runner state list shows it")
    return campaign, order_id


def plan_move(recorded: Recorded, before: Key, after: Key) -> Move:
    """The renaming of `before` to `after`; StateRefused unless the one has attempts and the other has none.

    InvalidInput if no campaign file could list `after`.
    """
    moved = attempts_of(recorded, before)
    if not _LISTABLE.match("/".join(after)):
        raise InvalidInput(
            f"{'/'.join(after)!r} can't be an order's address",
            "campaign and id are made of letters, digits and . _ - and begin with a letter or a digit",
        )
    if before == after:
        raise InvalidInput(f"{'/'.join(before)} has that address already", "name another one")
    if after in recorded.attempts:
        raise StateRefused(
            f"{'/'.join(after)} has attempts already: two orders are never made one",
            "name an address that was never ordered",
        )
    return Move(before, after, moved)


def plan_campaign_move(recorded: Recorded, before: str, after: str) -> list[Move]:
    """The renaming of every order of campaign `before`, forgotten ones included; as `plan_move`, all or nothing."""
    keys = [key for key in recorded.attempts if key[0] == before]
    if not keys:
        raise InvalidInput(f"the state knows no campaign {before}", "see runner state list")
    if before == after or not _LISTABLE.match(f"{after}/x"):
        raise InvalidInput(f"{after!r} is no other name for a campaign", "name one that was never used")
    if taken := next((key for key in recorded.attempts if key[0] == after), None):
        raise StateRefused(
            f"campaign {after} has bought {'/'.join(taken)} already: two campaigns are never made one",
            "name one that was never used, or move its orders one by one",
        )
    return [Move(key, (after, key[1]), recorded.attempts[key]) for key in keys]


def plan_removal(recorded: Recorded, key: Key, *, accepted: bool) -> Move:
    """The renaming of `key` to an address that nobody can list.

    StateRefused if one of its attempts may exist on the panel, unless `accepted`.
    """
    removed = attempts_of(recorded, key)
    held = [attempt for attempt in removed if attempt.state in OPEN_STATES]
    if held and not accepted:
        raise StateRefused(
            f"{'/'.join(key)} is {_why_held(held[-1])}: forgotten, it would be bought again",
            "leave it, and list it under `removed:` to hide it; or, if it may be bought again: "
            f"runner state rm {'/'.join(key)} --i-know-it-may-be-bought-again --reason '…'",
        )
    taken = {order_id for campaign, order_id in recorded.attempts if campaign == key[0]}
    names = (f"{key[1]}{FORGOTTEN}{number}" for number in range(1, len(taken) + 2))
    return Move(key, (key[0], next(name for name in names if name not in taken)), removed)


def carry_out(state: State, lock: "Lock", clock: Clock, what: str, moves: Sequence[Move]) -> Path | None:
    """Carry the moves out, all or none, inside a run of its own that `what` describes; the backup that was made before.

    A server has its own backups: None.

    Left-over marks become doubts first, as at every start. StateRefused if the state has changed meanwhile.
    """
    run_id = new_run_id(clock.now())
    kept = backup(state, clock) if isinstance(state, StatePaths) else None
    writer, _ = writer_of(state, lock, clock)
    with closing(writer):
        for operation in (
            BeginRun(run_id, what, clock.now()),
            DoubtLeftOvers(clock.now()),
            MoveOrders(moves),
            EndRun(run_id, 0, clock.now()),
        ):
            (result,) = writer.commit([operation])
            if isinstance(result, RunnerError):
                raise result
    return kept


def attempts_of(recorded: Recorded, key: Key) -> Sequence[Attempt]:
    """What the state knows of one address; InvalidInput if nothing."""
    known = recorded.attempts.get(key)
    if not known:
        raise InvalidInput(f"the state knows no {'/'.join(key)}", "see runner state list")
    return known


def _why_held(attempt: Attempt) -> str:
    if attempt.state is AttemptState.PLACED:
        return f"placed as order {attempt.panel_order_id}"
    return attempt.state.value.replace("_", " ")
