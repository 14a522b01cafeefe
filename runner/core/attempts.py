"""Attempts: each possible send of an order, its state, and what its answer proved."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple


class AttemptKind(StrEnum):
    """Why an attempt was made."""

    INITIAL = "initial"  # the order as listed
    TOP_UP = "top_up"  # the difference after the quantity was raised
    REORDER = "reorder"  # the part that was not delivered
    REPLACEMENT = "replacement"  # a cancelled order, bought anew
    INSTALMENT = "instalment"  # one run of a drip done by the runner


class AttemptState(StrEnum):
    """Where an attempt stands. Open states hold the order's slot: no second attempt may be marked."""

    SENDING = "sending"  # marked; the answer is not known yet
    PLACED = "placed"  # the panel gave an order id
    IN_DOUBT = "in_doubt"  # it may exist; a person decides
    ABANDONED = "abandoned"  # a person gave it up: counts as spent
    REFUSED = "refused"  # a known refusal: nothing was bought
    NOT_SENT = "not_sent"  # proof that no byte left, or a person's decision


IMPORTED = "imported by "  # begins the message of an attempt that was bought elsewhere
FORGOTTEN = "~removed"  # in the id of an order that was taken out of every file's reach; the files' ids have no tilde
DOUBTFUL = (AttemptState.SENDING, AttemptState.IN_DOUBT)  # it may exist on the panel
BOUGHT = (
    AttemptState.PLACED,
    AttemptState.ABANDONED,
)  # what was given up may exist: nothing is sent for it again unasked
CLOSED = (AttemptState.REFUSED, AttemptState.NOT_SENT)  # nothing was bought; every other state holds the order's slot
OPEN_STATES = frozenset({*DOUBTFUL, *BOUGHT})


class LiveStatus(StrEnum):
    """A panel's status word, folded (docs/protocol.md, Status)."""

    PENDING = "pending"
    PROCESSING = "processing"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    PARTIAL = "partial"
    CANCELED = "canceled"
    REFUNDED = "refunded"
    FAILED = "failed"  # not safely final: polled on, shown as stalled
    UNKNOWN = "unknown"  # a word that is not understood, or no answer yet


ENDED_SHORT = (LiveStatus.PARTIAL, LiveStatus.CANCELED, LiveStatus.REFUNDED)  # without all of it being delivered
FINAL_STATUSES = frozenset({LiveStatus.COMPLETED, *ENDED_SHORT})
BATCH = 100  # ids that a panel takes in one call, as the API documents it


class OutcomeKind(StrEnum):
    """What the answer to one `add` proved."""

    PLACED = "placed"  # the answer holds a usable order id
    REFUSED = "refused"  # a known refusal text and no id: nothing was bought
    NOT_SENT = "not_sent"  # the transport proves that no byte left
    IN_DOUBT = "in_doubt"  # anything else: it may exist, a person decides


class RefusalReason(StrEnum):
    """Why a panel refused; decides whether the run goes on."""

    KEY = "key"  # key or account not accepted: stop asking this panel
    FUNDS = "funds"  # not enough money: stop buying on this panel
    RATE = "rate"  # too many requests: wait, then try again
    DUPLICATE = "duplicate"  # the panel has an active order for this link
    QUANTITY = "quantity"
    LINK = "link"
    SERVICE = "service"
    REQUEST = "request"  # a parameter, drip-feed or action the panel does not take
    LISTED = "listed"  # a text that the profile lists under `refusals`


class Phase(StrEnum):
    """How far a request got; the proof behind `not_sent`."""

    QUEUED = "queued"  # no connection yet: nothing was sent
    CONNECTING = "connecting"  # DNS, TCP or TLS: nothing was sent
    SENDING = "sending"  # a connection was ready: bytes may have left
    ANSWERING = "answering"  # the status line arrived, the body did not
    ANSWERED = "answered"  # a complete answer arrived


class Outcome(NamedTuple):
    """What is known after one `add`, ready to be recorded. All text is cleaned and free of the key."""

    kind: OutcomeKind
    panel_order_id: str | None = None
    reason: RefusalReason | None = None  # with REFUSED
    message: str = ""  # for people: the panel's words or what happened
    phase: Phase = Phase.ANSWERED
    http_status: int | None = None
    retry_after: float | None = None  # seconds, with RefusalReason.RATE where the panel says so
    stops_panel: bool = False  # redirects and ids we own already: nothing more may be sent there
    answer: str = ""  # the beginning of what was answered, unless it is PLACED: evidence
    size: int = 0  # bytes of body that arrived


class NewAttempt(NamedTuple):
    """A mark to be written: everything that is about to be sent, but the key."""

    campaign: str
    order_id: str
    kind: AttemptKind
    slot: int  # 0 for the initial attempt; numbers later ones of the same kind
    panel: str
    service: str
    link: str
    quantity: int
    runs: int | None
    interval: int | None
    rate: Decimal  # per 1000, that the plan was priced with
    expected_charge: Decimal


class StatusSeen(NamedTuple):
    """One order's status as a panel told it; None means the answer did not say."""

    attempt_id: int
    status: LiveStatus
    status_text: str  # the panel's word, cleaned
    charge: Decimal | None
    start_count: int | None
    remains: int | None
    currency: str | None  # as the status names it: shown with a charge that does not fit, and proof of nothing
    checked_at: datetime
    error: str = ""  # the panel's error for this id, cleaned; then `status` is UNKNOWN


class Attempt(NamedTuple):
    """One row of the journal."""

    id: int
    campaign: str
    order_id: str
    kind: AttemptKind
    slot: int
    panel: str
    service: str
    link: str
    quantity: int
    runs: int | None
    interval: int | None
    rate: Decimal
    expected_charge: Decimal
    state: AttemptState
    run_id: str
    marked_at: datetime
    settled_at: datetime | None
    panel_order_id: str | None
    message: str
    phase: Phase | None
    status: LiveStatus
    status_text: str
    first_charge: Decimal | None  # first nonzero charge seen
    charge: Decimal | None  # latest charge seen
    start_count: int | None
    remains: int | None
    checked_at: datetime | None
    missing_in_a_row: int  # consecutive "no such order" answers
    final_at: datetime | None = None  # when it was first seen in the final status it has; None: live, or not known

    @property
    def is_imported(self) -> bool:
        """True if it was bought elsewhere and recorded by `runner import`."""
        return self.phase is None and self.message.startswith(IMPORTED)

    @property
    def address(self) -> str:
        """`campaign/order_id`."""
        return f"{self.campaign}/{self.order_id}"

    @property
    def units(self) -> int:
        """Units ordered in total: quantity x runs."""
        return self.quantity * (self.runs or 1)

    @property
    def is_final(self) -> bool:
        """True if placed and the panel calls it finished."""
        return self.state is AttemptState.PLACED and self.status in FINAL_STATUSES

    @property
    def is_live(self) -> bool:
        """True if placed and not finished: polled."""
        return self.state is AttemptState.PLACED and self.status not in FINAL_STATUSES

    @property
    def is_open_doubt(self) -> bool:
        """True if it may exist on the panel and nobody has decided yet."""
        return self.state is AttemptState.IN_DOUBT

    @property
    def is_in_flight(self) -> bool:
        """True while it may still be working on the panel: the same service and link must wait."""
        return self.is_live or self.is_open_doubt or self.state is AttemptState.SENDING
