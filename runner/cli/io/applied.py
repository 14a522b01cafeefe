"""Tells at the end of `apply` and `watch` what was done, and what a Ctrl-C of that moment means."""

from collections.abc import Callable

from runner.cli.arguments.options import Settings
from runner.cli.io.inputs import show_diagnostics
from runner.cli.io.output import show_warnings
from runner.cli.io.report_files import publish
from runner.cli.process.streams import complain
from runner.core.errors import ExitCode, Interrupted
from runner.engine.results import ApplyResult
from runner.report.documents.as_json import apply_chunks
from runner.report.model.model import ReportModel
from runner.report.terminal.screen import Screen
from runner.report.text.plan import render_verdict


def publish_applied(
    settings: Settings,
    code: ExitCode,
    result: ApplyResult,
    *,
    as_text: Callable[[Screen], None],
    model: Callable[[], ReportModel],
    trouble: str = "",
) -> ExitCode:
    """The result on stdout and in reports; the problems of its plan (with their places) and warnings on stderr; the code.

    `trouble`: what stood in the way, for stderr where stdout has no room for it.
    """
    plan = result.plan
    show_diagnostics(settings, plan.problems)
    if settings.format != "text":  # neither document nor events have room for what stood in the way
        if plan.problems or plan.refusals:
            render_verdict(plan, settings.stderr())
        if trouble:
            settings.stderr().line(trouble)
    code = publish(settings, code, lambda: apply_chunks(result), as_text, model)
    show_warnings(settings, dict.fromkeys([*plan.warnings, *result.warnings]))
    return code


def interrupted_late(what: str, ended: ExitCode) -> ExitCode:
    """The exit code after a Ctrl-C that came when the run had ended with `ended`. Raises `Interrupted` but for a doubt."""
    if ended is not ExitCode.IN_DOUBT:
        raise Interrupted(f"interrupted when the {what} had ended: what it did is recorded", "runner status") from None
    complain(f"interrupted when the {what} had ended: at least one order is in doubt", "runner doubt list")
    return ExitCode.IN_DOUBT
