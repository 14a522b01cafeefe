"""Saved plans: written and made known to the state, and asked of it before they are applied."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from runner.cli.arguments.options import Settings
from runner.cli.io.inputs import Inputs, accounts_of
from runner.core.errors import ExitCode, PlanStale
from runner.core.operations import KeepPlan
from runner.core.values.clock import as_recorded, to_the_second
from runner.planning.fingerprint import SavedPlan
from runner.planning.plan import Plan
from runner.report.documents.plan_file import Terms, save_plan
from runner.store.operations.saved_plans import kept_plan
from runner.store.read.snapshot import lineage_of

if TYPE_CHECKING:
    from runner.engine.session import Session


class Saving(NamedTuple):
    """Where a plan is saved, and for how long."""

    out: Path
    expires: timedelta


async def keep_plan(settings: Settings, inputs: Inputs, saving: Saving, session: "Session", made: Plan) -> Plan:
    """Save the plan, and have the state know its digest; the plan with a note of that.

    One that may not begin is not saved, and an older one is removed from its place: it must not be taken for this one.
    """
    out, expires = saving
    if made.exit_code is not ExitCode.OK:
        _remove(out)
        return replace(made, notes=(*made.notes, f"not saved to {out}: nothing of it could be applied"))
    if not made.lineage and (begun := lineage_of(settings.where)) is not None:  # by this very run
        made = replace(made, lineage=begun.lineage)
    now = session.clock.now()
    terms = Terms(
        run=session.run_id,
        expires_at=as_recorded(now + expires),
        accounts=accounts_of(inputs),
        select=settings.select,
        exclude=settings.exclude,
        prune=settings.prune,
        max_cost=settings.max_cost,
    )
    digest = save_plan(out, made, terms)
    await session.journal.record(KeepPlan(digest, session.run_id, now, terms.expires_at))
    note = f"saved to {out}: may be applied once, until {to_the_second(terms.expires_at)}"
    return replace(made, notes=(*made.notes, note))


def _remove(out: Path) -> None:
    if out.is_file():
        out.unlink()


def need_kept(settings: Settings, saved: SavedPlan, name: str) -> None:
    """PlanStale unless the state knows this very file, `name`, and it was not used and has not expired."""
    present = lineage_of(settings.where)
    if present is None or present.lineage != saved.lineage:
        raise PlanStale(f"{name} was made with another state", f"name that one with --state, or {again(name)}")
    kept = kept_plan(settings.where, saved.digest)
    if kept is None:
        raise PlanStale(f"{name} was altered after it was saved: the state does not know it", again(name))
    if why := kept.hindrance(datetime.now(UTC)):
        look = "" if kept.used_by is None else "see runner status and runner doubt list; for what is missing, "
        raise PlanStale(f"{name} may not be applied: {why}", look + again(name))


def again(name: str) -> str:
    """What to do instead."""
    return f"make a new one: runner plan --out {name}"
