"""The orders of the HTML report: as cells, and as compact JSON for its script."""

import json
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from runner.core.values.money import plain
from runner.report.model.model import OrderRow, ReportModel, needs_attention
from runner.report.wording import harmless, money, words

PAGE = 100  # rows on one page, and in the form that needs no script
LONGEST = 300  # characters of a cell
_LONGEST_LINK = 500


class Shown(NamedTuple):
    """One order as the page shows it."""

    address: str
    link: str
    state: str
    action: str
    service: str
    units: str
    delivered: str
    cost: str
    refunded: str
    bought: str
    panel_order_id: str
    message: str


def _cost(row: OrderRow) -> Decimal | None:
    """Return what it has cost so far; if nothing is bought yet, what it would cost."""
    return row.expected if row.bought_at is None else row.committed


def shown_as(row: OrderRow) -> Shown:
    """Its cells, made harmless and cut to a length; escaping is the writer's."""
    cost = _cost(row)
    return Shown(
        row.address,
        harmless(row.link, _LONGEST_LINK),
        row.state.value,
        "" if row.action in ("", "ok", row.state) else words(row.action),
        f"{row.panel}/{row.service}",
        f"{row.units:,}",
        "" if row.delivered is None else f"{row.delivered:,}",
        "" if cost is None else _money(cost, row.currency),
        _money(row.refunded, row.currency) if row.refunded else "",
        "" if row.bought_at is None else _minute(row.bought_at),
        harmless(row.panel_order_id or "", LONGEST),
        harmless(row.message, LONGEST),
    )


# Many orders share amounts and moments.
_money = lru_cache(maxsize=10_000)(money)


@lru_cache(maxsize=10_000)
def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


class Rows:
    """The orders as compact JSON: what repeats is written once and named by its place."""

    def __init__(self) -> None:
        self._rows: list[str] = []
        self._words: dict[str, dict[str, int]] = {
            name: {}
            for name in ("campaigns", "states", "actions", "services", "links", "amounts", "moments", "messages")
        }
        self._keys: dict[str, str] = {}  # shown amount -> what it is sorted by

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: OrderRow) -> int:
        """Append one order; the bytes that the page grows by."""
        shown = shown_as(row)
        cost = _cost(row)
        folder, slash, page = shown.link.rpartition("/")
        self._grown = 0
        line = _encode(
            [
                self._place("campaigns", row.campaign),
                row.id,
                self._place("links", folder + slash),
                page,
                self._place("states", shown.state),
                self._place("actions", shown.action),
                self._place("services", shown.service),
                row.units,
                row.delivered,
                self._amount(shown.cost, cost),
                self._amount(shown.refunded, row.refunded),
                self._place("moments", shown.bought),
                shown.panel_order_id,
                self._place("messages", shown.message),
                int(needs_attention(row)),
            ]
        )
        self._rows.append(line)
        return self._grown + len(line) + 1

    def drop_last(self) -> int:
        """Take back the last one; the bytes that this saves. Words that only it used stay, they are few."""
        return len(self._rows.pop()) + 1

    def as_json(self, model: ReportModel) -> str:
        """The data of the page's script: safe inside a script element."""
        parts = {name: _encode(list(known)) for name, known in self._words.items()}
        parts["keys"] = _encode([self._keys.get(text, "") for text in self._words["amounts"]])
        parts["total"] = str(len(model.orders))
        parts["page"] = str(PAGE)
        parts["rows"] = f"[{','.join(self._rows)}]"
        return "{" + ",".join(f'"{name}":{text}' for name, text in parts.items()) + "}"

    def _amount(self, shown: str, amount: Decimal | None) -> int:
        if shown not in self._keys:
            self._keys[shown] = "" if amount is None else plain(amount)
            self._grown += len(self._keys[shown]) + 3
        return self._place("amounts", shown)

    def _place(self, name: str, word: str) -> int:
        known = self._words[name]
        place = known.get(word)
        if place is None:
            place = known[word] = len(known)
            self._grown += len(_encode(word)) + 1
        return place


_to_json = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode


def _encode(value: object) -> str:
    """ASCII, without the characters that could end a script element or begin a comment in one."""
    text = _to_json(value)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
