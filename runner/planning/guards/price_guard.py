"""Forbids buying services that have changed: dearer, renamed, of another type, without a flag. Pure.

A service is compared with the saved plan that is applied; without one, with how it was listed when `runner plan` was last
run or the service last bought, whichever is later. So a changed service may be bought again after a `runner plan`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from runner.core.catalogue import Service, ServiceSeen
from runner.core.orders import Campaign, OnChange, PanelProfile, RefillWhen
from runner.core.snapshot import Recorded
from runner.core.values.clock import to_the_minute
from runner.core.values.money import ZERO, plain
from runner.planning.guards.holds import Hold, by_service, hold
from runner.planning.phrases import percent
from runner.planning.plan import BUYING, Action, Actions, Refusal
from runner.planning.pricing.quote import Offers

PRICE = "price"  # dearer than allowed, or not known
SERVICE = "service"  # something else about it changed

Services = Mapping[tuple[str, str], Service]  # by panel and id


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTerms:
    """What judging prices needs beside the state."""

    profiles: Mapping[str, PanelProfile] = field(default_factory=dict)
    planned: Services | None = None  # as a saved plan keeps them; None: there is none
    is_look: bool = False  # this very plan is the look: what changed is told and holds nothing
    fresh_since: datetime | None = None  # nothing is bought by price lists read before; None: it is only looked at


class _Known(NamedTuple):
    """A service as it was looked at."""

    service: Service
    when: str  # in words


class _Looked:
    """What each service was like when it was looked at."""

    def __init__(self, recorded: Recorded, planned: Services | None) -> None:
        self._recorded = recorded
        self._planned = planned
        self._bought: dict[tuple[str, str], datetime] | None = None

    def known(self, panel: str, service: Service) -> _Known | None:
        """The service as it was looked at; None if nobody has, or if it never changed."""
        key = (panel, service.id)
        if self._planned is not None:
            planned = self._planned.get(key)
            return None if planned is None else _Known(planned, "in the saved plan")
        seen = self._recorded.service_changes.get(key)
        if seen is None:
            return None
        looked, bought = self._recorded.looked_at, self._last_bought().get(key)
        if looked is None and bought is None:
            return None
        if bought is not None and (looked is None or bought > looked):
            return _as_of(bought, seen, "last bought")
        return None if looked is None else _as_of(looked, seen, "last planned")

    def _last_bought(self) -> dict[tuple[str, str], datetime]:
        """When each service that ever changed was last tried; looked up once, and only if one of them is to be bought."""
        if self._bought is None:
            changed = self._recorded.service_changes
            self._bought = {}
            for attempt in self._recorded.each():
                key = (attempt.panel, attempt.service)
                if attempt.is_imported:  # it was bought elsewhere: nobody looked at a price here
                    continue
                if key in changed and (key not in self._bought or attempt.marked_at > self._bought[key]):
                    self._bought[key] = attempt.marked_at
        return self._bought


def _as_of(moment: datetime, seen: Sequence[ServiceSeen], what: str) -> _Known | None:
    former = None
    latest = seen[0].seen_at
    for one in seen:
        if one.seen_at < latest <= moment:  # the clock was put back in between: nobody knows which came first
            break
        latest = max(latest, one.seen_at)
        if one.seen_at <= moment:
            former = one.service
    return None if former is None else _Known(former, f"when it was {what}, {to_the_minute(moment)}")


def hold_changed(
    actions: Actions,
    campaigns: Sequence[Campaign],
    offers: Mapping[str, Offers],
    recorded: Recorded,
    terms: PriceTerms,
) -> tuple[list[Refusal], list[str]]:
    """Turn each purchase of a service that is not what was looked at into a blocked one, in place; return refusals and notes.

    One look at each service; the actions are gone through only if one of the services is held.
    """
    looked = _Looked(recorded, terms.planned)
    held: dict[tuple[str, str], list[Hold]] = {}
    told: dict[tuple[str, str], str] = {}
    for campaign in campaigns:
        here = offers[campaign.panel]
        for service in here.services():
            if service.rate == ZERO and not here.rounded_rates:
                held[campaign.name, service.id] = [_zero(campaign, service)]
            elif (known := looked.known(campaign.panel, service)) is not None:
                changed = _change(campaign, known, service)
                if changed is not None and terms.is_look:
                    told[campaign.name, service.id] = changed.reason
                elif changed is not None:
                    held[campaign.name, service.id] = [changed]
    return hold(actions, held, by_service), _notes(actions, told) if told else []


def _notes(actions: Sequence[Action], told: Mapping[tuple[str, str], str]) -> list[str]:
    bought = {(one.order.campaign, one.order.service) for one in actions if one.kind in BUYING}
    return [f"{key[0]}: {reason}" for key, reason in told.items() if key in bought]


def _zero(campaign: Campaign, service: Service) -> Hold:
    return Hold(
        PRICE,
        f"{_name(campaign, service)} is listed at {plain(service.rate)} per 1000, which is no price: nothing is free; "
        f"buy another service, or set rounded_rates: true for {campaign.panel} in panels.yaml if it rounds small prices",
    )


def _change(campaign: Campaign, known: _Known, now: Service) -> Hold | None:
    """What is against buying the service as it is now; None if nothing is."""
    before, policy = known.service, campaign.policy
    name, found = _name(campaign, now), []
    if now.name != before.name:
        found.append(f"was named {before.name!r} and is named {now.name!r} now")
    if now.type != before.type:
        found.append(f"was of type {before.type!r} and is of type {now.type!r} now")
    if policy.refill.when is not RefillWhen.NEVER and before.refill and not now.refill:
        found.append("had refill, which policy.refill relies on, and has it no longer")
    if policy.on_change is OnChange.REPLACE and before.cancel and not now.cancel:
        found.append("could be cancelled, which policy.on_change: replace relies on, and can't any longer")
    if found:
        return Hold(SERVICE, f"{name} {' and '.join(found)} ({known.when}); {_LOOK}")
    allowed = before.rate * (1 + policy.max_price_increase)
    if now.rate <= allowed:
        return None
    place = campaign.place_of("policy.max_price_increase")
    return Hold(
        PRICE,
        f"{name} costs {plain(now.rate)} per 1000 and cost {plain(before.rate)} {known.when}: "
        f"{plain(now.rate - allowed)} more than policy.max_price_increase {percent(policy.max_price_increase)} ({place}) "
        f"allows; raise that, or {_LOOK}",
    )


_LOOK = "look at it with `runner plan`, then apply"


def _name(campaign: Campaign, service: Service) -> str:
    return f"service {service.id} on {campaign.panel}"
