"""Tells GitHub Actions: annotations on stderr, the summary of the step, and its outputs.

By itself where GITHUB_ACTIONS is `true`, unless --no-ci. A failure to tell is a warning: never the end of a run that
has spent money.
"""

import errno
import os
import secrets
import sys
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.arguments.options import Settings
from runner.core.diagnostics import Diagnostic

if TYPE_CHECKING:
    from runner.report.documents.github import Annotation
    from runner.report.model.model import ReportModel

_COMMANDS = frozenset({"validate", "plan", "apply", "watch", "status", "report"})
_SMALLEST = 2000  # bytes of a summary that say anything


def is_active(settings: Settings) -> bool:
    """True inside a step of a GitHub workflow, unless --no-ci was given."""
    return not settings.no_ci and os.environ.get("GITHUB_ACTIONS") == "true"


def tell(model: "ReportModel") -> None:
    """Write annotations, the step summary and the step outputs for a finished command."""
    from runner.report.documents.github import of_model, output_lines, outputs
    from runner.report.documents.markdown import SUMMARY_LIMIT, for_step_summary

    _annotate(of_model(model))
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        path = os.environ.get(name)
        if not path:
            continue
        try:
            file = Path(path)
            if name == "GITHUB_OUTPUT":
                _append(file, output_lines(outputs(model), _delimiter()))
                continue
            left = SUMMARY_LIMIT - (file.stat().st_size if file.exists() else 0)  # the step's other commands write too
            _append(file, "" if left < _SMALLEST else for_step_summary(model, left))
        except OSError as error:
            _write([f"warning: {name} could not be written: {error.strerror}"])


def tell_files(settings: Settings, diagnostics: Iterable[Diagnostic], *, more: int = 0) -> None:
    """Write annotations for findings in files, leaving room for `more` others."""
    if is_active(settings):
        from runner.report.documents.github import MOST_ANNOTATIONS, of_diagnostics

        _annotate(of_diagnostics(diagnostics)[: MOST_ANNOTATIONS - more])


def tell_failure(arguments: Collection[str], message: str, hint: str, code: int) -> None:
    """Write an annotation and the exit code for a command that ended without a result."""
    no_ci = "--no-ci" in arguments or bool(os.environ.get("BULK_RUNNER_NO_CI"))
    if not is_active(Settings(no_ci=no_ci)) or not _COMMANDS.intersection(arguments):
        return
    from runner.report.documents.github import Annotation, output_lines

    _annotate(
        [Annotation("error", f"runner ended with exit code {code}", f"{message}{f'; next: {hint}' * bool(hint)}")]
    )
    if path := os.environ.get("GITHUB_OUTPUT"):
        with suppress(OSError):
            _append(Path(path), output_lines({"exit_code": str(code)}, _delimiter()))


def _delimiter() -> str:
    return f"runner-{secrets.token_hex(16)}"


def _append(file: Path, text: str) -> None:
    from runner.store.startup.state_files import belongs_to_a_state

    if belongs_to_a_state(file, ()):
        raise OSError(errno.EPERM, "that is a file of a state")
    with file.open("a", encoding="utf-8") as stream:
        stream.write(text)


def _annotate(annotations: "Iterable[Annotation]") -> None:
    _write(str(one._replace(file=_in_workspace(one.file))) for one in annotations)


def _in_workspace(name: str) -> str:
    """`name` relative to the root of the checkout, as GitHub needs it."""
    workspace = os.environ.get("GITHUB_WORKSPACE")
    if not name or not workspace:
        return name
    path, root = Path(name).resolve(), Path(workspace).resolve()
    return str(path.relative_to(root)) if path.is_relative_to(root) else name


def _write(lines: Iterable[str]) -> None:
    with suppress(OSError):
        sys.stderr.writelines(f"{line}\n" for line in lines)
        sys.stderr.flush()
