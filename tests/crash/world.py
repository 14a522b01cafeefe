"""The world outside one runner: a panel that keeps its books through our crashes, a disk, a lock. All of it counts calls.

`Ports.call` stands at every border that the engine crosses. A script of faults and one crash point decide what happens.
"""

import json
import math
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from runner.core.attempts import Phase
from runner.panel.exchange import Answer, Exchange, TransportFailure
from runner.panel.forms import Form
from tests.crash.books import DELIVERY, RATE, SERVICES, Sold
from tests.crash.loop import SimulatedClock
from tests.crash.upkeep_world import UPKEEP_ACTIONS, Upkeep, UpkeepFault


class Crash(SystemExit):
    """The plug is pulled. A SystemExit leaves an event loop at once, whichever task raises it."""


class When(StrEnum):
    """Where a call is cut: the world has not heard of it, has heard half, or has done it and we never learn."""

    BEFORE = "before"
    TORN = "torn"
    AFTER = "after"


class Fault(StrEnum):
    """What a panel may do with one `add`."""

    REFUSED = "refused"  # no connection: nothing was sent
    LOST_BEFORE = "lost_before"  # reset; not bought
    LOST_AFTER = "lost_after"  # reset; bought
    EMPTY = "empty"  # bought; empty body
    HTML_502 = "html_502"  # bought; a proxy's error page
    TRUNCATED = "truncated"  # bought; half of the JSON
    REDIRECT = "redirect"  # 307: whoever follows it buys
    RATE = "rate"  # too many requests; not bought
    NO_FUNDS = "no_funds"  # a refusal; not bought
    BAD_LINK = "bad_link"  # a refusal; not bought
    ID_ZERO = "id_zero"  # bought; {"order": 0}
    OLD_ID = "old_id"  # bought; answered with the id of the first order
    SLOW_TIMEOUT = "slow_timeout"  # bought later than we wait


@dataclass(slots=True)
class Ports:
    """Counts every call of a run and crashes at the one it was told."""

    crash_at: int | None = None
    when: When = When.BEFORE
    calls: int = 0
    trace: list[str] = field(default_factory=list)
    dead: bool = False

    def cut(self, name: str) -> When | None:
        """Count a call; how it is to be cut, if it is. A dead process reaches nothing any more."""
        if self.dead:
            raise Crash
        self.calls += 1
        self.trace.append(name)
        if self.calls - 1 != self.crash_at:
            return None
        self.dead = True
        self.trace.append(f"CRASH {self.when}")
        return self.when


class PanelWorld:
    """The panel's side: what it sold, and what it still holds. Survives every crash of ours."""

    def __init__(
        self,
        faults: dict[int, Fault],
        upkeep_faults: dict[int, UpkeepFault],
        clock: SimulatedClock,
        funds: Decimal = Decimal("100.00"),
    ) -> None:
        self.faults = faults  # by number of the add, over the whole history
        self.opening = funds
        self.funds = funds
        self.sold: list[Sold] = []
        self.adds = 0
        self.upkeep = Upkeep(self.sold, upkeep_faults, clock)
        self.on_add: Callable[[dict[str, str]], None] = lambda _form: None
        self._clock = clock

    def sell(self, form: dict[str, str]) -> Sold:
        quantity = int(form["quantity"])
        order = Sold(
            id=str(501 + len(self.sold)),
            service=form["service"],
            link=form["link"],
            quantity=quantity,
            charge=RATE * quantity / 1000,
            ends_at=self._clock.monotonic() + DELIVERY,
        )
        self.sold.append(order)
        self.funds -= order.charge
        return order

    def bring_up_to_date(self) -> None:
        """Let everything happen that has become due."""
        now = self._clock.monotonic()
        self.funds += sum((order.bring_up_to(now) for order in self.sold), Decimal(0))
        for refill in self.upkeep.refills:
            refill.status(now)

    def delay(self, action: str) -> float:
        """Seconds that a request takes beyond the usual."""
        return self.upkeep.delay if action in UPKEEP_ACTIONS else 0.0

    def counts(self) -> dict[str, int]:
        """The present count of every link, as somebody would write it into a counts file."""
        self.bring_up_to_date()
        return {order.link: order.count(self._clock.monotonic()) for order in self.sold}

    def answer(self, form: dict[str, str]) -> Exchange:
        self.bring_up_to_date()
        match form["action"]:
            case "add":
                self.adds += 1
                self.on_add(form)
                return self._add(form, self.faults.get(self.adds))
            case "services":
                shared = {"type": "Default", "rate": str(RATE), "min": "1", "max": "100000"}
                return _json([service | shared for service in SERVICES])
            case "balance":
                return _json({"balance": str(self.funds), "currency": "USD"})
            case "status":
                if "order" in form:
                    return _json(self._status(form["order"]))
                return _json({order_id: self._status(order_id) for order_id in form["orders"].split(",")})
        if form["action"] in UPKEEP_ACTIONS:
            return self.upkeep.answer(form)
        raise AssertionError(form)

    def _status(self, order_id: str) -> dict[str, str]:
        found = next((order for order in self.sold if order.id == order_id), None)
        return {"error": "Incorrect order ID"} if found is None else found.answer()

    def _add(self, form: dict[str, str], fault: Fault | None) -> Exchange:
        match fault:
            case None:
                return _json({"order": int(self.sell(form).id)})
            case Fault.REFUSED:
                return TransportFailure(phase=Phase.CONNECTING, message="connection refused")
            case Fault.LOST_BEFORE:
                return TransportFailure(phase=Phase.SENDING, message="connection reset")
            case Fault.REDIRECT:
                return Answer(307, {"location": "https://elsewhere.example/"}, "")
            case Fault.RATE:
                return _json({"error": "Too many requests"}, status=429)
            case Fault.NO_FUNDS:
                return _json({"error": "Not enough funds on balance"})
            case Fault.BAD_LINK:
                return _json({"error": "Bad link"})
        order = self.sell(form)
        match fault:
            case Fault.LOST_AFTER:
                return TransportFailure(phase=Phase.SENDING, message="connection reset")
            case Fault.EMPTY:
                return Answer(200, {}, "")
            case Fault.HTML_502:
                return Answer(502, {}, "<html>Bad gateway</html>")
            case Fault.TRUNCATED:
                return Answer(200, {}, f'{{"order": {order.id[:1]}')
            case Fault.ID_ZERO:
                return _json({"order": 0})
            case Fault.OLD_ID:
                return _json({"order": int(self.sold[0].id)})
        return TransportFailure(phase=Phase.ANSWERING, message="no answer in time")


