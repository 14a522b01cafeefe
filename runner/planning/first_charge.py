"""What a panel charged for the first orders of a service, against what was expected. Pure.

A difference means that the price list is read wrongly: per unit and not per 1000, another currency, a markup, runs not
multiplied. Nothing more of the service is bought until a person accepts the factor in the panel's profile.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from runner.core.attempts import Attempt, AttemptState, LiveStatus
from runner.core.money import PER, ZERO, plain
from runner.core.orders import Campaign, PanelProfile
from runner.core.recorded import Recorded
from runner.planning.plan import Actions, Refusal
from runner.planning.price_guard import Held, hold
from runner.planning.pricing import Offers, charge_for, rounding_of

GUARD = "first-charge"
_TOLERANCE = Decimal("0.01")  # more than 1 % off is no rounding
_CENTS = -2  # fewer decimals are trimmed zeros: no panel rounds money to less
_FACTOR_DIGITS = 4
# A final order's charge may have been rewritten to what was kept of it (PROTOCOL, status).
_REWRITTEN = frozenset({LiveStatus.PARTIAL, LiveStatus.CANCELED, LiveStatus.REFUNDED})


class Observed(NamedTuple):
    """One order that was charged."""

    panel_order_id: str
    service: str
    rate: Decimal  # per 1000, as it was listed
    units: int
    charge: Decimal


def known_charge(charge: Decimal | None, status: LiveStatus) -> Decimal | None:
    """The charge if it says what the whole order costs: "0" means not known yet at some panels (PROTOCOL, status)."""
    return None if charge is None or charge <= ZERO or status in _REWRITTEN else charge


def mismatch(observed: Sequence[Observed], profile: PanelProfile) -> str:
    """What is wrong with the charges, with both numbers and the factor to accept; empty if all are as expected."""
    for one in observed:
        expected = charge_for(one.service, one.rate, one.units, profile)
        if expected is not None and not _fits(one, expected, profile):
            return _words(one, expected, profile)
    return ""


def _fits(one: Observed, expected: Decimal, profile: PanelProfile) -> bool:
    """True within 1 % and half a unit of the coarser decimal, and within what a rounded price list hides."""
    coarser = max(_exponent(one.charge), _exponent(expected))
    tolerance = expected * _TOLERANCE + Decimal(5).scaleb(coarser - 1)
    if profile.rounded_rates:
        if one.rate == ZERO:
            return one.charge <= expected + tolerance  # the expected one is the most that it can be
        tolerance += rounding_of(one.rate) * one.units / PER
    return abs(one.charge - expected) <= tolerance


def _exponent(amount: Decimal) -> int:
    exponent = amount.as_tuple().exponent
    return min(exponent, _CENTS) if isinstance(exponent, int) else _CENTS


def _words(one: Observed, expected: Decimal, profile: PanelProfile) -> str:
    factor = one.charge / expected * profile.charge_factor(one.service)
    shown = f"{factor.quantize(Decimal(1).scaleb(min(factor.adjusted(), 0) - _FACTOR_DIGITS)).normalize():f}"
    return (
        f"service {one.service} on {profile.name}: order {one.panel_order_id} was charged {plain(one.charge)} and "
        f"{plain(expected)} was expected ({one.units:,} units at {plain(one.rate)} per 1000); if that is its true price, "
        f'set charge_factor: {{"{one.service}": "{shown}"}} for {profile.name} in panels.yaml'
    )


def hold_mischarged(
    actions: Actions,
    campaigns: Sequence[Campaign],
    offers: Mapping[str, Offers],
    recorded: Recorded,
    profiles: Mapping[str, PanelProfile],
) -> list[Refusal]:
    """Turn purchases of services that were last charged otherwise than expected into blocked ones, in place.

    The newest order whose charge is known speaks for its service. Panels without a profile are not judged.
    """
    wanted = {(panel, service.id) for panel, here in offers.items() if panel in profiles for service in here.services()}
    last: dict[tuple[str, str], Attempt] = {}
    for attempts in reversed(list(recorded.attempts.values())):  # the latest orders first: few are looked at
        if not wanted:
            break
        for attempt in attempts:
            key = (attempt.panel, attempt.service)
            if key in wanted and observed_in([attempt]):
                last[key] = attempt
        wanted -= last.keys()
    wrong = {
        key: f"{words}; nothing more of it is bought"
        for key, attempt in last.items()
        if (words := mismatch(observed_in([attempt]), profiles[key[0]]))
    }
    held = {
        (campaign.name, service): Held(GUARD, reason)
        for campaign in campaigns
        for (panel, service), reason in wrong.items()
        if panel == campaign.panel
    }
    return hold(actions, held) if held else []


def observed_in(attempts: Iterable[Attempt]) -> list[Observed]:
    """The charges that are known of attempts."""
    return [
        Observed(one.panel_order_id or "", one.service, one.rate, one.units, charge)
        for one in attempts
        if one.state is AttemptState.PLACED and (charge := known_charge(one.first_charge, one.status)) is not None
    ]
