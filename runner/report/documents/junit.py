"""The report as JUnit XML: a suite for each campaign, a case for each order. For the test tab of a CI service."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from itertools import chain
from typing import TextIO
from xml.sax.saxutils import escape, quoteattr

from runner.core.values.clock import to_text
from runner.core.values.money import plain
from runner.planning.status.order_status import Sync
from runner.report.model.model import OrderRow, ReportModel, State, amounts_of, sums_of
from runner.report.wording import harmless, words

_LONGEST = 2000
_NOT_XML = re.compile("[\ufffe\uffff]")  # the only ones that `clean` leaves and XML forbids


class _Result(StrEnum):
    """How a case ends; the names are those of the elements."""

    ERROR = "error"  # nobody knows: in doubt
    FAILURE = "failure"  # it went wrong, and that is known
    SKIPPED = "skipped"  # nothing was tried yet
    PASSED = "passed"

    __hash__ = str.__hash__  # the enum's own is Python code, and there may be many cases


_RESULTS = {
    State.IN_DOUBT: _Result.ERROR,
    State.REFUSED: _Result.FAILURE,
    State.LOST: _Result.FAILURE,
    State.ABANDONED: _Result.FAILURE,
    State.CANCELED: _Result.FAILURE,
    State.PARTIAL: _Result.FAILURE,
    State.STALLED: _Result.FAILURE,
    State.SENDING: _Result.SKIPPED,
    State.MISSING: _Result.SKIPPED,
}
_HELD = ("wait", "blocked")


def write_junit(stream: TextIO, model: ReportModel) -> None:
    """Write the whole document; `stream` writes UTF-8. A hundred thousand cases are written as they come, not kept as a tree."""
    suites: dict[str, list[OrderRow]] = {}
    for row in model.orders:
        suites.setdefault(row.campaign, []).append(row)
    results = {campaign: list(map(_result, rows)) for campaign, rows in suites.items()}
    stream.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    totals = _totals(model.orders, chain.from_iterable(results.values()))
    totals.pop("skipped")  # the usual schemas do not have it here
    stream.write(f"<testsuites{_attributes({'name': f'runner {model.command}'} | totals)}>\n")
    for campaign, rows in suites.items():
        stream.writelines(_suite(campaign, rows, results[campaign], model))
    stream.write("</testsuites>\n")


def _suite(campaign: str, rows: Sequence[OrderRow], results: Sequence[_Result], model: ReportModel) -> Iterator[str]:
    timestamp = to_text(model.made_at).partition(".")[0]
    yield f"<testsuite{_attributes({'name': campaign} | _totals(rows, results) | {'timestamp': timestamp})}>\n<properties>\n"
    facts = {"command": model.command, "exit_code": str(model.exit_code), "run_id": model.run_id or ""}
    for name, value in (facts | _money(rows)).items():
        yield f"<property{_attributes({'name': name, 'value': value})}/>\n"
    yield "</properties>\n"
    name = quoteattr(_text(campaign))
    for row, result in zip(rows, results, strict=True):
        yield _case(row, result, name)
    yield "</testsuite>\n"


def _totals(rows: Sequence[OrderRow], results: Iterable[_Result]) -> dict[str, str]:
    counts = Counter(results)
    return {
        "tests": str(counts.total()),
        "failures": str(counts[_Result.FAILURE]),
        "errors": str(counts[_Result.ERROR]),
        "skipped": str(counts[_Result.SKIPPED]),
        "time": f"{sum(row.took or 0.0 for row in rows):.3f}",
    }


def _money(rows: Sequence[OrderRow]) -> dict[str, str]:
    """`spent_USD` and its like: sums of the suite, by currency."""
    sums: dict[str, str] = {}
    for currency in sorted({row.currency for row in rows if row.currency}):
        theirs = sums_of([row for row in rows if row.currency == currency])
        sums |= {f"{name}_{currency}": plain(amount) for name, amount in theirs._asdict().items()}
    return sums


def _case(row: OrderRow, result: _Result, campaign: str) -> str:
    """`campaign` is quoted already."""
    told = ""
    if result is not _Result.PASSED:
        kind = row.action if row.action in _HELD else row.state.value
        message = row.message or words(row.action or row.state)
        place = escape(_text(f"{row.source}:{row.line}: {row.link}")) if row.source else ""
        told = f"<{result}{_attributes({'type': kind, 'message': message})}>{place}</{result}>"
    return (
        f'<testcase name={quoteattr(_text(row.id))} classname={campaign} time="{row.took or 0.0:.3f}">'
        f"{told}<system-out>{escape(_text(_facts(row)))}</system-out></testcase>\n"
    )


def _result(row: OrderRow) -> _Result:
    result = _RESULTS.get(row.state, _Result.PASSED)
    if result is _Result.PASSED and row.action in _HELD:
        return _Result.SKIPPED
    if result is _Result.PASSED and row.sync is Sync.CHANGED:
        return _Result.FAILURE
    return result


def _facts(row: OrderRow) -> str:
    """`state completed, panel sandbox, …`: what is known, in one line."""
    facts = [f"state {words(row.state)}", f"panel {row.panel}", f"service {row.service}", f"link {row.link}"]
    facts.append(f"units {row.units}")
    if row.delivered is not None:
        facts.append(f"delivered {row.delivered}")
    if row.panel_order_id:
        facts.append(f"panel order id {row.panel_order_id}")
    for name, amount in zip(("spent", "refunded", "reserved", "in doubt"), amounts_of(row), strict=True):
        if amount:
            facts.append(f"{name} {_plain(amount)} {row.currency or ''}".strip())
    return ", ".join(facts)


_plain = lru_cache(10_000)(plain)  # many orders share amounts


def _attributes(values: Mapping[str, str]) -> str:
    return "".join(f" {name}={quoteattr(_text(value))}" for name, value in values.items())


def _text(text: str) -> str:
    """Characters that XML allows, on one line."""
    text = harmless(text, _LONGEST)
    return _NOT_XML.sub("\ufffd", text) if not text.isascii() else text
