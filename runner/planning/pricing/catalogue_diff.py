"""How two price lists of one panel differ, service by service. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from runner.core.catalogue import Catalogue, Service, ServiceSeen

_COMPARED = ("name", "type", "category", "rate", "min", "max", "refill", "cancel", "dripfeed")

Value = str | int | Decimal | bool | None


class ChangeKind(StrEnum):
    """What became of a service."""

    NEW = "new"  # it was not listed
    GONE = "gone"  # it is no longer listed
    CHANGED = "changed"  # listed otherwise


class Difference(NamedTuple):
    """One field of a service that is listed otherwise."""

    field: str
    before: Value
    after: Value


class ServiceChange(NamedTuple):
    """One service that differs; `differences` only with CHANGED."""

    panel: str
    service: Service  # as it is listed now, or last was
    kind: ChangeKind
    differences: Sequence[Difference] = ()


class Since(NamedTuple):
    """A former price list of one panel."""

    panel: str
    at: datetime | None  # None: nothing is remembered from then
    services: Mapping[str, Service]


History = Mapping[tuple[str, str], Sequence[ServiceSeen]]


def listed_at(panel: str, history: History, moment: datetime) -> Since:
    """The list as it was at a moment; `at` is when that list was first seen so."""
    services: dict[str, Service] = {}
    at: datetime | None = None
    for (of_panel, service_id), seen in history.items():
        known = [one for one in seen if one.seen_at <= moment] if of_panel == panel else []
        if known:
            at = known[-1].seen_at if at is None else max(at, known[-1].seen_at)
            if known[-1].is_listed:
                services[service_id] = known[-1].service
    return Since(panel, at, services)


def listed_before(remembered: Catalogue | None, now: Catalogue, history: History) -> Since:
    """The last list that differs from the present one: the remembered one, or the one before that."""
    panel = now.panel
    if remembered is None:
        return Since(panel, None, {})
    if differences(Since(panel, None, remembered.services), now):
        return Since(panel, remembered.fetched_at, remembered.services)
    moments = {one.seen_at for key, seen in history.items() if key[0] == panel for one in seen}
    latest = max(moments, default=remembered.fetched_at)
    earlier = max((moment for moment in moments if moment < latest), default=None)
    if earlier is None:
        return Since(panel, remembered.fetched_at, remembered.services)
    return listed_at(panel, history, earlier)


def differences(since: Since, now: Catalogue) -> list[ServiceChange]:
    """Services that are new, listed otherwise, or gone, in the order listed; none where nothing is remembered."""
    found = []
    for key, service in now.services.items():
        before = since.services.get(key)
        if before is None:
            found.append(ServiceChange(now.panel, service, ChangeKind.NEW))
        elif changed := _changed(before, service):
            found.append(ServiceChange(now.panel, service, ChangeKind.CHANGED, changed))
    gone = [one for key, one in since.services.items() if key not in now.services]
    return found + [ServiceChange(now.panel, one, ChangeKind.GONE) for one in gone]


def _changed(before: Service, after: Service) -> list[Difference]:
    return [
        Difference(field, was, now)
        for field in _COMPARED
        if (was := getattr(before, field)) != (now := getattr(after, field))
    ]
