"""Tells GitHub Actions: annotations on stderr, the summary of the step, and its outputs.

By itself where GITHUB_ACTIONS is `true`, unless --no-ci. A failure to tell is a warning: never the end of a run that
has spent money.
"""

import errno
import os
import secrets
import sys
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.arguments.options import Settings
from runner.core.diagnostics import Diagnostic

if TYPE_CHECKING:
    from runner.report.documents.github import Annotation
    from runner.report.model.model import ReportModel

NO_CI = "BULK_RUNNER_NO_CI"
_COMMANDS = frozenset({"validate", "plan", "apply", "watch", "status", "report"})
_SMALLEST = 2000  # bytes of a summary that say anything


def is_active(settings: Settings, environ: Mapping[str, str] = os.environ) -> bool:
    """True if this is a step of a GitHub workflow that wants to be told."""
    return not settings.no_ci and environ.get("GITHUB_ACTIONS") == "true"


def tell(model: "ReportModel") -> None:
    """Everything about a finished command."""
    from runner.report.documents.github import of_model, output_lines, outputs
    from runner.report.documents.markdown import SUMMARY_LIMIT, for_step_summary

    _annotate(of_model(model))

    def summary(size: int) -> str:
        left = SUMMARY_LIMIT - size  # other commands of the same step write into the same file
        return "" if left < _SMALLEST else for_step_summary(model, left)

    def lines(_size: int) -> str:
        return output_lines(outputs(model), f"runner-{secrets.token_hex(16)}")

    for name, text in (("GITHUB_STEP_SUMMARY", summary), ("GITHUB_OUTPUT", lines)):
        path = os.environ.get(name)
        if not path:
            continue
        try:
            file = Path(path)
            text_of_it = text(file.stat().st_size if file.exists() else 0)
            _append(file, text_of_it)
        except OSError as error:
            _warn(f"{name} could not be written: {error.strerror}")


def tell_files(settings: Settings, diagnostics: Iterable[Diagnostic], *, more: int = 0) -> None:
    """Findings in files; `more` lines are kept free for what follows."""
    if is_active(settings):
        from runner.report.documents.github import MOST_ANNOTATIONS, of_diagnostics

        _annotate(of_diagnostics(diagnostics)[: MOST_ANNOTATIONS - more])


def tell_failure(arguments: Collection[str], message: str, hint: str, code: int) -> None:
    """A command that ended before it had a result."""
    off = "--no-ci" in arguments or bool(os.environ.get(NO_CI)) or os.environ.get("GITHUB_ACTIONS") != "true"
    if off or not _COMMANDS.intersection(arguments):
        return
    from runner.report.documents.github import Annotation, output_lines

    _annotate(
        [Annotation("error", f"runner ended with exit code {code}", f"{message}{f'; next: {hint}' * bool(hint)}")]
    )
    path = os.environ.get("GITHUB_OUTPUT")
    if path:
        with suppress(OSError):
            _append(Path(path), output_lines({"exit_code": str(code)}, f"runner-{secrets.token_hex(16)}"))


def _append(file: Path, text: str) -> None:
    from runner.store.startup.state_files import belongs_to_a_state

    if belongs_to_a_state(file, ()):
        raise OSError(errno.EPERM, "that is a file of a state")
    with file.open("a", encoding="utf-8") as stream:
        stream.write(text)


def _annotate(annotations: "Iterable[Annotation]") -> None:
    with suppress(OSError):
        for one in annotations:
            sys.stderr.write(f"{one._replace(file=_in_workspace(one.file))}\n")
        sys.stderr.flush()


def _in_workspace(name: str) -> str:
    """The file as GitHub knows it: from the root of the checkout."""
    workspace = os.environ.get("GITHUB_WORKSPACE")
    if not name or not workspace:
        return name
    path = Path(name).resolve()
    root = Path(workspace).resolve()
    return str(path.relative_to(root)) if path.is_relative_to(root) else name


def _warn(text: str) -> None:
    with suppress(OSError):
        sys.stderr.write(f"warning: {text}\n")
        sys.stderr.flush()