def _json(body: object, status: int = 200) -> Answer:
    return Answer(status, {}, json.dumps(body))


class SimulatedTransport:
    """The client's way to the panel: takes virtual time, may be cut, never touches a socket."""

    def __init__(self, panel: PanelWorld, ports: Ports, rng: random.Random, sleep: Callable[[float], object]) -> None:
        self._panel = panel
        self._ports = ports
        self._rng = rng
        self._sleep = sleep

    async def send(self, form: Form, cap: int = 0, *, send_before: float = math.inf) -> Exchange:
        fields = dict(form)
        delay = self._panel.delay(fields["action"])
        await self._sleep(delay + self._rng.uniform(0.001, 0.02))  # type: ignore[misc]
        when = self._ports.cut(f"send {fields['action']} {fields.get('link', '')}")
        if when is When.BEFORE:
            raise Crash
        exchange = self._panel.answer(fields)
        if when is not None:
            raise Crash
        await self._sleep(self._rng.uniform(0.001, 0.02))  # type: ignore[misc]
        return exchange

    async def close(self) -> None:
        return


class Disk:
    """The state's folder, and what of it a power cut would leave.

    `synced` is a copy of the last durable content; a journal that does not wait for the disk never renews it.
    """

    def __init__(self, folder: Path, template: Path) -> None:
        self.folder = folder
        self.synced = folder.with_name(folder.name + ".synced")
        self._torn = b""
        for place in (self.folder, self.synced):
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(template, place)

    @property
    def db(self) -> Path:
        return self.folder / "runner.db"

    def sync(self) -> None:
        for name in ("runner.db", "runner.db-wal", "lineage.json", "high-water"):
            source = self.folder / name
            if source.exists():
                (self.synced / name).write_bytes(source.read_bytes())
            else:
                (self.synced / name).unlink(missing_ok=True)

    def tear(self, rng: random.Random) -> None:
        """Remember a part of what the write-ahead log holds beyond the last sync, cut anywhere."""
        written = self._wal.read_bytes() if self._wal.exists() else b""
        synced = self.synced / self._wal.name
        kept = synced.stat().st_size if synced.exists() else 0
        self._torn = written[: rng.randrange(kept, len(written))] if len(written) > kept else b""

    def power_cut(self) -> None:
        """Only what was synced is left, and the torn end of the log if there is one. Close all connections first."""
        for name in ("runner.db", "runner.db-wal", "lineage.json", "high-water"):
            source = self.synced / name
            if source.exists():
                (self.folder / name).write_bytes(source.read_bytes())
            else:
                (self.folder / name).unlink(missing_ok=True)
        (self.folder / "runner.db-shm").unlink(missing_ok=True)
        if self._torn:
            self._wal.write_bytes(self._torn)
            self._torn = b""

    @property
    def _wal(self) -> Path:
        return self.folder / "runner.db-wal"
