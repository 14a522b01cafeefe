"""The tables of the state, for SQLAlchemy Core. What exists on disk is made by migrations/; a test compares the two.

Times are ISO text (`core.values.clock.to_text`), amounts decimal text: SQLite has neither type, and a float is no
money.
"""

from collections.abc import Iterable

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, MetaData, Table, Text, text

from runner.core.attempts import AttemptKind, AttemptState, LiveStatus, Phase
from runner.core.doubts import DecisionKind
from runner.core.refills import CancelState, Finality, RefillState

metadata = MetaData()

# SQLite's integers have 64 bits, and only one that is called INTEGER can be the key of a table.
Whole = BigInteger().with_variant(Integer(), "sqlite")


def _texts(*names: str, nullable: bool = False) -> list[Column[str]]:
    return [Column(name, Text, nullable=nullable) for name in names]


def _integers(*names: str, nullable: bool = False) -> list[Column[int]]:
    return [Column(name, Whole, nullable=nullable) for name in names]


def _id() -> Column[int]:
    return Column("id", Whole, primary_key=True, nullable=False)


def _one_of(column: str, words: Iterable[str]) -> CheckConstraint:
    # No IN: for more than two words SQLite builds a temporary index at every row, 17 us of the 31 that a mark took.
    return CheckConstraint(" OR ".join(f"{column} = '{word}'" for word in words), name=f"{column}_is_known")


meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True, nullable=False),  # `lineage` and `serial`
    *_texts("value"),
    sqlite_strict=True,
)

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True, nullable=False),
    *_texts("command", "started_at"),
    Column("ended_at", Text),  # none: still running, or killed
    *_integers("exit_code", nullable=True),
    sqlite_strict=True,
)

attempts = Table(  # the columns are the fields of core.attempts.Attempt, in their order
    "attempts",
    metadata,
    _id(),
    *_texts("campaign", "order_id", "kind"),
    *_integers("slot"),
    *_texts("panel", "service", "link"),
    *_integers("quantity"),
    *_integers("runs", "interval", nullable=True),
    *_texts("rate", "expected_charge", "state"),
    Column("run_id", Text, ForeignKey("runs.id"), nullable=False),
    *_texts("marked_at"),
    *_texts("settled_at", "panel_order_id", nullable=True),
    *_texts("message"),
    *_texts("phase", nullable=True),
    *_texts("status", "status_text"),
    *_texts("first_charge", "charge", nullable=True),
    *_integers("start_count", "remains", nullable=True),
    *_texts("checked_at", nullable=True),
    *_integers("missing_in_a_row"),
    *_texts("final_at", nullable=True),
    _one_of("kind", AttemptKind),
    _one_of("state", AttemptState),
    _one_of("phase", Phase),
    _one_of("status", LiveStatus),
    CheckConstraint("state <> 'placed' OR panel_order_id IS NOT NULL", name="placed_has_an_order_id"),
    CheckConstraint(
        "panel_order_id IS NULL OR (state <> 'sending' AND state <> 'refused' AND state <> 'not_sent')",
        name="not_bought_has_no_order_id",
    ),
    sqlite_strict=True,
)

# An order's slot is taken while its attempt may have bought something.
Index(
    "one_open_attempt",
    attempts.c.campaign,
    attempts.c.order_id,
    attempts.c.kind,
    attempts.c.slot,
    unique=True,
    sqlite_where=text("state <> 'refused' AND state <> 'not_sent'"),
    postgresql_where=text("state <> 'refused' AND state <> 'not_sent'"),
)
# Panels treat a second order for a link as a duplicate: nothing follows an order whose fate is unknown.
Index(
    "one_unsettled_send",
    attempts.c.panel,
    attempts.c.service,
    attempts.c.link,
    unique=True,
    sqlite_where=text("state = 'sending' OR state = 'in_doubt'"),
    postgresql_where=text("state = 'sending' OR state = 'in_doubt'"),
)
Index(
    "one_owner_per_panel_order",
    attempts.c.panel,
    attempts.c.panel_order_id,
    unique=True,
    sqlite_where=text("panel_order_id IS NOT NULL"),
    postgresql_where=text("panel_order_id IS NOT NULL"),
)

catalogues = Table(
    "catalogues",
    metadata,
    Column("panel", Text, primary_key=True, nullable=False),
    *_texts("fetched_at"),
    sqlite_strict=True,
)

services = Table(  # the columns are the fields of core.catalogue.Service between `panel` and `fetched_at`
    "services",
    metadata,
    Column("panel", Text, ForeignKey("catalogues.panel"), primary_key=True, nullable=False),
    Column("id", Text, primary_key=True, nullable=False),
    *_texts("name", "type", "category", "rate"),
    *_integers("min", "max"),
    Column("refill", Whole),  # 0, 1 or none: the panel does not say
    *_integers("cancel", "dripfeed", nullable=True),
    Column("fetched_at", Text, nullable=False),  # of the answer that changed the list; catalogues has the last one
    sqlite_strict=True,
)

