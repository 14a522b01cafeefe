import base64
import hashlib
import json
import re
from collections import Counter
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from runner.report.html.page import MOST_BYTES, to_html
from runner.report.model.model import needs_attention
from tests.planning.builders import a_balance, an_attempt, an_order, recorded_with
from tests.report.models import HOSTILE, a_hostile_model, a_large_model, a_model, a_planned_model, modelled

MEGABYTE = 1_000_000


class Seen(HTMLParser):
    """Every element with its attributes, every text, and the contents of scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside in self.raw:
            self.raw[self._inside].append(data)
        else:
            self.texts.append(data.strip())

    @property
    def text(self) -> str:
        return " ".join(self.texts)


def data_of(html: str) -> dict:
    return json.loads(Seen(html).raw["script"][0])


def listed(html: str) -> list[str]:
    data = data_of(html)
    return [f"{data['campaigns'][row[0]]}/{row[1]}" for row in data["rows"]]


def test_the_policy_allows_this_script_and_this_style_and_nothing_else():
    seen = Seen(to_html(a_model()))
    (policy,) = [dict(one)["content"] for tag, one in seen.elements if tag == "meta" and "http-equiv" in one]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    _, script = seen.raw["script"]
    (style,) = seen.raw["style"]
    for text, rule in ((script, "script-src"), (style, "style-src")):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert not any(name == "style" or name.startswith("on") for _, given in seen.elements for name in given)


@pytest.mark.parametrize(
    "model",
    [a_model(), a_hostile_model(), a_large_model(300), a_planned_model(30, said=HOSTILE[6])],
    ids=["small", "hostile", "large", "plan"],
)
def test_the_page_names_nothing_that_a_browser_would_fetch(model):
    seen = Seen(to_html(model))
    for tag, given in seen.elements:
        assert tag not in ("img", "iframe", "object", "embed", "video", "audio", "form", "base", "a")
        assert "src" not in given
        if "href" in given:
            assert (tag, given["href"]) == ("link", "data:,")
    assert not re.search(r"url\(|@import", seen.raw["style"][0])
    assert not re.search(r"fetch\(|XMLHttpRequest|WebSocket|import\(|innerHTML|eval\(", seen.raw["script"][1])


def test_hostile_text_stays_text():
    html = to_html(a_hostile_model())
    seen = Seen(html)
    assert len(seen.raw["script"]) == 2
    assert html.count("<script") == 2
    assert "<b>" not in {text for text in seen.texts if text == "x"}
    messages = data_of(html)["messages"]
    assert "</script><script>alert(1)</script>" in messages
    assert "{{ 7*7 }} {% raw %}" in messages
    assert len(listed(html)) == 2 * len(HOSTILE)
    assert not re.search("[\u202a-\u202e\u200b\x00-\x08\x1b]", html)


def test_the_totals_and_the_verdict_are_at_the_top():
    seen = Seen(to_html(a_model()))
    text = seen.text
    assert text.index("In doubt: 1 order may have been bought") < text.index("1.44 USD") < text.index("By campaign")
    for amount in ("1.44 USD", "97.66 USD", "1.26 USD", "0.90 USD"):
        assert amount in text


def test_every_order_is_there_once_while_there_is_room():
    model = a_large_model(3_000)
    html = to_html(model)
    assert sorted(listed(html)) == sorted(row.address for row in model.orders)
    assert "Not listed one by one" not in html


def test_without_room_the_orders_that_need_a_look_stay_and_the_rest_is_summed_up_exactly():
    model = a_large_model(30_000)
    limit = 400_000
    html = to_html(model, limit)
    assert len(html.encode()) <= limit
    kept = set(listed(html))
    assert 1_000 < len(kept) < 30_000
    urgent = [row for row in model.orders if needs_attention(row)]
    assert kept <= {row.address for row in urgent}  # there are more of them than there is room
    rest = [row for row in model.orders if row.address not in kept]
    data = Seen(html)
    rows = Counter()
    table = html.split("Not listed one by one")[1].split("</tbody>")[0]
    for row in re.findall(r"<tr><td>.*?</tr>", table):
        cells = re.findall(r"<td[^>]*>(?:<span[^>]*>)?([^<]*)", row)
        rows["orders"] += int(cells[2].replace(",", ""))
        rows["units"] += int(cells[3].replace(",", ""))
        rows["spent"] += Decimal(cells[5].replace(",", "").removesuffix(" USD")) if cells[5] else 0
    assert rows["orders"] == len(rest) == 30_000 - len(kept)
    assert rows["units"] == sum(row.units for row in rest)
    assert abs(rows["spent"] - sum(row.spent for row in rest)) < Decimal("0.2")  # rounded to cents, line by line
    assert f"{len(kept):,} of 30,000 orders are listed" in data.text
    assert "--report csv=" in data.text


@pytest.mark.parametrize(("orders", "campaigns"), [(25_000, 3), (12_000, 12_000)])
def test_the_page_is_always_under_a_megabyte(orders, campaigns):
    size = len(to_html(a_large_model(orders, campaigns)).encode())
    assert size <= MOST_BYTES < MEGABYTE


def test_currencies_are_never_added():
    euros = an_attempt(an_order("b"), panel="other", first_charge=Decimal(5), charge=Decimal(5))
    dollars = an_attempt(an_order("a"), first_charge=Decimal(7), charge=Decimal(7))
    model = modelled(recorded_with(euros, dollars, balances=[a_balance("1"), a_balance("2", "EUR", "other")]))
    text = Seen(to_html(model)).text
    assert "Several currencies are never added" in text
    assert "5.00 EUR" in text
    assert "7.00 USD" in text
    assert "12.00" not in text


def test_an_empty_state_is_a_page_too():
    text = Seen(to_html(modelled(recorded_with(balances=[])))).text
    assert "No orders" in text


def test_a_plan_shows_first_what_will_be_bought_then_what_needs_a_look_then_the_money():
    text = Seen(to_html(a_planned_model(4, doubts=1, notes=["read long ago"]))).text
    parts = ("Will be bought", "Balance", "By campaign", "By service", "Orders to be bought", "read long ago", "Spent")
    found = [text.index(part) for part in parts]
    assert found == sorted(found)
    assert "4 orders, 9,200 units, for 18.36 USD." in text
    assert re.search(r"sandbox\s+1,000,000,000.00 USD\s+18.36 USD\s+0.90 USD\s+999,999,980.74 USD", text)
    assert re.search(r"autumn/post-3\s+2 Service 2\s+\S+/post-3\s+2,600 \(2 x 1,300\)\s+7.80 USD", text)


def test_a_large_plan_lists_the_dearest_and_stays_below_a_megabyte():
    html = to_html(a_planned_model(30_000, doubts=300, said=HOSTILE[9]))
    assert len(html.encode()) <= MOST_BYTES
    text = Seen(html).text
    assert "30,000 orders, " in text
    assert "autumn/post-29999" in text
    assert "And 29,900 orders more, none dearer" in text
