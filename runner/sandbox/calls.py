"""The ten calls of the API: a checked form in, the JSON-able answer out. No HTTP, no faults."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence

from runner.core.values.money import ZERO, plain
from runner.sandbox.book import Book, Draft, Wish
from runner.sandbox.settings import (
    CUSTOM_COMMENTS,
    MANY_STATUSES,
    CancelBy,
    ChargeStyle,
    DuplicateLinks,
    PanelService,
    SandboxSettings,
)
from runner.sandbox.world import (
    DAY,
    FINAL_WORDS,
    HUNDRED_THOUSANDTH,
    REFILL_PAUSE,
    PanelOrder,
    PanelStatus,
    RefillState,
    charge_for,
    end_of,
    progress,
    refill_state,
)

Json = dict[str, object] | list[dict[str, object]]
Form = Mapping[str, str]

MAX_IDS = 100
INCORRECT_REQUEST = "Incorrect request"
INCORRECT_ORDER = "Incorrect order ID"
ACTIVE_ORDER = "You have active order with this link. Please wait until order being completed."
_LONGEST_ID = 18  # digits that SQLite's integers hold in any case


class Refused(Exception):
    """The panel's error text, as the answer shows it."""


def whole(text: str) -> int | None:
    """A plain run of ASCII digits as a number, else None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID else None


def _rows(of: str, ids: Iterable[str], field: str, ask: Callable[[str], object]) -> list[dict[str, object]]:
    """A list as the panel answers it: each id under `of`, with what was asked for it, or its error, under `field`."""
    rows: list[dict[str, object]] = []
    for text in ids:
        try:
            told = ask(text)
        except Refused as refusal:
            told = {"error": str(refusal)}
        number = whole(text)
        rows.append({of: text if number is None else number, field: told})
    return rows


class Calls:
    """Answers of one panel, given its book."""

    def __init__(self, book: Book, settings: SandboxSettings) -> None:
        self._book = book
        self._settings = settings
        self._actions = {
            "add": self._add,
            "status": self._status,
            "balance": self._balance,
            "services": self._services,
            "refill": self._refill,
            "refill_status": self._refill_status,
            "cancel": self._cancel,
        }
        for call in settings.lacks:
            self._actions.pop(call, None)
        if settings.duplicate_links is DuplicateLinks.REJECT:
            book.index_links()

    def name_of(self, form: Form) -> str:
        """The action a form asks for; `unknown` for anything that isn't one."""
        action = form.get("action", "")
        return action if action in self._actions else "unknown"

    def answer(self, form: Form) -> Json:
        """Carry out one call; a refusal is an object with `error`."""
        try:
            return self._allowed(form)(form, self._book.catch_up())
        except Refused as refusal:
            return {"error": str(refusal)}

    def _allowed(self, form: Form) -> Callable[[Form, float], Json]:
        if form.get("key") != self._settings.key:
            raise Refused("Invalid API key")
        call = self._actions.get(form.get("action", ""))
        if call is None:
            raise Refused("Invalid action")
        return call

    def take_late(self, form: Form, minutes: float) -> None:
        """Accept an `add` now and place it `minutes` of panel time later; a refused one never appears."""
        now = self._book.catch_up()
        try:
            draft = self._draft(form, now)
        except Refused:
            return
        self._book.place_later(draft, now + minutes)

    # add

    def _add(self, form: Form, now: float) -> Json:
        return {"order": self._book.place(self._draft(form, now), now)}

    def _draft(self, form: Form, now: float) -> Draft:
        """The order a form asks for; Refused with the panel's text for anything wrong with it."""
        service = self._book.services.get(whole(form.get("service", "")) or 0)
        if service is None or not service.listed:
            raise Refused("Incorrect service ID")
        link = form.get("link", "")
        if not link:
            raise Refused(INCORRECT_REQUEST)
        if not link.startswith(("https://", "http://")):
            raise Refused("Incorrect link")
        runs, interval = self._drip(form, service)
        quantity = self._quantity(form, service, runs)
        if self._settings.duplicate_links is DuplicateLinks.REJECT and self._book.is_busy(service.id, link, now):
            raise Refused(ACTIVE_ORDER)
        charge = charge_for(service.rate, quantity, runs)
        if charge > self._book.balance:
            raise Refused("Not enough funds on balance")
        fields = {name: value for name, value in form.items() if name != "key"}
        return Draft(service.id, link, quantity, runs, interval, charge, fields)

    @staticmethod
    def _drip(form: Form, service: PanelService) -> tuple[int, int]:
        """Runs and interval; (1, 0) for an order without drip-feed."""
        if "runs" not in form and "interval" not in form:
            return (1, 0)
        if not service.dripfeed:
            raise Refused("Drip-feed is not supported for this service")
        runs, interval = whole(form.get("runs", "")), whole(form.get("interval", ""))
        if not runs:
            raise Refused("Incorrect runs")
        if not interval:
            raise Refused("Incorrect interval")
        return (runs, interval)

    @staticmethod
    def _quantity(form: Form, service: PanelService, runs: int) -> int:
        """Units per run, inside the service's limits: the minimum holds for each run, the maximum for all together."""
        text = form.get("quantity", "")
        if service.type == CUSTOM_COMMENTS:  # one unit per line of `comments`
            text = str(sum(1 for line in form.get("comments", "").splitlines() if line.strip()) or "")
        if not text:
            raise Refused(INCORRECT_REQUEST)
        quantity = whole(text)
        if quantity is None:
            raise Refused("Incorrect quantity")
        if quantity < int(service.min):
            raise Refused(f"Quantity less than minimal {service.min}")
        if quantity * runs > int(service.max):
            raise Refused(f"Quantity more than maximum {service.max}")
        return quantity

    # Reads

    def _services(self, form: Form, _now: float) -> Json:
        listed = [service for service in self._book.services.values() if service.listed]
        if self._settings.services_page is not None:
            start = (whole(form.get("offset", "")) or 0) if self._settings.takes_offset else 0
            listed = listed[start : start + self._settings.services_page]
        return [self._shown_service(service) for service in listed]

    @staticmethod
    def _shown_service(service: PanelService) -> dict[str, object]:
        shown: dict[str, object] = {
            "service": service.id,
            "name": service.name,
            "type": service.type,
            "category": service.category,
            "rate": service.rate,
            "min": service.min,
            "max": service.max,
            "refill": service.refill,
            "cancel": service.cancel,
        }
        return (
            shown | {"dripfeed": True} if service.dripfeed else shown
        )  # not a documented field: only where it says much

    def _balance(self, _form: Form, _now: float) -> Json:
        return {"balance": plain(self._book.balance.quantize(HUNDRED_THOUSANDTH)), "currency": self._book.currency}

    def _status(self, form: Form, now: float) -> Json:
        if "orders" in form and MANY_STATUSES in self._settings.lacks:
            raise Refused(INCORRECT_REQUEST)
        if "orders" not in form:
            return self._shown(self._order(form.get("order", "")), now)
        asked = self._many(form, "orders")
        found = self._book.orders([number for text in asked if (number := whole(text)) is not None])
        answer: dict[str, object] = {}
        for text in asked:
            known = found.get(whole(text) or 0)
            answer[text] = self._shown(known, now) if known else {"error": INCORRECT_ORDER}
        return answer

    def _shown(self, order: PanelOrder, now: float) -> dict[str, object]:
        seen = progress(order, now)
        style = self._settings.charge_style
        charge = order.charge if style is ChargeStyle.UNCHANGED else seen.charge
        if style is ChargeStyle.LATE and not seen.is_final:
            charge = ZERO
        answer: dict[str, object] = {
            "charge": plain(charge) if charge else "0",
            "start_count": str(seen.start_count or 0),
            "status": seen.status,
            "remains": str(order.total - seen.delivered),
            "currency": self._book.currency,
        }
        return answer | json.loads(order.shown) if order.shown else answer

    # Refill and cancel

    def _refill(self, form: Form, now: float) -> Json:
        if "orders" not in form:
            return {"refill": str(self._wished("refill", self._order(form.get("order", "")), now, self._ask_refill))}
        asked = self._many(form, "orders")
        with self._book.together():
            return _rows(
                "order", asked, "refill", lambda text: self._wished("refill", self._order(text), now, self._ask_refill)
            )

    def _ask_refill(self, order: PanelOrder, now: float) -> int:
        service = self._book.services[order.service]
        if not service.refill:
            raise Refused("This service does not support refill")
        if progress(order, now).status != PanelStatus.COMPLETED:
            raise Refused("Refill is not available, the order is not completed")
        if service.refill_days is not None and now - end_of(order, now) > service.refill_days * DAY:
            raise Refused("Refill days are over")
        former = self._book.refills_of(order.id)
        if former and refill_state(order, former[-1], now) in (RefillState.PENDING, RefillState.IN_PROGRESS):
            raise Refused("Refill is already requested")
        if former and now - former[-1].requested < REFILL_PAUSE:
            raise Refused("Refill is not available yet, please wait 24 hours")
        return self._book.ask_refill(order.id, now)

    def _refill_status(self, form: Form, now: float) -> Json:
        if "refills" not in form:
            return {"status": self._refill_word(form.get("refill", ""), now)}
        return _rows("refill", self._many(form, "refills"), "status", lambda text: self._refill_word(text, now))

    def _refill_word(self, text: str, now: float) -> str:
        refill = self._book.refill(whole(text) or 0)
        if refill is None:
            raise Refused("Refill not found")
        return refill_state(self._book.orders([refill.order])[refill.order], refill, now)

    def _cancel(self, form: Form, now: float) -> Json:
        if self._settings.cancel_by is CancelBy.ORDER:
            self._wished("cancel", self._order(form.get("order", "")), now, self._ask_cancel)
            return {"status": "success", "message": "Your cancellation request was received"}
        asked = self._many(form, "orders")
        with self._book.together():
            return _rows(
                "order", asked, "cancel", lambda text: self._wished("cancel", self._order(text), now, self._ask_cancel)
            )

    def _ask_cancel(self, order: PanelOrder, now: float) -> int:
        if not self._book.services[order.service].cancel or progress(order, now).status in FINAL_WORDS:
            raise Refused("Cancel is not available")
        if order.cancel_requested is None:  # asking again changes nothing
            self._book.change(order._replace(cancel_requested=now), now)
        return 1

    def _wished(self, action: str, order: PanelOrder, now: float, grant: Callable[[PanelOrder, float], int]) -> int:
        """What is granted to one order, or Refused; either is noted in the book."""
        try:
            granted = grant(order, now)
        except Refused as refusal:
            self._book.note_wish(Wish(action, order.id, now, str(refusal)))
            raise
        self._book.note_wish(Wish(action, order.id, now, ""))
        return granted

    # Ids

    def _order(self, text: str) -> PanelOrder:
        number = whole(text)
        order = self._book.orders([number]).get(number) if number is not None else None
        if order is None:
            raise Refused(INCORRECT_ORDER)
        return order

    @staticmethod
    def _many(form: Form, name: str) -> Sequence[str]:
        """The ids of a list, in order, each once; the whole call is refused without one or with more than 100."""
        ids = [text.strip() for text in form.get(name, "").split(",") if text.strip()]
        if not ids or len(ids) > MAX_IDS:
            raise Refused(INCORRECT_REQUEST)
        return list(dict.fromkeys(ids))