service_history = Table(  # a row for each service when first seen, and for each time it was listed otherwise
    "service_history",
    metadata,
    _id(),
    *_texts("panel", "service", "seen_at"),
    Column("is_listed", Whole, nullable=False),  # 0: it is gone from the list, the rest is as it last was
    *_texts("name", "type", "category", "rate"),
    *_integers("min", "max"),
    *_integers("refill", "cancel", "dripfeed", nullable=True),
    sqlite_strict=True,
)
Index("service_history_by_service", service_history.c.panel, service_history.c.service, service_history.c.id)

repeated_services = Table(  # of each panel's list last seen: ids that came more than once, not in the same words
    "repeated_services",
    metadata,
    Column("panel", Text, primary_key=True, nullable=False),
    Column("service", Text, primary_key=True, nullable=False),
    *_integers("times"),
    Column("rates", Text, nullable=False),  # the different ones, with a space between them
    Column("fields", Text, nullable=False),  # the names of the others that differ, the same way
    sqlite_strict=True,
)

balances = Table(
    "balances",
    metadata,
    _id(),
    *_texts("panel", "amount", "currency", "seen_at"),
    Column("run_id", Text, ForeignKey("runs.id")),
    Column("last_attempt", Whole),  # the newest attempt marked before it; none: read before that was recorded
    sqlite_strict=True,
)
Index("balances_by_panel", balances.c.panel, balances.c.id)

balance_labels = Table(  # triggers keep them as they were made
    "balance_labels",
    metadata,
    _id(),
    *_texts("panel", "label"),
    Column("amount", Text, nullable=False),  # came in; negative: went out
    *_texts("currency"),
    Column("balance_id", Whole, ForeignKey("balances.id"), nullable=False),  # the look that showed it first
    *_texts("user", "host", "labelled_at"),
    sqlite_strict=True,
)

evidence = Table(  # of each attempt whose answer was a refusal or no proof
    "evidence",
    metadata,
    Column("attempt_id", Whole, ForeignKey("attempts.id", ondelete="CASCADE"), primary_key=True, nullable=False),
    *_integers("http_status", nullable=True),
    Column("size", Whole, nullable=False),  # bytes of body that arrived
    Column("answer", Text, nullable=False),  # their beginning, cleaned and free of the key
    Column("reason", Text),  # core.attempts.RefusalReason of a refusal
    sqlite_strict=True,
)

decisions = Table(  # triggers keep them as they were made
    "decisions",
    metadata,
    Column("attempt_id", Whole, ForeignKey("attempts.id"), primary_key=True, nullable=False),
    *_texts("kind"),
    *_texts("panel_order_id", nullable=True),
    *_texts("reason", "user", "host", "decided_at"),
    *_integers("forced"),
    _one_of("kind", DecisionKind),
    CheckConstraint("(kind = 'adopt') = (panel_order_id IS NOT NULL)", name="adopted_has_an_order_id"),
    sqlite_strict=True,
)

refills = Table(
    "refills",
    metadata,
    _id(),
    Column("attempt_id", Whole, ForeignKey("attempts.id"), nullable=False),
    *_texts("state"),
    *_texts("refill_id", "finality", nullable=True),
    *_texts("message", "asked_at"),
    *_texts("answered_at", "checked_at", nullable=True),
    _one_of("state", RefillState),
    _one_of("finality", Finality),
    CheckConstraint("state <> 'requested' OR refill_id IS NOT NULL", name="requested_has_a_refill_id"),
    sqlite_strict=True,
)
Index("refills_by_attempt", refills.c.attempt_id, refills.c.id)
# Whatever asks, an attempt has one request at a time whose end is not known.
Index(
    "one_open_refill",
    refills.c.attempt_id,
    unique=True,
    sqlite_where=text("state = 'asking' OR state = 'requested'"),
    postgresql_where=text("state = 'asking' OR state = 'requested'"),
)

cancels = Table(
    "cancels",
    metadata,
    _id(),
    Column("attempt_id", Whole, ForeignKey("attempts.id"), nullable=False),
    *_texts("asked_at", "state", "message"),
    _one_of("state", CancelState),
    sqlite_strict=True,
)

protections = Table(  # of orders that were listed with `protect: true`; kept when the order is gone from its file
    "protections",
    metadata,
    Column("campaign", Text, primary_key=True, nullable=False),
    Column("order_id", Text, primary_key=True, nullable=False),
    *_texts("since"),
    sqlite_strict=True,
)

lacking = Table(  # what a panel answered it can't do
    "lacking",
    metadata,
    Column("panel", Text, primary_key=True, nullable=False),
    Column("ability", Text, primary_key=True, nullable=False),
    *_texts("seen_at"),
    sqlite_strict=True,
)

status_calls = Table(
    "status_calls",
    metadata,
    Column("panel", Text, primary_key=True, nullable=False),
    Column("day", Text, primary_key=True, nullable=False),  # UTC, ISO
    *_integers("calls"),
    sqlite_strict=True,
)

saved_plans = Table(  # triggers keep them, and who used each
    "saved_plans",
    metadata,
    Column("digest", Text, primary_key=True, nullable=False),  # SHA-256 of the file, in hex
    Column("made_by", Text, ForeignKey("runs.id"), nullable=False),
    *_texts("made_at", "expires_at"),
    Column("used_by", Text, ForeignKey("runs.id")),  # the run that began with it; none: it may still be applied
    *_texts("used_at", nullable=True),
    sqlite_strict=True,
)
