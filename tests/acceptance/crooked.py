"""A panel of the test's own, in a thread: what it lists, charges, shows and holds is each a line that a test replaces."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal

from aiohttp import web


@dataclass(slots=True)
class Sold:
    """One order as the panel keeps it."""

    id: int
    service: str
    link: str
    units: int
    taken: Decimal  # from the balance
    shown: str | None  # as its charge in `status`; None: the field is left out
    status: str = "Pending"
    more: dict[str, object] = field(default_factory=dict)  # over its status answer


class CrookedPanel:
    """Honest until a test replaces `rate`, `take`, `show` or an answer. Prices are per 1000."""

    def __init__(self) -> None:
        self.url = ""
        self.funds = Decimal(1000)
        self.currency: str | None = "USD"
        self.sold: list[Sold] = []
        self.calls: list[str] = []
        self.rate: Callable[[str], str] = lambda _service: "0.90"
        self.services = [str(number) for number in range(1, 31)]
        self.take: Callable[[Decimal, int], Decimal] = lambda cost, _number: cost  # of the n-th order, from 0
        self.show: Callable[[Sold], str | None] = lambda order: str(order.taken)
        self.says: dict[str, object] = {}  # action -> a whole answer in place of the panel's own
        self.balance_text: Callable[[Decimal], str] = str

    @property
    def taken(self) -> Decimal:
        """What all orders took."""
        return sum((order.taken for order in self.sold), Decimal(0))

    def answer(self, form: Mapping[str, str]) -> object:
        """The answer to one call, as JSON data."""
        action = form["action"]
        self.calls.append(action)
        if action in self.says:
            return self.says[action]
        if action == "services":
            return [self.listed(service) for service in self.services]
        if action == "balance":
            said = {"balance": self.balance_text(self.funds), "currency": self.currency}
            return {name: value for name, value in said.items() if value is not None}
        if action == "add":
            return {"order": self.sell(form).id}
        if action == "status":
            wanted = form.get("orders", form.get("order", "")).split(",")
            shown = {one: self.status(self.sold[int(one) - 501]) for one in wanted}
            return shown if "orders" in form else next(iter(shown.values()))
        return {"error": "Unknown action"}

    def listed(self, service: str) -> dict[str, object]:
        """One line of the price list."""
        return {
            "service": service,
            "name": f"Service {service}",
            "type": "Default",
            "category": "All",
            "rate": self.rate(service),
            "min": "1",
            "max": "1000000",
            "refill": False,
            "cancel": True,
        }

    def sell(self, form: Mapping[str, str]) -> Sold:
        """One more order, paid for."""
        units = int(form["quantity"]) * int(form.get("runs") or 1)
        cost = self.take(Decimal(self.rate(form["service"])) * units / 1000, len(self.sold))
        order = Sold(501 + len(self.sold), form["service"], form["link"], units, cost, None)
        self.funds -= cost
        self.sold.append(order)
        return order

    def status(self, order: Sold) -> dict[str, object]:
        """What `status` says of an order."""
        said: dict[str, object] = {
            "charge": self.show(order),
            "start_count": "10",
            "status": order.status,
            "remains": str(order.units),
            "currency": "USD",
        }
        return {name: value for name, value in {**said, **order.more}.items() if value is not None}


@contextmanager
def serving(panel: CrookedPanel) -> Iterator[CrookedPanel]:
    """Serve the panel on a free port of loopback until the block ends."""
    loop = asyncio.new_event_loop()
    begun = threading.Event()
    runner: list[web.ServerRunner] = []

    async def handle(request: web.BaseRequest) -> web.Response:
        form = dict(await request.post())
        return web.Response(text=json.dumps(panel.answer(form)), content_type="application/json")

    async def begin() -> None:
        server = web.ServerRunner(web.Server(handle))
        runner.append(server)
        await server.setup()
        site = web.TCPSite(server, "127.0.0.1", 0)
        await site.start()
        port = server.addresses[0][1]
        panel.url = f"http://127.0.0.1:{port}/api/v2"
        begun.set()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(begin())
        loop.run_forever()
        loop.run_until_complete(runner[0].cleanup())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    begun.wait(10)
    try:
        yield panel
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
