"""Lists every file that a command writes, and refuses those that are a state or an input.

Files are compared as the system knows them, so that links and other spellings are no way around. Checked before
anything is opened for writing.
"""

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.arguments.project import STATE, from_here
from runner.core.errors import InvalidInput, UsageError
from runner.core.orders import KeySource, PanelProfile

if TYPE_CHECKING:
    from runner.cli.arguments.options import Settings
    from runner.cli.io.inputs import Inputs


@dataclass(frozen=True, slots=True)
class Output:
    """One file to be written."""

    flag: str  # as it is typed, with the file
    path: Path
    replaces: bool = True  # what is there; False: it is never written over


def refuse_overwriting(
    settings: "Settings", inputs: "Inputs | None" = None, *, outputs: Sequence[Output] = (), read: Iterable[Path] = ()
) -> None:
    """UsageError if an output of the command is a file of a state, an input file, or another output of it.

    `outputs`: those beside reports and log; `read`: what it reads beside campaigns and panels. Without `inputs` the
    campaigns are looked at only if an output lies where they are.
    """
    from runner.store.disk.paths import StatePaths
    from runner.store.startup.state_files import belongs_to_a_state

    outputs = [*outputs, *of_settings(settings)]
    if not outputs:
        return
    states = [StatePaths.at(settings.state), StatePaths.at(from_here(STATE))]
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
            raise UsageError(f"{output.flag}: {_shared(former, output)}", "give each its own")
        if output.replaces and os.path.lexists(output.path):
            known = known or _Known(settings, inputs, read)
            if (name := known.input_at(output.path)) is not None:
                raise UsageError(f"{output.flag}: that is {name}, which the runner reads", "name another file")


def of_settings(settings: "Settings") -> list[Output]:
    """Reports and the log."""
    found = [Output(f"--report {kind}={path}", path) for kind, path in settings.reports]
    return [*found, *([Output(f"--log-file {settings.log_file}", settings.log_file)] if settings.log_file else [])]


def _shared(former: Output, output: Output) -> str:
    if former.flag.startswith("--report") and output.flag.startswith("--report"):
        return "two reports in one file"
    return f"{former.flag} is the same file"


class _Known:
    """The files that a command reads, or that another one of the same project would."""

    def __init__(self, settings: "Settings", inputs: "Inputs | None", read: Iterable[Path]) -> None:
        self._settings = settings
        self._loaded = inputs is not None and not settings.files
        names = [*settings.files, settings.panels, *(one[1:] for one in settings.select if one.startswith("@"))]
        names += [one[1:] for one in settings.exclude if one.startswith("@")]
        self._files: dict[object, str] = {}
        self._add([*names, *map(str, read)])
        self._add([] if inputs is None else inputs.files)
        profiles = _profiles(settings) if inputs is None else inputs.profiles
        keys = (one.key for one in profiles.values())
        self._add(key.file for key in keys if isinstance(key, KeySource) and key.file is not None)

    def input_at(self, path: Path) -> str | None:
        """The name of the input that is this file; None if it is none."""
        found = self._files.get(_identity(path))
        if found is None and not self._loaded and self._lies_with_campaigns(path):
            self._loaded = True
            self._add(_campaign_files(self._settings))
            found = self._files.get(_identity(path))
        return found

    def _add(self, names: Iterable[str]) -> None:
        for name in names:
            self._files.setdefault(_identity(Path(name)), name)

    def _lies_with_campaigns(self, path: Path) -> bool:
        folder = (self._settings.project / "campaigns").resolve()
        return path.resolve().is_relative_to(folder) or path.stat().st_nlink > 1


def _profiles(settings: "Settings") -> Mapping[str, PanelProfile]:
    from runner.files.panels import load_panels

    return load_panels(Path(settings.panels))[0]


def _campaign_files(settings: "Settings") -> Sequence[str]:
    from runner.files.campaigns import find_campaigns, load_campaigns

    try:
        return load_campaigns(find_campaigns((), settings.project)).files
    except InvalidInput:  # there are none
        return ()


def _identity(path: Path) -> object:
    """What two names of one file share: the file itself, or the place where it would be."""
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
