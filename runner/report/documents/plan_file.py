"""Saved plans: written by `plan --out`, read back by `apply PLAN.json` and `show PLAN.json`.

A plan file is the document of `plan --format json` with one more key, `binding`. The state knows it by the SHA-256 of
its text; whether it is still true is `planning.fingerprint`'s to say.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, TypeVar

from runner.core.catalogue import Balance, Service
from runner.core.errors import InvalidInput, PlanStale
from runner.core.orders import Order
from runner.core.values.clock import from_text, to_text
from runner.core.values.money import ZERO, plain
from runner.planning.fingerprint import SavedAction, SavedPlan, checksum
from runner.planning.plan import BUYING, Action, ActionKind, PanelMoney, Plan
from runner.report.documents.as_json import PLAN_FORMAT, plan_chunks

_HINT = "make a new one: runner plan --out FILE"
_AMOUNT = re.compile(r"-?[0-9]{1,30}\.[0-9]{2,30}\Z")  # as `core.values.money.plain` writes it
V = TypeVar("V", str, int, bool)
_KINDS = frozenset(kind.value for kind in ActionKind)


class Terms(NamedTuple):
    """What a plan binds to beside what it says itself."""

    run: str  # that made it
    expires_at: datetime
    accounts: Mapping[str, str]  # by panel, as `core.values.accounts` names them
    select: Sequence[str] = ()
    exclude: Sequence[str] = ()
    prune: bool = False
    max_cost: Decimal | None = None


class PlanFile(NamedTuple):
    """A saved plan, and all that its file says."""

    saved: SavedPlan
    document: Mapping[str, object]


class _Wrong(Exception):
    """A document is no saved plan; the message says what is wrong, in a few words."""


def save_plan(path: Path, plan: Plan, terms: Terms) -> str:
    """Write a plan file, whole or not at all; its SHA-256. Raises `InvalidInput` where that is not possible."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    digest = hashlib.sha256()
    try:
        with draft.open("w", encoding="ascii", newline="") as stream:
            for chunk in plan_file_chunks(plan, terms):
                digest.update(chunk.encode("ascii"))
                stream.write(chunk)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise InvalidInput(f"{path}: {error.strerror}", "name a file that you may write, with --out") from error
    return digest.hexdigest()


