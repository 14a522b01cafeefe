"""Carries out one operation, on the connection and in the transaction of the caller; marks and settles go in groups elsewhere."""

from collections.abc import Collection

from sqlalchemy import Connection

from runner.core import operations as ops
from runner.core.attempts import Attempt
from runner.store.operations import attempts, doubts, labels, moves, order_flags, refills, saved_plans
from runner.store.operations.statuses import see_statuses
from runner.store.state import COPIED_TO
from runner.store.statements import run

Answer = int | list[int] | list[Attempt] | None


def carry_out(
    connection: Connection, operation: ops.Operation, run_id: str | None, panels: Collection[str] | None = None
) -> Answer:
    """What comes back is said by the operation, as are its errors.

    `panels`: those whose left-overs are nobody else's; None: all.
    """
    match operation:
        case ops.BeginRun():
            attempts.begin_run(connection, operation)
        case ops.EndRun():
            attempts.end_run(connection, operation)
        case ops.DoubtLeftOvers(at):
            refills.give_up_left_overs(connection, at, panels)
            return doubts.doubt_left_overs(connection, at, panels)
        case ops.Rename(renamed):
            return moves.rename(connection, renamed, run_id)
        case ops.MoveOrders(moved):
            return moves.move_orders(connection, moved)
        case ops.SeeStatuses(seen):
            see_statuses(connection, seen)
        case ops.SeeCatalogue(catalogue):
            attempts.see_catalogue(connection, catalogue)
        case ops.SeeBalance(balance):
            attempts.see_balance(connection, balance, run_id)
        case ops.LabelBalance():
            labels.label(connection, operation)
        case ops.Adopt() | ops.NotPlaced() | ops.Abandon():
            return doubts.decide(connection, operation)
        case ops.AskRefills():
            return refills.ask(connection, operation)
        case ops.SettleRefills():
            refills.settle(connection, operation)
        case ops.SeeRefills():
            refills.see(connection, operation)
        case ops.SeeCancels():
            refills.see_cancels(connection, operation)
        case ops.Import():
            return order_flags.import_order(connection, operation)
        case ops.Protect():
            order_flags.protect(connection, operation)
        case ops.Unprotect():
            order_flags.unprotect(connection, operation)
        case ops.NoteLacking():
            order_flags.note_lacking(connection, operation)
        case ops.CountStatusCalls():
            order_flags.count_status_calls(connection, operation)
        case ops.KeepPlan():
            saved_plans.keep(connection, operation)
        case ops.UsePlan():
            saved_plans.use(connection, operation)
        case ops.CloseState(place):
            run(connection, "INSERT INTO meta (key, value) VALUES (?, ?)", (COPIED_TO, place))
        case ops.Mark() | ops.Settle():
            raise AssertionError(f"{operation} belongs into a group")
    return None
