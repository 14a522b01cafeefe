"""Finds the JSON schemas and the sample campaign: in a source tree beside the package, in a wheel inside it."""

import json
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

_SUFFIX = ".schema.json"


def schema_names() -> list[str]:
    """The schemas there are, sorted: `campaign`, `panels`."""
    return sorted(e.name.removesuffix(_SUFFIX) for e in _folder("schemas").iterdir() if e.name.endswith(_SUFFIX))


def schema_text(name: str) -> str:
    """A schema as its file says it; KeyError if there is none of that name."""
    if name not in schema_names():
        raise KeyError(name)
    return _folder("schemas").joinpath(name + _SUFFIX).read_text(encoding="utf-8")


@cache
def schema(name: str) -> dict[str, Any]:
    """A schema, parsed; nobody may change it."""
    parsed: dict[str, Any] = json.loads(schema_text(name))
    return parsed


def sample_path(name: str) -> Traversable:
    """A file of the sample campaign (`demo.yaml`, `posts.csv`); KeyError if there is none of that name."""
    found = _folder("campaigns").joinpath(name)
    if name != Path(name).name or not found.is_file():
        raise KeyError(name)
    return found


def _folder(name: str) -> Traversable:
    packaged = files("runner").joinpath("_data", name)
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / name
