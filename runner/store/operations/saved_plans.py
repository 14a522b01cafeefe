"""Statements for saved plans, and reading them. No transactions here."""

from typing import TYPE_CHECKING

from runner.core.errors import PlanStale
from runner.core.operations import KeepPlan, UsePlan
from runner.core.snapshot import KeptPlan
from runner.core.values.clock import from_text, to_text
from runner.store.schema.revisions import has_step
from runner.store.state import State, ask
from runner.store.statements import Reading, run

if TYPE_CHECKING:
    from sqlalchemy import Connection  # readers do without it: 0.45 s to import

_STEP = "0008"  # the schema that brought the table; a reader may meet an older one

_KEEP = "INSERT INTO saved_plans (digest, made_by, made_at, expires_at) VALUES (?, ?, ?, ?)"
_USE = "UPDATE saved_plans SET used_by = ?, used_at = ? WHERE digest = ? AND used_by IS NULL AND expires_at > CAST(? AS TEXT)"
_KEPT = (
    "SELECT p.made_by, p.expires_at, p.used_by, p.used_at, r.exit_code, "
    "(SELECT count(*) FROM attempts WHERE run_id = p.used_by AND state = 'placed') "
    "FROM saved_plans AS p LEFT JOIN runs AS r ON r.id = p.used_by WHERE p.digest = ?"
)


def keep(connection: "Connection", operation: KeepPlan) -> None:
    """One more plan that may be applied."""
    digest, run_id, at, expires_at = operation
    run(connection, _KEEP, (digest, run_id, to_text(at), to_text(expires_at)))


def use(connection: "Connection", operation: UsePlan) -> None:
    """The plan is used from now on; PlanStale if it may not be."""
    digest, run_id, at = operation
    if run(connection, _USE, (run_id, to_text(at), digest, to_text(at))).rowcount != 1:
        raise PlanStale(
            "the saved plan may not be applied: it was used, has expired, or is not known; nothing was sent",
            "make a new one: runner plan --out FILE",
        )


def kept_plan(state: State, digest: str) -> KeptPlan | None:
    """What a state knows of the plan with this digest; None if nothing. StateRefused as `read_state`."""

    def find(connection: Reading) -> KeptPlan | None:
        row = connection.execute(_KEPT, (digest,)).fetchone() if has_step(connection, _STEP) else None
        if row is None:
            return None
        made_by, expires_at, used_by, used_at, ended, placed = row
        return KeptPlan(
            made_by, from_text(expires_at), used_by, None if used_at is None else from_text(used_at), ended, placed
        )

    return ask(state, find, None)
