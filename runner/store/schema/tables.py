"""The tables of the state, for SQLAlchemy Core. What exists on disk is made by migrations/; a test compares the two.

Times are ISO text (`core.values.clock.to_text`), amounts decimal text: SQLite has neither type, and a float is no
money.
"""

from collections.abc import Iterable

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, MetaData, Table, Text, text

from runner.core.attempts import AttemptKind, AttemptState, LiveStatus, Phase
from runner.core.doubts import DecisionKind
from runner.core.refills import CancelState, Finality, RefillState

metadata = MetaData()


def _one_of(column: str, words: Iterable[str]) -> CheckConstraint:
    # No IN: for more than two words SQLite builds a temporary index at every row, 17 us of the 31 that a mark took.
    return CheckConstraint(" OR ".join(f"{column} = '{word}'" for word in words), name=f"{column}_is_known")


meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True, nullable=False),  # `lineage` and `serial`
    Column("value", Text, nullable=False),
    sqlite_strict=True,
)

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True, nullable=False),
    Column("command", Text, nullable=False),
    Column("started_at", Text, nullable=False),
    Column("ended_at", Text),  # none: still running, or killed
    Column("exit_code", Integer),
    sqlite_strict=True,
)

attempts = Table(  # the columns are the fields of core.attempts.Attempt, in their order
    "attempts",
    metadata,
    Column("id", Integer, primary_key=True, nullable=False),
    Column("campaign", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("slot", Integer, nullable=False),
    Column("panel", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("link", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("runs", Integer),
    Column("interval", Integer),
    Column("rate", Text, nullable=False),
    Column("expected_charge", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("run_id", Text, ForeignKey("runs.id"), nullable=False),
    Column("marked_at", Text, nullable=False),
    Column("settled_at", Text),
    Column("panel_order_id", Text),
    Column("message", Text, nullable=False),
    Column("phase", Text),
    Column("status", Text, nullable=False),
    Column("status_text", Text, nullable=False),
    Column("first_charge", Text),
    Column("charge", Text),
    Column("start_count", Integer),
    Column("remains", Integer),
    Column("checked_at", Text),
    Column("missing_in_a_row", Integer, nullable=False),
    Column("final_at", Text),
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
)
# Panels treat a second order for a link as a duplicate: nothing follows an order whose fate is unknown.
Index(
    "one_unsettled_send",
    attempts.c.panel,
    attempts.c.service,
    attempts.c.link,
    unique=True,
    sqlite_where=text("state = 'sending' OR state = 'in_doubt'"),
)
Index(
    "one_owner_per_panel_order",
    attempts.c.panel,
    attempts.c.panel_order_id,
    unique=True,
    sqlite_where=text("panel_order_id IS NOT NULL"),
)

catalogues = Table(
    "catalogues",
    metadata,
    Column("panel", Text, primary_key=True, nullable=False),
    Column("fetched_at", Text, nullable=False),
    sqlite_strict=True,
)

services = Table(  # the columns are the fields of core.catalogue.Service between `panel` and `fetched_at`
    "services",
    metadata,
    Column("panel", Text, ForeignKey("catalogues.panel"), primary_key=True, nullable=False),
    Column("id", Text, primary_key=True, nullable=False),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("rate", Text, nullable=False),
    Column("min", Integer, nullable=False),
    Column("max", Integer, nullable=False),
    Column("refill", Integer),  # 0, 1 or none: the panel does not say
    Column("cancel", Integer),
    Column("dripfeed", Integer),
    Column("fetched_at", Text, nullable=False),  # of the answer that changed the list; catalogues has the last one
    sqlite_strict=True,
)

service_history = Table(  # a row for each service when first seen, and for each time it was listed otherwise
    "service_history",
    metadata,
    Column("id", Integer, primary_key=True, nullable=False),
    Column("panel", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("seen_at", Text, nullable=False),
    Column("is_listed", Integer, nullable=False),  # 0: it is gone from the list, the rest is as it last was
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("rate", Text, nullable=False),
    Column("min", Integer, nullable=False),
    Column("max", Integer, nullable=False),
    Column("refill", Integer),
    Column("cancel", Integer),
    Column("dripfeed", Integer),
    sqlite_strict=True,
)
Index("service_history_by_service", service_history.c.panel, service_history.c.service, service_history.c.id)

repeated_services = Table(  # of each panel's list last seen: ids that came more than once, not in the same words
    "repeated_services",
    metadata,
    Column("panel", Text, primary_key=True, nullable=False),
    Column("service", Text, primary_key=True, nullable=False),
    Column("times", Integer, nullable=False),
    Column("rates", Text, nullable=False),  # the different ones, with a space between them
    Column("fields", Text, nullable=False),  # the names of the others that differ, the same way
    sqlite_strict=True,
)

balances = Table(
    "balances",
    metadata,
    Column("id", Integer, primary_key=True, nullable=False),
    Column("panel", Text, nullable=False),
    Column("amount", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("seen_at", Text, nullable=False),
    Column("run_id", Text, ForeignKey("runs.id")),
    Column("last_attempt", Integer),  # the newest attempt marked before it; none: read before that was recorded
    sqlite_strict=True,
)
Index("balances_by_panel", balances.c.panel, balances.c.id)

balance_labels = Table(  # triggers keep them as they were made
    "balance_labels",
    metadata,
    Column("id", Integer, primary_key=True, nullable=False),
    Column("panel", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("amount", Text, nullable=False),  # came in; negative: went out
    Column("currency", Text, nullable=False),
    Column("balance_id", Integer, ForeignKey("balances.id"), nullable=False),  # the look that showed it first
    Column("user", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("labelled_at", Text, nullable=False),
    sqlite_strict=True,
)

evidence = Table(  # of each attempt whose answer was a refusal or no proof
    "evidence",
    metadata,
    Column("attempt_id", Integer, ForeignKey("attempts.id", ondelete="CASCADE"), primary_key=True, nullable=False),
    Column("http_status", Integer),
    Column("size", Integer, nullable=False),  # bytes of body that arrived
    Column("answer", Text, nullable=False),  # their beginning, cleaned and free of the key
    Column("reason", Text),  # core.attempts.RefusalReason of a refusal
    sqlite_strict=True,
)

decisions = Table(  # triggers keep them as they were made
    "decisions",
    metadata,
    Column("attempt_id", Integer, ForeignKey("attempts.id"), primary_key=True, nullable=False),
    Column("kind", Text, nullable=False),
    Column("panel_order_id", Text),
    Column("reason", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("decided_at", Text, nullable=False),
    Column("forced", Integer, nullable=False),
    _one_of("kind", DecisionKind),
    CheckConstraint("(kind = 'adopt') = (panel_order_id IS NOT NULL)", name="adopted_has_an_order_id"),
    sqlite_strict=True,
)

refills = Table(
    "refills",
    metadata,
    Column("id", Integer, primary_key=True, nullable=False),
    Column("attempt_id", Integer, ForeignKey("attempts.id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("refill_id", Text),
    Column("finality", Text),
    Column("message", Text, nullable=False),
    Column("asked_at", Text, nullable=False),
    Column("answered_at", Text),
    Column("checked_at", Text),
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
)

cancels = Table(
    "cancels",
    metadata,
    Column("id", Integer, primary_key=True, nullable=False),
    Column("attempt_id", Integer, ForeignKey("attempts.id"), nullable=False),
    Column("asked_at", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("message", Text, nullable=False),
    _one_of("state", CancelState),
    sqlite_strict=True,
)

protections = Table(  # of orders that were listed with `protect: true`; kept when the order is gone from its file
    "protections",
    metadata,
    Column("campaign", Text, primary_key=True, nullable=False),
    Column("order_id", Text, primary_key=True, nullable=False),
    Column("since", Text, nullable=False),
    sqlite_strict=True,
)

lacking = Table(  # what a panel answered it can't do
    "lacking",
    metadata,
    Column("panel", Text, primary_key=True, nullable=False),
    Column("ability", Text, primary_key=True, nullable=False),
    Column("seen_at", Text, nullable=False),
    sqlite_strict=True,
)

status_calls = Table(
    "status_calls",
    metadata,
    Column("panel", Text, primary_key=True, nullable=False),
    Column("day", Text, primary_key=True, nullable=False),  # UTC, ISO
    Column("calls", Integer, nullable=False),
    sqlite_strict=True,
)
