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

from runner.core.catalogue import Service
from runner.core.errors import InvalidInput
from runner.core.values.money import plain
from runner.planning.fingerprint import SavedAction, SavedPlan, checksum
from runner.planning.plan import ActionKind, Plan
from runner.report.documents.as_json import PLAN_FORMAT, plan_chunks

_HINT = "make a new one: runner plan --out FILE"
_AMOUNT = re.compile(r"-?[0-9]{1,30}\.[0-9]{2,30}\Z")  # as `core.values.money.plain` writes it
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
    """What does not fit, in a few words."""


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
    actions = _list(top.get("actions"), "actions")
    accounts = _mapping(binding.get("accounts", {}), "binding.accounts")
    saved = SavedPlan(
        lineage=_text(binding, "lineage"),
        serial=_whole(binding, "serial"),
        digests={file: _text(digests, file) for file in digests},
        actions=[_action(each) for each in actions],
        checksum=_text(top, "checksum"),
        accounts={panel: _text(accounts, panel) for panel in accounts},
        services=dict(_service(each) for each in _list(binding.get("services", []), "binding.services")),
    )
    return PlanFile(
        saved=saved,
        select=_texts(binding, "select"),
        exclude=_texts(binding, "exclude"),
        prune=bool(_flag(binding, "prune")),
    )


def _action(value: object) -> SavedAction:
    row = _mapping(value, "an action")
    kind = _text(row, "action")
    if kind not in _KINDS:
        raise _Wrong(f"{kind[:20]!r} is no action")
    return SavedAction(
        order=_text(row, "order"),
        action=kind,
        service=_text(row, "service"),
        link=_text(row, "link"),
        quantity=_whole(row, "quantity"),
        runs=_whole_or_none(row, "runs"),
        interval=_whole_or_none(row, "interval"),
        cost=_cost(row),
    )


def _service_row(panel: str, service: Service) -> Mapping[str, object]:
    return {"panel": panel, **service._asdict(), "rate": plain(service.rate)}


def _service(value: object) -> tuple[tuple[str, str], Service]:
    row = _mapping(value, "a service")
    service = Service(
        id=_text(row, "id"),
        name=_text(row, "name"),
        type=_text(row, "type"),
        category=_text(row, "category"),
        rate=_amount(row, "rate"),
        min=_whole(row, "min"),
        max=_whole(row, "max"),
        refill=_flag(row, "refill"),
        cancel=_flag(row, "cancel"),
        dripfeed=_flag(row, "dripfeed"),
    )
    return (_text(row, "panel"), service.id), service


def _list(value: object, what: str) -> list[object]:
    if not isinstance(value, list):
        raise _Wrong(f"{what} is not a list")
    return value


def _flag(row: Mapping[str, object], key: str) -> bool | None:
    value = row.get(key)
    if value is not None and not isinstance(value, bool):
        raise _Wrong(f"{key} is not true, false or null")
    return value


def _mapping(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _Wrong(f"{what} is not an object")
    return value


def _text(row: Mapping[str, object], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str):
        raise _Wrong(f"{key} is not a text")
    return value


def _texts(row: Mapping[str, object], key: str) -> tuple[str, ...]:
    values = row.get(key)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise _Wrong(f"{key} is not a list of texts")
    return tuple(values)


def _whole(row: Mapping[str, object], key: str) -> int:
    value = row.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Wrong(f"{key} is not a whole number")
    return value


def _whole_or_none(row: Mapping[str, object], key: str) -> int | None:
    return None if row.get(key) is None else _whole(row, key)


def _cost(row: Mapping[str, object]) -> Decimal | None:
    return None if row.get("cost") is None else _amount(row, "cost")


def _amount(row: Mapping[str, object], key: str) -> Decimal:
    text = _text(row, key)
    if not _AMOUNT.match(text):
        raise _Wrong(f"{key} is not an amount")
    return Decimal(text)
