"""`runner show`: a saved plan, and whether it may still be applied."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from runner.cli.arguments.options import COLOR, DEBUG, FORMAT, SHORT, STATE, Command, Settings
from runner.cli.io.kept_plans import need_kept
from runner.cli.io.output import show as print_result
from runner.cli.io.output import show_warnings
from runner.core.errors import PlanStale
from runner.core.values.clock import to_the_second
from runner.report.documents.as_json import json_chunks
from runner.report.documents.plan_file import as_plan, load_plan
from runner.report.text.plan import render_plan


@click.command(cls=Command, params=[STATE, FORMAT, SHORT, COLOR, DEBUG])
@click.argument("plan_file", metavar="PLAN.json", type=click.Path(path_type=Path))
def show(settings: Settings, *, plan_file: Path) -> None:
    """Show the saved plan PLAN.json as `runner plan` showed it; calls no panel.

    Ends with 12 if it was altered or used, or has expired. Whether it is still true, only apply can tell.
    """
    file = load_plan(plan_file)
    saved, plan = file.saved, as_plan(file)
    name, stale = str(plan_file), None
    try:
        need_kept(settings, saved, name)
    except PlanStale as error:
        stale = error
    note = f"saved by run {saved.run}: may be applied once, until {to_the_second(saved.expires_at)}"
    plan = replace(plan, notes=(*plan.notes, note))
    command = f"runner apply {name}{settings.places}" if stale is None else f"runner plan --out {name}"
    print_result(settings, lambda: json_chunks(file.document), partial(render_plan, plan, next_command=command))
    show_warnings(settings, plan.warnings)
    if stale is not None:
        raise stale
