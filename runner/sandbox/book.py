"""The database of the simulated panel: every order received, the money, and the panel's own time.

The only module here that knows SQL. A method that returns has committed. One process at a time holds a book.
"""

import heapq
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from runner.core.errors import StateRefused
from runner.core.values.batches import in_batches
from runner.core.values.clock import Clock, from_text
from runner.sandbox.settings import BUILT_IN, FIRST_ORDER_ID, PanelService, SandboxSettings
from runner.sandbox.world import PanelOrder, PanelTime, Refill, progress, refund_of

# Money is stored in hundred-thousandths of the currency: whole numbers, so that SQL's sums are exact.
_TABLES = """
CREATE TABLE panel (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE services (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, category TEXT NOT NULL, rate TEXT NOT NULL,
  min TEXT NOT NULL, max TEXT NOT NULL, refill INTEGER NOT NULL, cancel INTEGER NOT NULL, dripfeed INTEGER NOT NULL,
  refill_days INTEGER, listed INTEGER NOT NULL
) STRICT;
CREATE TABLE orders (
  id INTEGER PRIMARY KEY, service INTEGER NOT NULL, link TEXT NOT NULL, quantity INTEGER NOT NULL, runs INTEGER NOT NULL,
  interval INTEGER NOT NULL, charge INTEGER NOT NULL, created REAL NOT NULL, seed INTEGER NOT NULL, cancel_requested REAL,
  forced_at REAL, forced_status TEXT, forced_remains INTEGER, shown TEXT,
  received REAL NOT NULL, fields TEXT NOT NULL, refund_due REAL, refund INTEGER
) STRICT;
CREATE TABLE refills (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, requested REAL NOT NULL) STRICT;
CREATE INDEX refills_of ON refills (order_id);
CREATE TABLE late (id INTEGER PRIMARY KEY, appears REAL NOT NULL, received REAL NOT NULL, draft TEXT NOT NULL) STRICT;
"""
# Books of earlier versions have it not.
_WISHES = """
CREATE TABLE IF NOT EXISTS wishes (
  id INTEGER PRIMARY KEY, action TEXT NOT NULL, order_id INTEGER NOT NULL, at REAL NOT NULL, refusal TEXT NOT NULL
) STRICT
"""
_ORDER = ", ".join(PanelOrder._fields)
_INSERT = (
    "INSERT INTO orders (id, service, link, quantity, runs, interval, charge, created, seed, received, fields, refund_due, "
    "refund) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_FLAGS = ("refill", "cancel", "dripfeed", "listed")  # SQLite has no booleans
_CHARGE = PanelOrder._fields.index("charge")
_AT_ONCE = 500  # ids in one SELECT


def _to_points(amount: Decimal) -> int:
    return int(amount.scaleb(5).to_integral_value())


def _to_money(points: int) -> Decimal:
    return Decimal(points).scaleb(-5)


def _order(row: Sequence[object]) -> PanelOrder:
    order = PanelOrder._make(row[: len(PanelOrder._fields)])
    return order._replace(charge=_to_money(int(str(row[_CHARGE]))))


def _service(row: Sequence[object]) -> PanelService:
    return PanelService._make(
        bool(v) if name in _FLAGS else v for name, v in zip(PanelService._fields, row, strict=True)
    )


class Draft(NamedTuple):
    """An order that passed every check, not placed yet."""

    service: int
    link: str
    quantity: int  # per run
    runs: int
    interval: int
    charge: Decimal
    fields: Mapping[str, str]  # the form as received, without the key


class Entry(NamedTuple):
    """An order with how it came in."""

    order: PanelOrder
    fields: Mapping[str, str]
    received: float  # Unix time, seconds


class Wish(NamedTuple):
    """One request to refill or cancel an order of this panel, granted or not."""

    action: str
    order: int
    at: float  # panel minutes
    refusal: str  # the panel's text; empty: it was taken


class Book:
    """One open book. Raises StateRefused if another process holds it or the file is none of ours."""

    def __init__(self, path: Path, *, settings: SandboxSettings, clock: Clock) -> None:
        self._clock = clock
        self._seed = settings.seed
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._sql = sqlite3.connect(path, timeout=1.0, isolation_level=None)
        except (OSError, sqlite3.Error) as problem:
            raise StateRefused(f"the sandbox's book {path} can't be opened: {problem}") from problem
        try:
            self._open(settings)
        except sqlite3.Error as problem:
            self._sql.close()
            raise StateRefused(
                f"the sandbox's book {path} can't be used: {problem}",
                "stop the other sandbox that holds it, or name another file",
            ) from problem

    def _open(self, settings: SandboxSettings) -> None:
        # Exclusive: the balance is kept in memory, so two holders would spend the same money.
        self._sql.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._sql.execute("PRAGMA journal_mode=WAL")
        # NORMAL survives a killed process; only a power cut may lose orders, and this panel is a simulation.
        self._sql.execute("PRAGMA synchronous=NORMAL")
        self._sql.execute("BEGIN IMMEDIATE")
        if not self._sql.execute("SELECT 1 FROM sqlite_master").fetchone():
            self._create(settings)
        self._sql.execute(_WISHES)
        said: dict[str, str] = dict(self._sql.execute("SELECT name, value FROM panel"))
        self.currency = said["currency"]
        self.deposits = Decimal(said["deposits"])  # everything ever paid in
        self.counts: Counter[str] = Counter(json.loads(said["counts"]))
        self._time = PanelTime(float(said["minutes"]), from_text(said["real"]), float(said["speed"]))
        if self._time.speed != settings.speed:
            real = self._clock.now()
            self._set_time(PanelTime(self._time.at(real), real, settings.speed))
        self._sql.execute("COMMIT")
        rows = self._sql.execute(f"SELECT {', '.join(PanelService._fields)} FROM services ORDER BY id")  # noqa: S608  # our own column names
        self.services = {row[0]: _service(row) for row in rows}  # by id, those removed from the catalogue included
        (self._last_id,) = self._sql.execute(
            "SELECT coalesce(max(id), ?) FROM orders", (FIRST_ORDER_ID - 1,)
        ).fetchone()
        self._late = list(self._sql.execute("SELECT appears, id FROM late"))
        heapq.heapify(self._late)
        self._latest = self._time.at(self._clock.now())
        self._load_money()

    def _create(self, settings: SandboxSettings) -> None:
        for statement in _TABLES.split(";"):
            self._sql.execute(statement)
        self._say("currency", settings.currency)
        self._say("deposits", str(settings.balance))
        self._say("counts", "{}")
        self._set_time(PanelTime(0.0, self._clock.now(), settings.speed))
        places = ", ".join("?" * len(PanelService._fields))
        self._sql.executemany(f"INSERT INTO services VALUES ({places})", BUILT_IN)  # noqa: S608  # question marks only

    def _say(self, name: str, value: str) -> None:
        self._sql.execute("INSERT OR REPLACE INTO panel VALUES (?, ?)", (name, value))

    def _set_time(self, time: PanelTime) -> None:
        self._time = time
        self._say("minutes", repr(time.minutes))
        self._say("real", time.real.isoformat())
        self._say("speed", repr(time.speed))

    def close(self) -> None:
        """Save the request counters and let go of the file."""
        with suppress(sqlite3.ProgrammingError):  # closed before
            self._say("counts", json.dumps(self.counts))
        self._sql.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """One transaction around several writes: all are committed, or none."""
        self._sql.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._sql.execute("ROLLBACK")
            self._load_money()
            raise
        self._sql.execute("COMMIT")

    # Time and money

    @property
    def speed(self) -> float:
        """Panel minutes per real second."""
        return self._time.speed

    def catch_up(self) -> float:
        """Panel minutes now, after everything that is due by now has happened: refunds, late orders."""
        now = self._latest = max(self._time.at(self._clock.now()), self._latest)
        while self._due and self._due[0][0] <= now:
            due, order_id = heapq.heappop(self._due)
            awaited = self._awaited.get(order_id)
            if awaited is not None and awaited[0] == due:  # else it was replaced since
                self.balance += self._awaited.pop(order_id)[1]
        while self._late and self._late[0][0] <= now:
            self._let_appear(*heapq.heappop(self._late))
        return now

    def advance(self, minutes: float) -> float:
        """Turn panel time forward; panel minutes afterwards."""
        self._set_time(self._time._replace(minutes=self._time.minutes + minutes))
        return self.catch_up()

    def set_currency(self, currency: str) -> None:
        """Change what the account is counted in; amounts stay as they are."""
        self._say("currency", currency)
        self.currency = currency

    def deposit(self, amount: Decimal) -> None:
        """Pay in (negative: take out)."""
        self._say("deposits", str(self.deposits + amount))
        self.deposits += amount
        self.balance += amount

    def _load_money(self) -> None:
        (points,) = self._sql.execute(
            "SELECT coalesce(sum(CASE WHEN refund_due <= ? THEN refund ELSE 0 END - charge), 0) FROM orders",
            (self._latest,),
        ).fetchone()
        self.balance = self.deposits + _to_money(points)  # with the refunds that were due by the last `catch_up`
        self._awaited: dict[int, tuple[float, Decimal]] = {}
        self._due: list[tuple[float, int]] = []
        for order_id, due, refund in self._sql.execute(
            "SELECT id, refund_due, refund FROM orders WHERE refund_due > ?", (self._latest,)
        ):
            self._await(order_id, (due, _to_money(refund)))

    def _await(self, order_id: int, refund: tuple[float, Decimal]) -> None:
        self._awaited[order_id] = refund
        heapq.heappush(self._due, (refund[0], order_id))

    # Orders

    def place(self, draft: Draft, now: float) -> int:
        """Insert and charge one order; return its id."""
        return self._insert(draft, now, self._clock.now().timestamp())

    def _insert(self, draft: Draft, created: float, received: float) -> int:
        order = PanelOrder(self._last_id + 1, *draft[:6], created, self._seed)
        refund = refund_of(order, created)
        self._sql.execute(
            _INSERT,
            (
                *order[:_CHARGE],
                _to_points(draft.charge),
                created,
                self._seed,
                received,
                json.dumps(draft.fields),
                *((refund[0], _to_points(refund[1])) if refund else (None, None)),
            ),
        )
        self._last_id = order.id
        self.balance -= draft.charge
        if refund:
            self._await(order.id, refund)
        return order.id

    def place_later(self, draft: Draft, appears: float) -> None:
        """Take an order that shows up, gets its id and is charged at panel minute `appears`."""
        cursor = self._sql.execute(
            "INSERT INTO late (appears, received, draft) VALUES (?, ?, ?)",
            (appears, self._clock.now().timestamp(), json.dumps(draft, default=str)),
        )
        heapq.heappush(self._late, (appears, int(cursor.lastrowid or 0)))

    def _let_appear(self, appears: float, late_id: int) -> None:
        received, text = self._sql.execute("SELECT received, draft FROM late WHERE id = ?", (late_id,)).fetchone()
        draft = Draft(*json.loads(text))
        with self.together():
            self._sql.execute("DELETE FROM late WHERE id = ?", (late_id,))
            self._insert(draft._replace(charge=Decimal(draft.charge)), appears, received)

    def orders(self, ids: Sequence[int]) -> dict[int, PanelOrder]:
        """The orders among `ids` that exist."""
        found: dict[int, PanelOrder] = {}
        for part in in_batches(ids, _AT_ONCE):
            query = f"SELECT {_ORDER} FROM orders WHERE id IN ({', '.join('?' * len(part))})"  # noqa: S608  # our own column names and question marks
            found |= {row[0]: _order(row) for row in self._sql.execute(query, part)}
        return found

    def entries(self, only: int | None = None) -> Iterator[Entry]:
        """Every order ever placed, by id, or `only` this one."""
        first, last = (0, self._last_id) if only is None else (only, only)
        query = f"SELECT {_ORDER}, fields, received FROM orders WHERE id BETWEEN ? AND ? ORDER BY id"  # noqa: S608  # our own column names
        for row in self._sql.execute(query, (first, last)):
            yield Entry(_order(row), json.loads(row[-2]), row[-1])

    def index_links(self) -> None:
        """Prepare for `is_busy`; only a panel that rejects duplicates pays for the index."""
        self._sql.execute("CREATE INDEX IF NOT EXISTS orders_by_link ON orders (link, service)")

    def is_busy(self, service: int, link: str, now: float) -> bool:
        """True if an order for this service and link is not final at `now`."""
        query = f"SELECT {_ORDER} FROM orders WHERE link = ? AND service = ?"  # noqa: S608  # our own column names
        return any(not progress(_order(row), now).is_final for row in self._sql.execute(query, (link, service)))

    def change(self, order: PanelOrder, now: float) -> None:
        """Store what a cancel request or a forced status made of an order, and book its refund anew.

        A refund that was paid already is taken back first, so that each is in the balance once.
        """
        due, paid = self._sql.execute("SELECT refund_due, refund FROM orders WHERE id = ?", (order.id,)).fetchone()
        refund = refund_of(order, now)
        self._sql.execute(
            "UPDATE orders SET cancel_requested = ?, forced_at = ?, forced_status = ?, forced_remains = ?, shown = ?, "
            "refund_due = ?, refund = ? WHERE id = ?",
            (*order[9:], *((refund[0], _to_points(refund[1])) if refund else (None, None)), order.id),
        )
        if self._awaited.pop(order.id, None) is None and due is not None:
            self.balance -= _to_money(paid)
        if refund is not None and refund[0] <= now:
            self.balance += refund[1]
        elif refund is not None:
            self._await(order.id, refund)

    def correct_charge(self, order: PanelOrder, charge: Decimal, now: float) -> None:
        """Book another charge for an order, as an administrator would; the balance pays or gets the difference."""
        self._sql.execute("UPDATE orders SET charge = ? WHERE id = ?", (_to_points(charge), order.id))
        self.balance -= charge - order.charge
        self.change(order._replace(charge=charge), now)

    # Refills and cancels

    def note_wish(self, wish: Wish) -> None:
        """Keep a request to refill or cancel, so that it can be seen how often and when a client asked."""
        self._sql.execute("INSERT INTO wishes (action, order_id, at, refusal) VALUES (?, ?, ?, ?)", wish)

    def wishes(self) -> list[Wish]:
        """Every such request about an order of this panel, in the order received."""
        return [
            Wish._make(row) for row in self._sql.execute("SELECT action, order_id, at, refusal FROM wishes ORDER BY id")
        ]

    def ask_refill(self, order_id: int, now: float) -> int:
        """Record a refill request; return its id."""
        cursor = self._sql.execute("INSERT INTO refills (order_id, requested) VALUES (?, ?)", (order_id, now))
        return int(cursor.lastrowid or 0)

    def refills_of(self, order_id: int) -> list[Refill]:
        """The refill requests of one order, oldest first."""
        rows = self._sql.execute(
            "SELECT id, order_id, requested FROM refills WHERE order_id = ? ORDER BY id", (order_id,)
        )
        return [Refill._make(row) for row in rows]

    def refill(self, refill_id: int) -> Refill | None:
        """One refill request."""
        row = self._sql.execute("SELECT id, order_id, requested FROM refills WHERE id = ?", (refill_id,)).fetchone()
        return Refill._make(row) if row else None

    # Services

    def put_service(self, service: PanelService) -> None:
        """Add a service or replace the one with its id."""
        places = ", ".join("?" * len(service))
        self._sql.execute(f"INSERT OR REPLACE INTO services VALUES ({places})", service)  # noqa: S608  # question marks only
        self.services[service.id] = service
