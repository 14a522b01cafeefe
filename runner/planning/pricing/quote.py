"""Prices an order by the catalogue, and says whether the panel sells it as written. Pure; knows no state."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

from runner.core.catalogue import PAGE_SIZES, Catalogue, Service
from runner.core.diagnostics import Diagnostic
from runner.core.orders import Order, PanelProfile
from runner.core.values.money import ONE, ZERO, expected_charge, last_unit, plain
from runner.planning.phrases import orders
from runner.planning.pricing.rounding import Rounding


class Offer(NamedTuple):
    """A panel's side of an order's terms: a price, or the rule that the order breaks."""

    cost: Decimal | None  # expected charge; None: no catalogue or no price known, or a rule is broken
    rate: Decimal | None  # per 1000
    code: str = ""  # of the broken rule, for the diagnostic; empty: none is broken
    message: str = ""


_UNPRICED = Offer(None, None)

# service, quantity, runs, interval
Terms = tuple[str, int, int | None, int | None]


class Offers(dict[Terms, Offer]):
    """The offers of one panel by terms, worked out on first use: a million orders share a handful of them."""

    __slots__ = ("_ids_by_name", "_panel", "_profile", "_rounded", "_rounding", "_services")

    def __init__(
        self,
        panel: str,
        catalogue: Catalogue | None,
        profile: PanelProfile | None = None,
        rounding: Callable[[], Rounding] = Rounding,
    ) -> None:
        """`rounding` tells how the panel rounds what it charges; asked once, when the first price is wanted."""
        super().__init__()
        self._rounding = rounding
        self._rounded: Rounding | None = None
        self._panel = panel
        self._profile = profile
        self._services = None if catalogue is None else catalogue.services
        self._ids_by_name: dict[str, str] | None = None

    def __missing__(self, terms: Terms) -> Offer:
        offer = self[terms] = self._offer(*terms)
        return offer

    def services(self) -> list[Service]:
        """The services that were looked up so far and are sold, in no order that means anything."""
        sold = self._services or {}
        return [sold[service_id] for service_id in {terms[0] for terms in self} if service_id in sold]

    @property
    def rounded_rates(self) -> bool:
        """True if the panel's profile says that small prices are listed as zero."""
        return self._profile is not None and self._profile.rounded_rates

    def _offer(self, service_id: str, quantity: int, runs: int | None, interval: int | None) -> Offer:
        if runs is not None and interval is None:
            return _broken("runs-without-interval", f"runs {runs} needs an interval: the minutes between two runs")
        if self._services is None:
            return _UNPRICED
        service = self._services.get(service_id)
        if service is None:
            return _broken("unknown-service", self._unknown(service_id))
        broken = _broken_rules(service, quantity, runs)
        return broken or Offer(self._cost(service, quantity * (runs or 1)), service.rate)

    def _cost(self, service: Service, units: int) -> Decimal | None:
        """The expected charge, rounded up as the panel has been seen to round; None if no price is known."""
        exact = charge_for(service.id, service.rate, units, self._profile)
        if exact is None:
            return None
        if self._rounded is None:
            self._rounded = self._rounding()
        return self._rounded.up(exact)

    def _unknown(self, service_id: str) -> str:
        """The message for a service that isn't sold; names one that was probably meant."""
        services = self._services or {}
        if self._ids_by_name is None:
            self._ids_by_name = {service.name.casefold(): service.id for service in services.values() if service.name}
        meant = self._ids_by_name.get(service_id.strip().casefold(), service_id.strip().lstrip("0#"))
        hint = f"did you mean {meant}? " if meant in services else ""
        # Where a panel goes on by an offset, its list is read to the end; where not, it may end too early.
        cut = f" (just {len(services)} services: it may be one page of more)" if len(services) in PAGE_SIZES else ""
        return f"{self._panel} sells no service {service_id}; {hint}`runner services` lists what it sells{cut}"


def charge_for(service: str, rate: Decimal, units: int, profile: PanelProfile | None) -> Decimal | None:
    """What a panel should charge for units at a listed rate; None if that can't be told: a rate of zero is no price.

    Where the profile says that rates are rounded, a rate of zero counts at the most that rounding may hide.
    """
    if rate == ZERO:
        if profile is None or not profile.rounded_rates:
            return None
        rate = last_unit(rate) / 2
    cost = expected_charge(rate, units, None)
    factor = ONE if profile is None else profile.charge_factor(service)
    return cost if factor == ONE else cost * factor


def _broken(code: str, message: str) -> Offer:
    return Offer(None, None, code, message)


def _broken_rules(service: Service, quantity: int, runs: int | None) -> Offer | None:
    """Say which rules of the catalogue the terms break, all in one message; None if they fit.

    Panels check min and max per run or on the total (docs/protocol.md, Add): both must fit.
    """
    broken: list[tuple[str, str]] = []
    if not service.is_default:
        broken.append(("not-default", f"service {service.id} is of type {service.type!r}; only Default can be ordered"))
    if runs is not None and service.dripfeed is False:
        broken.append(("no-dripfeed", f"service {service.id} has no drip-feed; leave runs and interval out"))
    if quantity < service.min:
        below = f"quantity {quantity} is below service {service.id}'s minimum of {service.min}"
        broken.append(("quantity-range", below))
    total = quantity * (runs or 1)
    if max(quantity, total) > service.max:
        words = f"quantity {quantity}" if total == quantity else f"quantity {quantity} x {runs} runs = {total}"
        broken.append(("quantity-range", f"{words} is above service {service.id}'s maximum of {service.max}"))
    if service.rate < ZERO:  # it would pay for other orders in every sum
        negative = f"service {service.id} has a negative price, {plain(service.rate)} per 1000"
        broken.append(("bad-price", negative))
    if not broken:
        return None
    return _broken(broken[0][0], "; and ".join(message for _, message in broken))


class Problems:
    """Collects while a plan is made."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str, str], Order] = {}  # campaign, code and message -> the first order
        self._numbers: dict[tuple[str, str, str], int] = {}

    def add(self, order: Order, offer: Offer) -> None:
        """Add an order whose terms the panel does not sell."""
        cause = (order.campaign, offer.code, offer.message)
        self._first.setdefault(cause, order)
        self._numbers[cause] = self._numbers.get(cause, 0) + 1

    def diagnostics(self) -> Sequence[Diagnostic]:
        """One for each cause, at the line of the first order that has it."""
        found = []
        for cause, order in self._first.items():
            _, code, message = cause
            number = self._numbers[cause]
            told = message if number == 1 else f"{message} ({orders(number)})"
            found.append(Diagnostic(order.source, order.line, 1, code, told))
        return found
