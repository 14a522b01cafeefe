"""Finds the project of a command: the nearest folder upwards with panels.yaml or campaigns/, or the one of -C.

Its state, its panels and its campaigns are found from anywhere inside it. Paths that are typed are read from where the
user stands, as shells complete them; those of the environment from the project's folder.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from runner.core.errors import UsageError

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

STATE = "state/runner.db"
PANELS = "panels.yaml"
_MARKS = (PANELS, "campaigns")


def project() -> Path:
    """The project's folder, relative to the working directory: `.`, `..` and so on; `.` where there is none.

    A parent folder counts only if its panels.yaml or campaigns/ belongs to this user, to root, or to the owner of the
    working directory: no key may be sent to the panels of a file that somebody else left in /tmp.
    """
    return project_of(Path.cwd())


def project_of(folder: Path) -> Path:
    """Find the project of another folder; its path is relative to the working directory, too."""
    start = folder.resolve()
    trusted = {0, os.geteuid(), start.stat().st_uid}
    for up in (start, *start.parents):
        if any(_makes_project(up / mark, trusted, is_here=up == start) for mark in _MARKS):
            return Path(os.path.relpath(up))
    return Path(os.path.relpath(start))


def _makes_project(mark: Path, trusted: set[int], *, is_here: bool) -> bool:
    try:
        found = mark.stat()
    except OSError:
        return False
    kind = mark.is_file() if mark.name == PANELS else mark.is_dir()
    return kind and (is_here or found.st_uid in trusted)


def homes(files: Iterable[str | Path]) -> list[Path]:
    """The default state folders of the present project and of the projects that `files` belong to."""
    folders = dict.fromkeys([Path.cwd(), *(Path(file).absolute().parent for file in files)])
    return list(dict.fromkeys(project_of(folder) / Path(STATE).parent for folder in folders if folder.is_dir()))


def in_project(name: str) -> str:
    """`name` relative to the project's folder, as saved plans name files; absolute if it lies outside."""
    path = os.path.relpath(name, project())
    return os.path.abspath(name) if path.startswith("..") else path  # noqa: PTH100  # links are not followed


def from_here(name: str) -> str:
    """A path that is relative to the project's folder, made relative to the working directory."""
    return str(project() / name)


def placed(default: str) -> Callable[[click.Context, click.Parameter, str | None], str]:
    """The callback of an option that names a file; `default` (in the project's folder) if it is not given."""

    def place(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
        if value is None:
            return from_here(default)
        if value and "://" not in value and ctx.get_parameter_source(param.name or "") is ParameterSource.ENVIRONMENT:
            return from_here(value)
        return value

    return place


def _stand_in(ctx: click.Context, _param: click.Parameter, folder: str | None) -> None:
    if folder is None or ctx.resilient_parsing:
        return
    try:
        os.chdir(folder)
    except OSError as error:
        raise UsageError(f"-C {folder}: {error.strerror}", "name the project's folder") from error


DIRECTORY = click.option(
    "-C",
    "standing_in",
    metavar="DIR",
    expose_value=False,
    is_eager=True,
    callback=_stand_in,
    help="Do as if started in DIR: its project is meant, and every path is read from there.",
)


def with_directory(command: click.Command) -> click.Command:
    """Return the command, which accepts -C from now on, with its subcommands."""
    if all(one.name != "standing_in" for one in command.params):
        DIRECTORY(command)
    if isinstance(command, click.Group):
        for below in command.commands.values():
            with_directory(below)
    return command
