"""Lists every file that a command writes, and refuses those that are a state or an input.

Files are compared as the system knows them, so that links and other spellings are no way around. Checked before
anything is opened for writing.
"""

import errno
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.cli.arguments.options import Settings
from runner.cli.arguments.project import STATE, from_here
from runner.cli.io.inputs import Inputs, listed_in_project
from runner.core.errors import UsageError
from runner.core.orders import KeySource
from runner.files.panels import load_panels
from runner.store.disk.paths import StatePaths
from runner.store.startup.state_files import belongs_to_a_state


@dataclass(frozen=True, slots=True)
class Output:
    """One file to be written."""

    flag: str  # as it is typed, with the file
    path: Path
    replaces: bool = True  # what is there; False: it is never written over


def refuse_overwriting(
    settings: Settings, inputs: Inputs | None = None, *, outputs: Sequence[Output] = (), read: Iterable[Path] = ()
) -> None:
    """Raise UsageError if an output of the command is a file of a state, an input file, or another output of it.

    `outputs`: those beside reports and log; `read`: what it reads that no flag of `Settings` names. Without `inputs`
    the campaigns are looked at only if an output lies where they are.
    """
    outputs = [*outputs, *(Output(f"--report {kind}={path}", path) for kind, path in settings.reports)]
    if settings.log_file is not None:
        outputs.append(Output(f"--log-file {settings.log_file}", settings.log_file))
    states = [settings.paths, StatePaths.at(from_here(STATE))]
    seen: dict[object, Output] = {}
    known: _Known | None = None
    for output in outputs:
        if _is_stream(output.path):
            continue
        if belongs_to_a_state(output.path, states):
            raise UsageError(
                f"{output.flag}: that is a file of a state, which is the only proof of what was bought",
                "name another file",
            )
        if (former := seen.setdefault(_identity(output.path), output)) is not output:
            both_reports = former.flag.startswith("--report") and output.flag.startswith("--report")
            what = "two reports in one file" if both_reports else f"{former.flag} is the same file"
            raise UsageError(f"{output.flag}: {what}", "give each its own")
        if output.replaces and os.path.lexists(output.path):
            known = known or _Known(settings, inputs, read)
            if (name := known.input_at(output.path)) is not None:
                raise UsageError(f"{output.flag}: that is {name}, which the runner reads", "name another file")


class _Known:
    """The input files of a command and of its project."""

    def __init__(self, settings: Settings, inputs: Inputs | None, read: Iterable[Path]) -> None:
        self._project = settings.project
        self._loaded = inputs is not None and not settings.files
        self._files: dict[object, str] = {}
        self._add([*settings.files, settings.panels])
        self._add(one[1:] for one in (*settings.select, *settings.exclude) if one.startswith("@"))
        self._add(map(str, read if settings.counts is None else [settings.counts, *read]))
        self._add([] if inputs is None else inputs.files)
        profiles = load_panels(Path(settings.panels)).profiles if inputs is None else inputs.profiles
        keys = (one.key for one in profiles.values())
        self._add(key.file for key in keys if isinstance(key, KeySource) and key.file is not None)

    def input_at(self, path: Path) -> str | None:
        """The name of the input that is this file; None if it is none."""
        found = self._files.get(_identity(path))
        if found is None and not self._loaded and self._lies_with_campaigns(path):
            self._loaded = True
            self._add(listed_in_project(self._project).files)
            found = self._files.get(_identity(path))
        return found

    def _add(self, names: Iterable[str]) -> None:
        for name in names:
            self._files.setdefault(_identity(Path(name)), name)

    def _lies_with_campaigns(self, path: Path) -> bool:
        folder = (self._project / "campaigns").resolve()
        return path.resolve().is_relative_to(folder) or path.stat().st_nlink > 1


def _identity(path: Path) -> object:
    """Return what is equal for two names of one file: device and inode, or the real path of a file that does not exist."""
    try:
        found = path.stat()
    except OSError:
        return os.path.realpath(path)
    return (found.st_dev, found.st_ino)


def _is_stream(path: Path) -> bool:
    """True for a pipe, a terminal, /dev/null and the like: nothing there can be overwritten."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


def give_name(draft: Path, path: Path) -> None:
    """Give a finished draft its name; raises FileExistsError if there is a file of that name, which stays as it is."""
    try:
        path.hardlink_to(draft)
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        draft.rename(path)
