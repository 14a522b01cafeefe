"""Saved plans: written by `plan --out`, read back by `apply PLAN.json`.

A plan file is the document of `plan --format json` with one more key, `binding`. Whether it is intact and still true is
`planning.fingerprint`'s to say.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from runner.core.catalogue import Service
from runner.core.errors import InvalidInput
from runner.core.values.money import plain
from runner.planning.fingerprint import SavedAction, SavedPlan, checksum
from runner.planning.plan import ActionKind, Plan
from runner.report.documents.as_json import PLAN_FORMAT, plan_chunks

_HINT = "make a new one: runner plan --out FILE"
_AMOUNT = re.compile(r"-?[0-9]{1,30}\.[0-9]{2,30}\Z")  # as `core.values.money.plain` writes it
V = TypeVar("V", str, int, bool)
_KINDS = frozenset(kind.value for kind in ActionKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFile:
    """A saved plan with the selection it was made under; where there is one, the plan's own orders are what is selected."""

    saved: SavedPlan
    select: tuple[str, ...] = ()  # as they were written
    exclude: tuple[str, ...] = ()
    prune: bool = False  # made with --prune

    @property
    def refills(self) -> frozenset[str]:
        """Addresses of the orders whose refill was planned."""
        return frozenset(one.order for one in self.saved.actions if one.action == ActionKind.REFILL)


class _Wrong(Exception):
    """A document is no saved plan; the message says what is wrong, in a few words."""


def save_plan(
    path: Path, plan: Plan, select: Sequence[str] = (), exclude: Sequence[str] = (), *, prune: bool = False
) -> None:
    """Write a plan file, whole or not at all. Raises `InvalidInput` where that is not possible."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("w", encoding="ascii") as stream:
            stream.writelines(plan_file_chunks(plan, select, exclude, prune=prune))
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise InvalidInput(f"{path}: {error.strerror}", "name a file that you may write, with --out") from error


def load_plan(path: Path) -> PlanFile:
    """Read a plan file. Raises `InvalidInput` if it can't be read or is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}", _HINT) from error
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is not a saved plan: it is not UTF-8 text", _HINT) from None
    return parse_plan_file(text, str(path))


def plan_file_chunks(
    plan: Plan, select: Sequence[str] = (), exclude: Sequence[str] = (), *, prune: bool = False
) -> Iterator[str]:
    """The text of a plan file piece by piece: a million actions are never one string."""
    binding = {
        "lineage": plan.lineage,
        "serial": plan.serial,
        "digests": dict(plan.digests),
        "select": list(select),
        "exclude": list(exclude),
        "prune": prune,
        "accounts": dict(plan.accounts),
        "services": [_service_row(panel, one) for (panel, _), one in sorted(plan.services.items())],
    }
    return plan_chunks(plan, checksum(plan), {"binding": binding})


def parse_plan_file(text: str, name: str) -> PlanFile:
    """What the plan file `name` holds; pure. Raises `InvalidInput` if it is no plan file of this version."""
    try:
        return _plan_file(json.loads(text, parse_float=_no_float, parse_constant=_no_float))
    except (_Wrong, ValueError, RecursionError) as error:
        raise InvalidInput(f"{name} is not a saved plan: {_words(error)}", _HINT) from None


def _words(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno} is not JSON"
    return str(error) if isinstance(error, _Wrong) else "it can't be read as JSON"


def _no_float(text: str) -> object:
    raise _Wrong(f"{text[:20]} is a number with a fraction; amounts are quoted")


def _plan_file(document: object) -> PlanFile:
    top = _mapping(document, "the document")
    version = top.get("format_version")
    if version != PLAN_FORMAT or isinstance(version, bool):
        raise _Wrong(f"its format_version is not {PLAN_FORMAT}")
    if "binding" not in top:
        raise _Wrong("it has no `binding`: the output of plan --format json can't be applied")
    binding = _mapping(top["binding"], "binding")
    digests = _mapping(binding.get("digests"), "binding.digests")
    accounts = _mapping(binding.get("accounts", {}), "binding.accounts")
    actions = _list(top.get("actions"), "actions")
    saved = SavedPlan(
        lineage=_get(binding, "lineage", str),
        serial=_get(binding, "serial", int),
        digests={file: _get(digests, file, str) for file in digests},
        actions=[_action(_mapping(each, "an action")) for each in actions],
        checksum=_get(top, "checksum", str),
        accounts={panel: _get(accounts, panel, str) for panel in accounts},
        services=dict(
            _service(_mapping(each, "a service")) for each in _list(binding.get("services", []), "binding.services")
        ),
    )
    return PlanFile(
        saved=saved,
        select=_texts(binding, "select"),
        exclude=_texts(binding, "exclude"),
        prune=bool(_maybe(binding, "prune", bool)),
    )


def _action(row: Mapping[str, object]) -> SavedAction:
    kind = _get(row, "action", str)
    if kind not in _KINDS:
        raise _Wrong(f"{kind[:20]!r} is no action")
    return SavedAction(
        order=_get(row, "order", str),
        action=kind,
        service=_get(row, "service", str),
        link=_get(row, "link", str),
        quantity=_get(row, "quantity", int),
        runs=_maybe(row, "runs", int),
        interval=_maybe(row, "interval", int),
        cost=None if row.get("cost") is None else _amount(row, "cost"),
    )


def _service_row(panel: str, service: Service) -> Mapping[str, object]:
    return {"panel": panel, **service._asdict(), "rate": plain(service.rate)}


def _service(row: Mapping[str, object]) -> tuple[tuple[str, str], Service]:
    service = Service(
        id=_get(row, "id", str),
        name=_get(row, "name", str),
        type=_get(row, "type", str),
        category=_get(row, "category", str),
        rate=_amount(row, "rate"),
        min=_get(row, "min", int),
        max=_get(row, "max", int),
        refill=_maybe(row, "refill", bool),
        cancel=_maybe(row, "cancel", bool),
        dripfeed=_maybe(row, "dripfeed", bool),
    )
    return (_get(row, "panel", str), service.id), service


_NAMES = {str: "a text", int: "a whole number", bool: "true, false or null"}  # what a value of the type is called


def _get(row: Mapping[str, object], key: str, kind: type[V]) -> V:
    value = row.get(key)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise _Wrong(f"{key} is not {_NAMES[kind]}")
    return value


def _maybe(row: Mapping[str, object], key: str, kind: type[V]) -> V | None:
    return None if row.get(key) is None else _get(row, key, kind)


def _mapping(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _Wrong(f"{what} is not an object")
    return value


def _list(value: object, what: str) -> list[object]:
    if not isinstance(value, list):
        raise _Wrong(f"{what} is not a list")
    return value


def _texts(row: Mapping[str, object], key: str) -> tuple[str, ...]:
    values = row.get(key)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise _Wrong(f"{key} is not a list of texts")
    return tuple(values)


def _amount(row: Mapping[str, object], key: str) -> Decimal:
    text = _get(row, key, str)
    if not _AMOUNT.match(text):
        raise _Wrong(f"{key} is not an amount")
    return Decimal(text)
