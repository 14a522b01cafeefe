"""`runner plan`: what apply would do, its cost, and whether it may."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.options import CALLING, COUNTS, READING, REPORT, Amount, Settings, format_option, options
from runner.core.errors import ExitCode

if TYPE_CHECKING:
    from runner.cli.inputs import Inputs
    from runner.planning.plan import Plan


@click.command()
@options(*READING, format_option("text", "json"), *CALLING, COUNTS, REPORT)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Save the plan; runner apply FILE does just that, or nothing."
)
@click.option("--no-refresh", is_flag=True, help="Plan from what is remembered; calls no panel.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there is something to do.")
@click.option("--max-cost", type=Amount(), help="Refuse a plan that costs more.")
def plan(
    out: Path | None,
    no_refresh: bool,
    detailed_exitcode: bool,
    max_cost: Decimal | None,
    counts: Path | None,
    **flags: Any,  # noqa: ANN401  # click passes options by name
) -> int:
    """Show what apply would do about campaign FILES: orders to place, their cost, the balance before and after.

    Ends with the exit code apply would have before its first action: 10, 11, 12, 13; 15 with orders in doubt.
    """
    from runner.cli.inputs import need_counts, need_inputs, start_logging

    settings = Settings(**flags)
    start_logging(settings)
    inputs = need_inputs(settings)
    counted = need_counts(settings, counts)
    if no_refresh:
        made = _from_memory(settings, inputs, max_cost, counted)
    else:
        import asyncio

        made = asyncio.run(_refreshed(settings, inputs, max_cost, counted))
    show_plan(settings, made, next_command(settings, out))
    if out is not None:
        from runner.report.plan_file import save_plan

        save_plan(out, made, settings.select, settings.exclude)
    return plan_exit_code(made, detailed=detailed_exitcode)


def plan_exit_code(made: "Plan", *, detailed: bool) -> ExitCode:
    """10 and 11 win over 15, and 15 over 2."""
    if made.exit_code is not ExitCode.OK:
        return made.exit_code
    if made.has_doubts:
        return ExitCode.IN_DOUBT
    return ExitCode.CHANGES if detailed and made.actions else ExitCode.OK


def next_command(settings: Settings, out: Path | None) -> str:
    """The line that would carry the plan out, with the flags that made it."""
    if out is not None:
        return f"runner apply {out}"
    words = ["runner apply", *settings.files]
    words += [f"--select '{glob}'" for glob in settings.select] + [f"--exclude '{glob}'" for glob in settings.exclude]
    if settings.state != "state/runner.db":
        words.append(f"--state {settings.state}")
    return " ".join(words)


def show_plan(settings: Settings, made: "Plan", next_line: str) -> None:
    """The plan on stdout in the format asked for, and in every --report file."""
    from runner.cli.inputs import show_diagnostics
    from runner.cli.output import show
    from runner.planning.checksum import checksum
    from runner.report.as_json import plan_chunks
    from runner.report.text_plan import render_plan, render_verdict

    def as_json(stream: Any) -> None:  # noqa: ANN401  # a text stream
        stream.writelines(plan_chunks(made, checksum(made)))

    show(settings, as_json, lambda screen: render_plan(made, screen, next_line))
    if settings.format == "json":
        show_diagnostics(settings, made.problems)
        render_verdict(made, settings.stderr(), next_line)  # the document has no room for what stands in the way


def _from_memory(
    settings: Settings, inputs: "Inputs", max_cost: Decimal | None, counts: Mapping[str, int] | None
) -> "Plan":
    import gc

    from runner.planning.diff import make_plan
    from runner.planning.refills import RefillWish
    from runner.store.lineage import check
    from runner.store.lock import is_free
    from runner.store.paths import StatePaths
    from runner.store.queries import read_state

    gc.disable()  # this process ends soon, and a plan is a million tuples without a cycle: a third of its time
    paths = StatePaths.at(settings.state)
    check(paths)
    recorded = read_state(paths, lock_is_free=is_free(paths))
    refills = RefillWish(now=datetime.now(UTC), counts=counts)
    return make_plan(inputs.campaigns, recorded, selection=settings.selection, max_cost=max_cost, refills=refills)


async def _refreshed(
    settings: Settings, inputs: "Inputs", max_cost: Decimal | None, counts: Mapping[str, int] | None
) -> "Plan":
    from runner.cli.output import listener
    from runner.cli.wiring import end_run, open_session
    from runner.engine.run import Wish, prepare
    from runner.store.lineage import noted
    from runner.store.paths import StatePaths

    wish = Wish(campaigns=inputs.campaigns, selection=settings.selection, max_cost=max_cost, counts=counts)
    with listener(settings) as listen:
        async with open_session(settings, inputs, "plan", listen) as session:
            made, _ = await prepare(session, wish)
            await end_run(session, made.exit_code)
    # Closing the run was the last thing written: a saved plan binds to the state as it is left.
    left = noted(StatePaths.at(settings.state))
    return made if left is None else replace(made, serial=left.serial)