def load_plan(path: Path) -> PlanFile:
    """Read a plan file. Raises `InvalidInput` if it can't be read or is none, `PlanStale` for one of an older version."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-8")
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}", _HINT) from error
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is not a saved plan: it is not UTF-8 text", _HINT) from None
    return parse_plan_file(text, str(path))


def plan_file_chunks(plan: Plan, terms: Terms) -> Iterator[str]:
    """The text of a plan file piece by piece: a million actions are never one string."""
    binding = {
        "lineage": plan.lineage,
        "run": terms.run,
        "expires_at": to_text(terms.expires_at),
        "digests": dict(plan.digests),
        "panels": {action.order.campaign: action.panel for action, _ in plan.groups()},
        "select": list(terms.select),
        "exclude": list(terms.exclude),
        "prune": terms.prune,
        "max_cost": None if terms.max_cost is None else plain(terms.max_cost),
        "accounts": dict(terms.accounts),
        "services": [_service_row(panel, one) for (panel, _), one in sorted(plan.services.items())],
        "in_doubt": {name: plain(one.in_doubt) for name, one in plan.money.items()},
        "notes": list(plan.notes),
        "warnings": list(plan.warnings),
    }
    return plan_chunks(plan, checksum(plan), {"binding": binding})


def parse_plan_file(text: str, name: str) -> PlanFile:
    """What the plan file `name` holds; pure. Raises as `load_plan`."""
    try:
        top = _mapping(json.loads(text, parse_float=_no_float, parse_constant=_no_float), "the document")
        if "expires_at" not in _binding(top):
            raise PlanStale(f"{name} was saved by an older version of the runner, which bound plans otherwise", _HINT)
        return PlanFile(_saved(top, hashlib.sha256(text.encode()).hexdigest()), top)
    except (_Wrong, ValueError, RecursionError) as error:
        raise InvalidInput(f"{name} is not a saved plan: {_words(error)}", _HINT) from None


def as_plan(file: PlanFile) -> Plan:
    """The plan as it was shown when it was saved. Raises `InvalidInput` if its file does not say enough for that."""
    saved, top = file
    try:
        reasons = [_get(_mapping(each, "an action"), "reason", str) for each in _list(top.get("actions"), "actions")]
        actions = [_as_action(saved, one, reason) for one, reason in zip(saved.actions, reasons, strict=True)]
        binding, summary = _binding(top), _mapping(top.get("summary"), "summary")
        seen = _mapping(top.get("panel_balances"), "panel_balances")
        doubts = _mapping(binding.get("in_doubt"), "binding.in_doubt")
        money = {
            panel: PanelMoney(
                panel,
                _balance(_mapping(seen[panel], "a balance")),
                sum((one.cost or ZERO for one in actions if one.kind in BUYING and one.panel == panel), ZERO),
                _amount(doubts, panel),
            )
            for panel in seen
        }
        currencies = {one.balance.currency for one in money.values() if one.balance is not None}
        return Plan(
            actions=actions,
            ok=_get(summary, "ok", int),
            money=money,
            notes=_texts(binding, "notes"),
            warnings=_texts(binding, "warnings"),
            cost=None if top.get("cost") is None else _amount(top, "cost"),
            currency=currencies.pop() if len(currencies) == 1 else None,
            services=saved.services,
            lineage=saved.lineage,
            digests=saved.digests,
        )
    except _Wrong as error:
        raise InvalidInput(f"the saved plan can't be shown: {error}", _HINT) from None


def _as_action(saved: SavedPlan, one: SavedAction, reason: str) -> Action:
    campaign, _, order_id = one.order.partition("/")
    order = Order(campaign, order_id, one.service, one.link, one.quantity, one.runs, one.interval, "", 0)
    return Action(order, ActionKind(one.action), reason, one.cost, saved.panels.get(campaign, "?"))


def _balance(row: Mapping[str, object]) -> Balance | None:
    if row.get("balance") is None:
        return None
    return Balance(amount=_amount(row, "balance"), currency=_maybe(row, "currency", str))


def _words(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno} is not JSON"
    return str(error) if isinstance(error, _Wrong) else "it can't be read as JSON"


def _no_float(text: str) -> object:
    raise _Wrong(f"{text[:20]} is a number with a fraction; amounts are quoted")


def _binding(top: Mapping[str, object]) -> Mapping[str, object]:
    version = top.get("format_version")
    if version != PLAN_FORMAT or isinstance(version, bool):
        raise _Wrong(f"its format_version is not {PLAN_FORMAT}")
    if "binding" not in top:
        raise _Wrong("it has no `binding`: the output of plan --format json can't be applied")
    return _mapping(top["binding"], "binding")


def _saved(top: Mapping[str, object], digest: str) -> SavedPlan:
    binding = _binding(top)

    def texts_by(key: str) -> Mapping[str, str]:
        found = _mapping(binding.get(key), f"binding.{key}")
        return {name: _get(found, name, str) for name in found}

    return SavedPlan(
        digest=digest,
        lineage=_get(binding, "lineage", str),
        run=_get(binding, "run", str),
        expires_at=from_text(_get(binding, "expires_at", str)),
        actions=[_action(_mapping(each, "an action")) for each in _list(top.get("actions"), "actions")],
        digests=texts_by("digests"),
        panels=texts_by("panels"),
        accounts=texts_by("accounts"),
        services=dict(
            _service(_mapping(each, "a service")) for each in _list(binding.get("services"), "binding.services")
        ),
        select=_texts(binding, "select"),
        exclude=_texts(binding, "exclude"),
        prune=_get(binding, "prune", bool),
        max_cost=None if binding.get("max_cost") is None else _amount(binding, "max_cost"),
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
