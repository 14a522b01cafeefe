"""How one simulated panel is set up, and the services it opens with. Values only."""

from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

DEFAULT_KEY = "sandbox-key"  # public on purpose: it opens nothing but a simulation
FIRST_ORDER_ID = 23501  # the id of the documented example


MANY_STATUSES = "many-statuses"  # one of SandboxSettings.lacks: `status` takes one order at a time


class DuplicateLinks(StrEnum):
    """What the panel does with a second order for a service and link that it still works on."""

    ACCEPT = "accept"  # takes and charges it
    REJECT = "reject"  # refuses it with the usual text


class CancelBy(StrEnum):
    """Which field of a `cancel` the panel reads."""

    ORDERS = "orders"  # as documented: a list of ids
    ORDER = "order"  # one id; of a list it knows nothing


class ChargeStyle(StrEnum):
    """What `status` shows as the charge; the balance is the same in all of them."""

    REWRITTEN = "rewritten"  # the kept part at Partial, 0 at Canceled
    UNCHANGED = "unchanged"  # what was taken at the start, for ever
    LATE = "late"  # 0 until the order is final, then as rewritten


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """The settings of one panel; `balance` and `currency` count only when the book is new."""

    key: str = field(default=DEFAULT_KEY, repr=False)
    balance: Decimal = Decimal("1000.00")
    currency: str = "USD"
    speed: float = 1.0  # panel minutes per real second; 0 stands still until it is advanced
    seed: int = 1  # an order keeps the seed it was placed under
    latency: float = 0.0  # seconds before each answer
    duplicate_links: DuplicateLinks = DuplicateLinks.ACCEPT
    charge_style: ChargeStyle = ChargeStyle.REWRITTEN
    lacks: Collection[str] = ()  # calls that this panel does not know, or MANY_STATUSES
    cancel_by: CancelBy = CancelBy.ORDERS
    services_page: int | None = None  # services in one answer, from `offset` on; None: all of them
    takes_offset: bool = True  # False: every page is the first one
    connection_requests: int | None = None  # answered on one connection, which then ends although it was to be kept
    connection_delay: float = 0.0  # seconds from the last of these answers to that end
    connection_idle: float | None = None  # seconds without a request after which a connection ends; None: an hour
    control: bool = False  # answer the calls under /_control


class PanelService(NamedTuple):
    """One service; `rate`, `min` and `max` in the very text that `services` shows."""

    id: int
    name: str
    type: str
    category: str
    rate: str  # per 1000
    min: str
    max: str
    refill: bool
    cancel: bool
    dripfeed: bool = False
    refill_days: int | None = None  # days after completion; None: for ever
    listed: bool = True  # False: removed from the catalogue; its orders live on


CUSTOM_COMMENTS = "Custom Comments"
FIRST, SECOND = "First Category", "Second Category"

BUILT_IN = (
    PanelService(1, "Followers", "Default", FIRST, "0.90", "50", "10000", refill=True, cancel=True),
    PanelService(2, "Comments", CUSTOM_COMMENTS, SECOND, "8", "10", "1500", refill=False, cancel=True),
    PanelService(3, "Post likes", "Default", FIRST, "0.35", "20", "50000", refill=False, cancel=False),
    PanelService(
        4,
        "Video views, drip-feed",
        "Default",
        SECOND,
        "0.12",
        "100",
        "1000000",
        refill=False,
        cancel=True,
        dripfeed=True,
    ),
    PanelService(
        5,
        "Page followers, 30 days refill",
        "Default",
        FIRST,
        "2.40",
        "100",
        "20000",
        refill=True,
        cancel=True,
        refill_days=30,
    ),
    PanelService(6, "Shares", "Default", SECOND, "1.15", "10", "5000", refill=False, cancel=False),
)
