"""A panel of a test's own, in a thread: the test says what it sells, answers and takes. No assertions."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from urllib.parse import parse_qsl

Form = Mapping[str, str]
FIRST_ID = 501


def a_row(**changes: object) -> dict[str, object]:
    """One line of its price list: service 1 at 0.90 per 1000, unless `changes` say otherwise."""
    row = {"service": 1, "name": "Followers", "type": "Default", "category": "", "rate": "0.90"}
    return row | {"min": "50", "max": "10000", "refill": True, "cancel": True} | changes


class OwnPanel:
    """What it sells (`rows`), holds (`balance`, `currency`) and has sold (`orders`, by id, with the form as received).

    `status` and `charge` may be replaced: what it says of an order, and what it takes for one. Money is what the
    test says it is: the price list decides nothing.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.rows: Sequence[Mapping[str, object]] = [a_row()]
        self.balance = Decimal("1000.00")
        self.currency: object = "USD"
        self.orders: dict[str, Form] = {}
        self.status: Callable[[str, Form], Mapping[str, object]] = self._pending
        self.charge: Callable[[Form], Decimal] = lambda form: Decimal("0.0009") * int(form["quantity"])
        self.before_add: Callable[[Form], None] = lambda _form: None
        self.requests: list[Form] = []
        self._lock = Lock()

    def answer(self, form: Form) -> object:
        """What it answers to one form; None: no answer at all, the connection is closed."""
        self.requests.append(form)
        match form.get("action"):
            case "balance":
                said = {"balance": format(self.balance, "f")}
                return said if self.currency is None else said | {"currency": self.currency}
            case "services":
                return list(self.rows)
            case "add":
                self.before_add(form)
                return {"order": int(self.sell(form))}
            case "status":
                ids = form["orders"].split(",") if "orders" in form else [form["order"]]
                found = {one: dict(self.status(one, self.orders[one])) for one in ids}
                return found if "orders" in form else found[ids[0]]
        return {"error": "Incorrect request"}

    def sell(self, form: Form) -> str:
        """Take an order and its price; its id."""
        with self._lock:
            order_id = str(FIRST_ID + len(self.orders))
            self.orders[order_id] = form
            self.balance -= self.charge(form)
        return order_id

    def _pending(self, _order_id: str, form: Form) -> Mapping[str, object]:
        charge = format(self.charge(form).normalize(), "f")
        return {"status": "Pending", "charge": charge, "start_count": "10", "remains": form["quantity"]}


@contextmanager
def own_panel() -> Iterator[OwnPanel]:
    """A running one, on loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            answer = panel.answer(dict(parse_qsl(body, keep_blank_values=True)))
            if answer is None:
                self.close_connection = True
                return
            text = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        panel = OwnPanel(f"http://127.0.0.1:{server.server_port}/api/v2")
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield panel
        finally:
            server.shutdown()
            thread.join()
