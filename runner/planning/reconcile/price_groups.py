"""Groups orders of a campaign that ask for the same: a million of them share a few prices and decisions. Pure."""

from runner.core.attempts import Attempt
from runner.core.orders import Order
from runner.planning.accounting.attempt_index import Flights
from runner.planning.plan import Decision
from runner.planning.pricing.quote import Offer, Offers, Terms


class PriceGroup:
    """What a campaign wants of one service in one quantity."""

    __slots__ = ("decision", "links", "offer")

    def __init__(self, offer: Offer, links: dict[str, Attempt | Order | str]) -> None:
        self.offer = offer
        self.links = links  # who holds each page (`page_key`), for the service
        self.decision: Decision | None = None  # for those never tried before


class PriceGroups(dict[Terms, PriceGroup]):
    """The groups of one campaign by terms, made on first use."""

    __slots__ = ("_flights", "_offers")

    def __init__(self, offers: Offers, flights: Flights) -> None:
        super().__init__()
        self._offers = offers
        self._flights = flights

    def __missing__(self, terms: Terms) -> PriceGroup:
        group = self[terms] = PriceGroup(self._offers[terms], self._flights[terms[0]])
        return group
