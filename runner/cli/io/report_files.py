"""`--report FORMAT=PATH`: files are tried before anything is sent, and written whole or not at all afterwards.

What can't be written after a run never hides how the run ended.
"""

import errno
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from runner.cli.arguments.options import Settings
from runner.cli.io import ci
from runner.cli.io.inputs import Inputs, start_logging
from runner.cli.io.output import show, show_warnings
from runner.cli.io.output_paths import Output, refuse_overwriting
from runner.core.errors import ExitCode, InvalidInput, RunnerError
from runner.report.terminal.screen import Screen

if TYPE_CHECKING:
    from runner.report.model.model import ReportModel


def claim(
    settings: Settings,
    inputs: Inputs | None = None,
    *,
    out: Path | None = None,
    new: Path | None = None,
    read: Iterable[Path] = (),
) -> None:
    """Check the outputs before anything is done: UsageError for one that is a file of ours, InvalidInput if unwritable.

    `out`: a plan to be saved; `new`: a campaign file to be written; `read`: files that are read and that no flag of
    `Settings` names. Opens the log.
    """
    plan = [] if out is None else [Output(f"--out {out}", out)]
    others = [] if new is None else [Output(f"--generate {new}", new, replaces=False)]
    refuse_overwriting(settings, inputs, outputs=[*plan, *others], read=read)
    for output in plan:
        _try(output, keeps=True)
    for kind, path in settings.reports:
        # Events are appended as they happen: that file begins empty.
        _try(Output(f"--report {kind}={path}", path), keeps=kind != "jsonl")
    start_logging(settings)


def _try(output: Output, *, keeps: bool) -> None:
    target = _target(output.path)
    try:
        if not _is_file(target):
            if not os.access(target, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        elif keeps:
            with _draft(target):
                pass
        else:
            target.open("w", encoding="utf-8").close()
    except OSError as error:
        raise InvalidInput(f"{output.flag}: {error.strerror}; nothing was sent", "name a file you may write") from error


def publish(
    settings: Settings,
    code: int,
    as_json: Callable[[], Iterable[str]],
    as_text: Callable[[Screen], None],
    model: "Callable[[], ReportModel] | None" = None,
) -> ExitCode:
    """The result on stdout, in every `--report` file and, under GitHub Actions, where that looks; the exit code.

    `as_json` gives the pieces of a document; `model` is made only if a report wants it, None: text and JSON are all.
    A file that can't be written is told on stderr; it makes a success a failure, and changes no other code.
    """
    show(settings, as_json, as_text)
    failed = False
    make = None if model is None else cache(model)
    for kind, path in settings.reports:
        try:
            _write(kind, _target(path), as_json, as_text, make)
        except Exception as error:  # noqa: BLE001  # not even a bug in a report may hide how a run ended
            failed = True
            _say(settings, f"--report {kind}={path} was not written: {_why(error, settings)}")
    if make is not None and ci.is_active(settings):
        try:
            ci.tell(make())
        except Exception as error:  # noqa: BLE001  # same
            _say(settings, f"GitHub Actions was not told all: {_why(error, settings)}")
    return ExitCode.FAILURE if failed and code == ExitCode.OK else ExitCode(code)


def _write(
    kind: str,
    target: Path,
    as_json: Callable[[], Iterable[str]],
    as_text: Callable[[Screen], None],
    make: "Callable[[], ReportModel] | None",
) -> None:
    if kind == "text":
        with _whole(target) as stream:
            as_text(Screen(stream, terminal=False))
    elif kind == "json":
        with _whole(target) as stream:
            stream.writelines(as_json())
    elif make is None:
        raise AssertionError(f"a command without a model offers --report {kind}")
    else:
        model = make()
        append = kind == "jsonl"  # behind the events
        with target.open("a", encoding="utf-8") if append else _whole(target, "" if kind == "csv" else None) as stream:
            _writers()[kind](stream, model)


def _writers() -> "dict[str, Callable[[TextIO, ReportModel], object]]":
    from runner.report.documents.csv_report import write_csv
    from runner.report.documents.event_lines import model_lines
    from runner.report.documents.junit import write_junit
    from runner.report.documents.markdown import to_markdown
    from runner.report.html.page import to_html

    return {
        "csv": write_csv,
        "html": lambda stream, model: stream.write(to_html(model)),
        "jsonl": lambda stream, model: stream.writelines(model_lines(model)),
        "junit": write_junit,
        "markdown": lambda stream, model: stream.write(to_markdown(model)),
    }


@contextmanager
def _whole(target: Path, newline: str | None = None) -> Iterator[TextIO]:
    """A stream that becomes the file once all of it is written; a pipe or a device is written as it is."""
    if not _is_file(target):
        with target.open("w", encoding="utf-8", newline=newline) as stream:
            yield stream
        return
    with _draft(target) as draft:
        with draft.open("w", encoding="utf-8", newline=newline) as stream:
            yield stream
        with suppress(FileNotFoundError):
            draft.chmod(target.stat().st_mode & 0o777)
        draft.replace(target)


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """An empty temporary file beside the target, removed at the end unless it was moved. Raises OSError if unwritable."""
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    path = target.with_name(f".{target.name[:200]}.{os.getpid()}")
    try:
        path.touch()
        yield path
    finally:
        path.unlink(missing_ok=True)


def _target(path: Path) -> Path:
    """The file that a link leads to; a pipe or a device as it was named, since /dev/stdout leads to no path."""
    return path.resolve() if not path.exists() or path.is_file() else path


def _is_file(target: Path) -> bool:
    """True for a file, a folder, and a path where nothing is yet; False for pipes and devices."""
    return target.is_file() or target.is_dir() or not target.exists()


def _why(error: Exception, settings: Settings) -> str:
    if isinstance(error, RunnerError):
        return error.message
    if settings.debug:
        traceback.print_exception(error)
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"unexpected failure: {type(error).__name__}: {error}"


def _say(settings: Settings, text: str) -> None:
    with suppress(OSError):
        show_warnings(settings, [text])
        sys.stderr.flush()
