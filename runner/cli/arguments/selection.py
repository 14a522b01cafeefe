"""Reads `--select` and `--exclude`: patterns, and files of addresses."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runner.core.errors import InvalidInput, UsageError
from runner.core.values.text import clean

if TYPE_CHECKING:
    from runner.planning.status.selectors import Selector

_NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_ADDRESS = re.compile(rf"{_NAME}/{_NAME}\Z")
_HINT = "write one campaign/id to a line; `#` begins a comment"


def read_selection(select: Sequence[str], exclude: Sequence[str], *, allow_empty: bool = False) -> "Selector | None":
    """The parsed patterns; UsageError for one that can't be parsed, InvalidInput for an @FILE that can't be read.

    In a CI job, where nobody reads warnings, each `select` has to fit an order unless `allow_empty`.
    """
    from runner.planning.status.selectors import WrongPattern, parse

    try:
        return parse(select, exclude, _addresses_in, must_fit=_is_ci() and not allow_empty)
    except WrongPattern as wrong:
        raise UsageError(str(wrong), wrong.hint) from None


def _is_ci() -> bool:
    return any(os.environ.get(name, "").lower() in ("true", "1") for name in ("CI", "GITHUB_ACTIONS"))


def _addresses_in(name: str) -> frozenset[str]:
    try:
        text = Path(name).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidInput(f"@{name}: {error.strerror}", "name a file with one campaign/id to a line") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"@{name} is not UTF-8 text", _HINT) from None
    found: set[str] = set()
    for number, line in enumerate(text.splitlines(), 1):
        address = line.partition("#")[0].strip()
        if not address:
            continue
        if not _ADDRESS.match(address):
            raise InvalidInput(f"{name}:{number}:1: `{clean(address, 120)}` is no address of an order", _HINT)
        found.add(address)
    return frozenset(found)
