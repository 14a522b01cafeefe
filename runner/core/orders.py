"""Campaigns, their orders, and panel profiles: what a user asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from runner.core.values.links import page_key
from runner.core.values.money import ONE, ZERO
from runner.core.values.text import Secret

DEFAULT_FACTOR = "default"  # the key of `charge_factor` for services that it does not name
SANDBOX = "sandbox"  # the one panel name that is built in


class Order(NamedTuple):
    """One desired line of a campaign.

    A tuple and not a dataclass: a million of them must fit into memory and be made in a second.
    """

    campaign: str
    id: str
    service: str  # opaque text, as all ids
    link: str
    quantity: int  # per run
    runs: int | None  # drip-feed: deliveries; None means one, at once
    interval: int | None  # drip-feed: minutes between runs
    source: str  # file as the user named it
    line: int  # in `source`, from 1

    @property
    def address(self) -> str:
        """`campaign/id`: unique over all campaigns."""
        return f"{self.campaign}/{self.id}"

    @property
    def key(self) -> tuple[str, str]:
        """The address as a pair, for look-ups."""
        return (self.campaign, self.id)

    @property
    def terms(self) -> tuple[str, str, int, int | None, int | None]:
        """What is bought: service, link, quantity, runs and interval."""
        return (self.service, self.link, self.quantity, self.runs, self.interval)

    @property
    def units(self) -> int:
        """Units delivered in total: quantity x runs."""
        return self.quantity * (self.runs or 1)


class OnChange(StrEnum):
    """What to do when a placed order's line in the file was edited."""

    ERROR = "error"  # refuse the whole apply
    KEEP = "keep"  # leave the purchase as it is
    TOP_UP = "top_up"  # buy the positive difference of quantity
    REPLACE = "replace"  # cancel and buy again


class OnShort(StrEnum):
    """What to do when the panel delivered only a part, or nothing."""

    ACCEPT = "accept"  # leave it
    REORDER = "reorder"  # buy the missing part again


class RefillWhen(StrEnum):
    """When to ask for a refill."""

    NEVER = "never"
    DUE = "due"  # whenever the interval has passed
    DROP = "drop"  # only when a counts file shows a drop


@dataclass(frozen=True, slots=True, kw_only=True)
class RefillPolicy:
    """The refill policy of a campaign."""

    when: RefillWhen = RefillWhen.NEVER
    every: timedelta = timedelta(hours=24)
    within: timedelta = timedelta(days=30)  # written `for:`
    max: int = 5
    threshold: Decimal = Decimal("0.02")  # with `drop`: a smaller share lost is no drop


class Limit(NamedTuple):
    """How many orders one run may touch: a number, or a share of those there are. Exactly one is set."""

    number: int | None = None
    share: Decimal | None = None  # a fraction: 0.3 is 30 %


USUAL_MAX_CANCEL = Limit(share=Decimal("0.3"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a campaign wants done when reality differs from the file."""

    on_change: OnChange = OnChange.ERROR
    on_partial: OnShort = OnShort.ACCEPT
    on_canceled: OnShort = OnShort.ACCEPT
    refill: RefillPolicy = field(default_factory=RefillPolicy)
    max_price_increase: Decimal = ZERO  # a fraction: 0.05 is 5 %
    max_new: Limit | None = None  # of the orders bought so far; None: no cap
    max_cancel: Limit = USUAL_MAX_CANCEL  # of the live orders
    max_reorders: int = 1  # of one order, after cancellations by the panel
    stalled_after: timedelta | None = None  # live for longer; None: as the service's other orders tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Caps in the panel's currency; None means no cap."""

    total: Decimal | None = None  # over the campaign's life
    per_run: Decimal | None = None  # of one apply
    per_day: Decimal | None = None  # of a UTC day
    keep_balance: Decimal | None = None  # must stay on the account
    currency: str | None = None  # that the caps are meant in; None: whatever the panel bills in


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """One YAML file, checked: every order is inside `links` and has a unique id."""

    name: str
    panel: str
    links: tuple[str, ...]
    budget: Budget
    policy: Policy
    orders: Sequence[Order]
    moved: Mapping[str, str]  # new id -> former id
    removed: frozenset[str]
    source: str
    digest: str  # SHA-256 of the file and of the CSV files it names
    priorities: Mapping[str, int] = field(default_factory=dict)  # order id -> priority, where it isn't 0; higher first
    prune: bool = False  # cancel live orders that are no longer listed
    protected: frozenset[str] = frozenset()  # ids of orders with `protect: true`: never pruned
    drips: frozenset[str] = frozenset()  # ids of orders with `drip: runner`: their runs are sent one by one
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # order id -> tags, of orders that have some
    counts: Mapping[str, int] | None = (
        None  # page (`page_key`) -> present count, of the file that `counts:` names; None: none is named
    )
    links_are_keys: bool = False  # each order's link is surely its own `page_key`: it need not be computed
    places: Mapping[str, str] = field(default_factory=dict)  # `budget.total` and the like -> `file:line` that sets it

    def place_of(self, key: str) -> str:
        """Where `key` is set: `file:line`, or the file where the line is not known."""
        return self.places.get(key, self.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySource:
    """Where an API key comes from; exactly one is set (none for the sandbox)."""

    env: str | None = None
    file: str | None = None  # as it is found from where the user stands
    written: str | None = field(default=None, compare=False, repr=False)  # the file as panels.yaml names it

    def as_written(self) -> "KeySource":
        """The source as panels.yaml names it: equal from every working directory."""
        return self if self.written is None else KeySource(env=self.env, file=self.written)


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelProfile:
    """One panel of panels.yaml: its address, limits and billing habits."""

    name: str
    url: str
    key: KeySource | Secret
    currency: str | None = None  # ISO code; None: whatever `balance` reports
    parallel_add: int = 4  # requests in flight
    parallel_read: int = 4
    add_per_minute: float | None = None  # None: not limited
    status_per_minute: float | None = None
    status_per_day: int | None = None  # status calls of one UTC day; None: not limited
    connect_timeout: float = 10.0  # seconds
    read_timeout: float = 90.0  # seconds
    keep_alive: bool = True  # False: each request has a connection of its own
    exclusive: bool = False  # nobody else spends this balance
    settle: timedelta = timedelta(minutes=10)  # how long a lost order may still appear
    refusals: tuple[str, ...] = ()  # further texts that prove a refusal on this panel
    rounded_rates: bool = False  # the price list is rounded: "0.00" is a price below a cent, not an unknown one
    charge_factors: Mapping[str, Decimal] = field(default_factory=dict)  # service, or `default`: charge / listed price
    accepted_charges: frozenset[str] = frozenset()  # order ids whose charge a person has looked at and accepted
    hides_charges: bool = False  # shows neither charges nor a falling balance in time: buy on listed prices alone
    trusts_refunds: bool = False  # what it says it paid back counts at once, without a look at the balance

    @property
    def account(self) -> tuple[str, KeySource | Secret]:
        """Canonical URL and key source: equal for two profiles of one account."""
        key = self.key.as_written() if isinstance(self.key, KeySource) else self.key
        return (page_key(self.url).rstrip("/"), key)

    def charge_factor(self, service: str) -> Decimal:
        """What the panel charges for a service, as a multiple of the listed price; 1 unless the profile says otherwise."""
        return self.charge_factors.get(service) or self.charge_factors.get(DEFAULT_FACTOR) or ONE
