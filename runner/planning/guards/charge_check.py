"""Whether a panel charges what it lists. Pure.

A difference means that the price list is read wrongly (per unit and not per 1000, another currency, a markup, runs not
multiplied) or that the price has changed since. Nothing more of the service is bought until a person accepts it in the
panel's profile; once several services of a panel are charged wrongly, nothing more is bought on the panel.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from runner.core.attempts import ENDED_SHORT, Attempt, AttemptState, LiveStatus
from runner.core.orders import Campaign, PanelProfile
from runner.core.snapshot import Recorded
from runner.core.values.money import LEAST_PLACES, ONE, PER, ZERO, decimals, last_unit, plain, round_down, round_up
from runner.planning.guards.holds import Hold, by_service, hold
from runner.planning.plan import BUYING, Actions, Refusal
from runner.planning.pricing.quote import Offers, charge_for

GUARD = "charge"
SERVICES_THAT_STOP = 2  # services of one panel charged wrongly: it is the panel that is read wrongly
_TOLERANCE = Decimal("0.01")  # more than 1 % off is no rounding
_FACTOR_DIGITS = 4


class Observed(NamedTuple):
    """One order that was charged."""

    panel_order_id: str
    service: str
    rate: Decimal  # per 1000, as it was listed
    units: int
    charge: Decimal


class Mischarge(NamedTuple):
    """A charge that is not the listed price."""

    service: str
    is_high: bool  # more was taken than listed
    words: str  # both numbers, and the factor to accept


def known_charge(charge: Decimal | None, status: LiveStatus) -> Decimal | None:
    """The charge if it says what the whole order costs; else None (docs/protocol.md, Status).

    "0" means not known yet at some panels; that of an order which ended short may be rewritten to what was kept of it.
    """
    return None if charge is None or charge <= ZERO or status in ENDED_SHORT else charge


def check_charge(one: Observed, profile: PanelProfile) -> Mischarge | None:
    """What is wrong with a charge; None if it is the listed price times the accepted factor, or no price is listed.

    Right is what differs by no more than 1 % and half a unit of the coarser decimal, the expected charge rounded down
    or up to the decimals of the charge, and with a rounded price list what its rounding may hide.
    """
    expected = charge_for(one.service, one.rate, one.units, profile)
    if expected is None or one.panel_order_id in profile.accepted_charges:
        return None
    shown = max(LEAST_PLACES, decimals(one.charge))
    tolerance = expected * _TOLERANCE + ONE.scaleb(-min(shown, max(LEAST_PLACES, decimals(expected)))) / 2
    if profile.rounded_rates and one.rate == ZERO:  # the expected charge is the most that it can be
        return (
            None
            if one.charge <= expected + tolerance
            else Mischarge(one.service, is_high=True, words=_words(one, expected, profile))
        )
    if profile.rounded_rates:
        tolerance += last_unit(one.rate) / 2 * one.units / PER
    fits = abs(one.charge - expected) <= tolerance
    if fits or one.charge in (round_down(expected, shown), round_up(expected, shown)):
        return None
    return Mischarge(one.service, is_high=one.charge > expected, words=_words(one, expected, profile))


def _words(one: Observed, expected: Decimal, profile: PanelProfile) -> str:
    factor = one.charge / expected * profile.charge_factor(one.service)
    shown = f"{factor.quantize(Decimal(1).scaleb(min(factor.adjusted(), 0) - _FACTOR_DIGITS)).normalize():f}"
    return (
        f"service {one.service} on {profile.name}: order {one.panel_order_id} was charged {plain(one.charge)} and "
        f"{plain(expected)} was expected ({one.units:,} units at {plain(one.rate)} per 1000); if that is its true price, "
        f'set charge_factor: {{"{one.service}": "{shown}"}} for {profile.name} in panels.yaml; if it is right for this '
        f"order alone, add its id to accepted_charges there"
    )


def observed_in(attempt: Attempt) -> Observed | None:
    """The charge of an attempt, as corrected upwards; None if it was not bought or its charge does not tell the price."""
    if attempt.state is not AttemptState.PLACED:
        return None
    if attempt.status in ENDED_SHORT:
        return None
    charge = max(
        (one for one in (attempt.first_charge, attempt.charge) if one is not None and one > ZERO), default=None
    )
    if charge is None:
        return None
    return Observed(attempt.panel_order_id or "", attempt.service, attempt.rate, attempt.units, charge)


def mischarges(recorded: Recorded, profiles: Mapping[str, PanelProfile]) -> dict[tuple[str, str], Mischarge]:
    """The services of panels with a profile that are charged wrongly, by panel and id.

    The newest run whose charges are known speaks for a service, with each of its orders: they were on their way
    together. So does each order that the panel corrected upwards after it had shown another charge.
    """
    latest_first = list(reversed(list(recorded.attempts.values())))
    newest: dict[tuple[str, str], Attempt] = {}
    for attempts in latest_first:
        for attempt in reversed(attempts):
            known = newest.get((attempt.panel, attempt.service))
            if (known is None or attempt.id > known.id) and attempt.panel in profiles and observed_in(attempt):
                newest[attempt.panel, attempt.service] = attempt
    found: dict[tuple[str, str], Mischarge] = {}
    right: set[tuple[object, ...]] = set()  # equal orders are judged once
    for attempts in latest_first:
        for attempt in reversed(attempts):
            key = (attempt.panel, attempt.service)
            speaker = newest.get(key)
            if speaker is None or key in found or not (attempt.run_id == speaker.run_id or _is_raised(attempt)):
                continue
            observed = observed_in(attempt)
            alike = None if observed is None else (attempt.panel, *observed[1:])
            if observed is None or alike is None or alike in right:
                continue
            if (wrong := check_charge(observed, profiles[attempt.panel])) is not None:
                found[key] = wrong
            elif observed.panel_order_id not in profiles[attempt.panel].accepted_charges:
                right.add(alike)
    return found


def _is_raised(attempt: Attempt) -> bool:
    first, latest = attempt.first_charge, attempt.charge
    return first is not None and latest is not None and latest > first


def hold_mischarged(
    actions: Actions,
    campaigns: Sequence[Campaign],
    offers: Mapping[str, Offers],
    recorded: Recorded,
    profiles: Mapping[str, PanelProfile],
) -> list[Refusal]:
    """Turn purchases of services that are charged wrongly into blocked ones, in place; a refusal for each.

    On a panel with several such services all purchases are blocked. Panels without a profile are not judged.
    """
    if not any(actions.counts()[kind] for kind in BUYING):
        return []
    wrong = mischarges(recorded, {panel: profiles[panel] for panel in offers if panel in profiles})
    if not wrong:
        return []
    stopped = {panel for panel, _ in wrong if sum(1 for one, _ in wrong if one == panel) >= SERVICES_THAT_STOP}
    held: dict[tuple[str, str], list[Hold]] = {}
    for campaign in campaigns:
        for service in offers[campaign.panel].services():
            one = wrong.get((campaign.panel, service.id))
            if one is None and campaign.panel in stopped:
                one = next(words for (panel, _), words in wrong.items() if panel == campaign.panel)
            if one is not None:
                held[campaign.name, service.id] = [Hold(GUARD, f"{one.words}; {_nothing_more(campaign, stopped)}")]
    return hold(actions, held, by_service)


def _nothing_more(campaign: Campaign, stopped: Iterable[str]) -> str:
    if campaign.panel in stopped:
        return f"several services of {campaign.panel} are charged wrongly: nothing more is bought there"
    return "nothing more of it is bought"
