"""Explains a wrong command line in one line with the next step. Never suggests what spends, cancels or overrides."""

from collections.abc import Iterable
from difflib import get_close_matches

import click

_NEVER_SUGGESTED = frozenset(
    {
        "--prune",
        "--yes",
        "--force",
        "--new-state",
        "--accept-loss",
        "--i-checked",
        "--i-know-it-may-be-bought-again",
        "cancel",
        "refill",
    }
)
_LIKENESS = 0.75  # of what is suggested; --delete is no --select
_LOOK_FIRST = "runner plan shows what would be done, and sends nothing"
_MEANT = {  # what other tools call it -> what to do here
    "--dry-run": _LOOK_FIRST,
    "--dryrun": _LOOK_FIRST,
    "--check": _LOOK_FIRST,
    "--noop": _LOOK_FIRST,
    "--simulate": _LOOK_FIRST,
    "--preview": _LOOK_FIRST,
    "--json": "--format json",
    "--output": "--format json, or --report FORMAT=PATH",
    "--verbose": "--debug",
    "--config": "name campaign FILES, and --panels for the panels",
    "--file": "name campaign FILES without an option",
    "--budget": "--max-cost",
    "--limit": "--max-cost, or --select",
    "--filter": "--select",
    "--only": "--select",
}


def explain(error: click.ClickException) -> tuple[str, str]:
    """The message for a usage error, and the next step."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "runner"
    listed = f"{path} --help"
    match error:
        case click.NoSuchOption():
            known = [name for one in context.command.get_params(context) for name in one.opts] if context else []
            return f"no such option: {error.option_name}", _next(
                error.option_name, known, f"{listed} lists the options"
            )
        case click.exceptions.NoSuchCommand():
            group = context.command if context is not None else None
            known = group.list_commands(context) if isinstance(group, click.Group) and context is not None else []
            commands = f"{listed} lists the commands"
            return f"no such command: {path} {error.command_name}", _next(
                error.command_name, known, commands, f"{path} "
            )
        case _:
            message = error.format_message().rstrip(".")
            return message[:1].lower() + message[1:], listed


def _next(name: str, known: Iterable[str], otherwise: str, before: str = "") -> str:
    """A hint at what was probably meant, else `otherwise`."""
    if meant := _MEANT.get(name.casefold().replace("_", "-")):
        return meant
    allowed = [one for one in known if one not in _NEVER_SUGGESTED]
    close = get_close_matches(name, allowed, 1, _LIKENESS)
    return f"did you mean {before}{close[0]}? {otherwise}" if close else otherwise
