"""What a saved plan is bound to, and how a fresh one differs from it. Pure."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from runner.core.catalogue import Service
from runner.core.orders import PanelProfile
from runner.core.values.batches import in_batches
from runner.core.values.money import plain
from runner.planning.allowance import Part
from runner.planning.plan import BUYING, Action, ActionKind, Plan

_AT_ONCE = 500  # rows encoded in one call; part of the checksum's definition
_SHOWN = 5  # differences told one by one; the rest are counted
_DOING = frozenset({*BUYING, ActionKind.REFILL, ActionKind.CANCEL})

# Escapes everything outside ASCII: one text for one plan, and a lone surrogate can't stop it.
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode


class SavedAction(NamedTuple):
    """One line of a plan file: all that decides what would be sent and what it would cost."""

    order: str  # address
    action: str
    service: str
    link: str
    quantity: int
    runs: int | None
    interval: int | None
    cost: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """What a plan file says, which is what it binds to."""

    digest: str  # SHA-256 of the file, by which the state knows it
    lineage: str
    run: str  # that made it
    expires_at: datetime
    actions: Sequence[SavedAction]
    digests: Mapping[str, str]  # campaign file -> SHA-256
    panels: Mapping[str, str] = field(default_factory=dict)  # by campaign
    accounts: Mapping[str, str] = field(default_factory=dict)  # by panel, as `core.values.accounts` names them
    services: Mapping[tuple[str, str], Service] = field(default_factory=dict)  # by panel and id, as they were listed
    select: Sequence[str] = ()  # as they were written
    exclude: Sequence[str] = ()
    prune: bool = False  # made with --prune
    max_cost: Decimal | None = None  # as --max-cost said

    @property
    def done(self) -> list[SavedAction]:
        """The actions that do something; of the others it says only that they wait."""
        return [one for one in self.actions if one.action in _DOING]

    @property
    def agreed(self) -> frozenset[str]:
        """Addresses of the orders that it does something about: nothing is done about others."""
        return frozenset(one.order for one in self.done)

    @property
    def refills(self) -> frozenset[str]:
        """Addresses of the orders whose refill was planned."""
        return frozenset(one.order for one in self.actions if one.action == ActionKind.REFILL)


def account_print(profile: PanelProfile) -> str:
    """SHA-256 (hex) over a panel's address and the place of its key: another account has another one."""
    return hashlib.sha256(repr(profile.account).encode()).hexdigest()


def checksum(plan: Plan) -> str:
    """SHA-256 (hex) over lineage, digests, services, accounts and every decision, not over when it was made.

    The panel's name is in the campaign's digest.
    """
    found = hashlib.sha256(_encode(_head(plan)).encode())
    for part in in_batches(_rows(decisions(plan)), _AT_ONCE):
        found.update(b"\n" + _encode(part).encode())
    return found.hexdigest()


def decisions(plan: Plan) -> Iterator[SavedAction]:
    """The actions of a plan as a plan file holds them, in order."""
    if not plan.parts:
        return map(_decision, plan.actions)
    return (_decision(action, plan.parts.get(action.order.key)) for action in plan.actions)


def changed_inputs(saved: SavedPlan, digests: Mapping[str, str], accounts: Mapping[str, str]) -> list[str]:
    """Which of the files and accounts that a plan binds to are other ones by now, in words; empty if none is."""
    found = [f"{name} was edited" for name, digest in saved.digests.items() if digests.get(name) != digest]
    for panel, account in saved.accounts.items():
        (before, _, key), (now, _, present) = account.rpartition("#"), accounts.get(panel, "").rpartition("#")
        if before != now:
            found.append(f"panel {panel} has another address in panels.yaml: it was {before} and is {now}")
        elif key != present:
            found.append(f"panel {panel} has another key, or another query in its address")
    return found


def differences(saved: SavedPlan, fresh: Plan) -> list[str]:
    """Why a saved plan may not be applied, in words; empty if a fresh one does exactly the same.

    What waits or is blocked may do so otherwise. Costs may differ where a service's listed price does: how far it may
    have risen, the price guard has judged.
    """
    after = [one for one in decisions(fresh) if one.action in _DOING]
    changes = _changes_of_actions(saved.done, after, _repriced(saved, fresh))
    if len(changes) > _SHOWN:
        return [*changes[:_SHOWN], f"and {len(changes) - _SHOWN} more orders differ"]
    return changes


def _decision(action: Action, part: Part | None = None) -> SavedAction:
    order = action.order
    terms = order if part is None else part
    return SavedAction(
        order.address,
        str(action.kind),
        order.service,
        order.link,
        terms.quantity,
        terms.runs,
        terms.interval,
        action.cost,
    )


def _head(plan: Plan) -> list[object]:
    """What a checksum covers beside the decisions; services and accounts only where the plan has some."""
    head: list[object] = [plan.lineage, dict(plan.digests)]
    if plan.services:
        services = sorted(plan.services.items())
        head.append([{**one._asdict(), "panel": panel, "rate": plain(one.rate)} for (panel, _), one in services])
    if plan.accounts:
        head.append({"accounts": dict(plan.accounts)})
    return head


def _rows(actions: Iterable[SavedAction]) -> Iterator[tuple[str | int | None, ...]]:
    """Actions with their cost as text: equal amounts are one text, however they are written."""
    texts: dict[Decimal | None, str | None] = {None: None}
    for order, action, service, link, quantity, runs, interval, cost in actions:
        text = texts.get(cost)
        if text is None and cost is not None:
            text = texts[cost] = plain(cost)
        yield (order, action, service, link, quantity, runs, interval, text)


def _repriced(saved: SavedPlan, fresh: Plan) -> frozenset[str]:
    """Addresses of the orders whose service has another price than in the saved plan."""
    services = {
        key for key, one in fresh.services.items() if key in saved.services and saved.services[key].rate != one.rate
    }
    if not services:
        return frozenset()
    return frozenset(one.order.address for one in fresh.actions if (one.panel, one.order.service) in services)


def _changes_of_actions(
    before: Sequence[SavedAction], after: Sequence[SavedAction], repriced: AbstractSet[str]
) -> list[str]:
    saved = {action.order: action for action in before}
    fresh = {action.order: action for action in after}
    for address in repriced & saved.keys() & fresh.keys():
        saved[address] = saved[address]._replace(cost=fresh[address].cost)
    changes = [
        words
        for address, action in fresh.items()
        if (words := _change(saved.get(address), action))  # None: not in the saved plan
    ]
    changes += [
        f"{address}: it was to {action.action}, now nothing"
        for address, action in saved.items()
        if address not in fresh
    ]
    if not changes and list(saved) != list(fresh):
        changes.append("the orders come in another sequence")
    return changes


def _change(before: SavedAction | None, after: SavedAction) -> str:
    if before is None:
        return f"{after.order}: it was not in the plan, now {after.action}"
    if before == after:
        return ""
    parts = [
        f"{field} was {_word(was)}, now {_word(now)}"
        for field, was, now in zip(SavedAction._fields, before, after, strict=True)
        if was != now
    ]
    return f"{after.order}: {'; '.join(parts)}"


def _word(value: Decimal | str | int | None) -> str:
    if value is None:
        return "none"
    return plain(value) if isinstance(value, Decimal) else str(value)
