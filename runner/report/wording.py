"""Counts, amounts and durations in words, the same everywhere."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

from runner.core.events import Event
from runner.core.values.clock import from_text, to_the_second
from runner.core.values.money import LEAST_PLACES, for_people, places_of
from runner.core.values.text import clean
from runner.planning.accounting.periods import Period
from runner.planning.refills.refill_rates import RefillRate

NOTHING = "-"  # an empty cell: columns stay countable for awk
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_IRREGULAR = {"status": "statuses", "pass": "passes"}


def count(number: int, noun: str) -> str:
    """`1 order`, `1,225 orders`."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {_IRREGULAR.get(noun, noun + 's')}"


def money(amount: Decimal | None, currency: str | None = None, places: int = LEAST_PLACES) -> str:
    """`1,131.30 USD`; the amount alone without a currency; `unknown` for None. Exact, with so many decimals at least."""
    if amount is None:
        return "unknown"
    shown = for_people(amount, places)
    return f"{shown} {currency}" if currency else shown


class Amounts:
    """The amounts of one table: those of a currency all with as many decimals as the most precise of them needs.

    So they stand below one another, and what is shown adds up to the total that is shown.
    """

    def __init__(self, amounts: Iterable[tuple[Decimal | None, str | None]]) -> None:
        """All that the table shows, each with its currency."""
        found: defaultdict[str | None, set[Decimal | None]] = defaultdict(set)
        for amount, currency in amounts:
            found[currency].add(amount)
        self._places = {currency: places_of(several) for currency, several in found.items()}

    def bare(self, amount: Decimal | None, currency: str | None = None) -> str:
        """An amount in a currency that is named elsewhere."""
        return money(amount, None, self._places.get(currency, LEAST_PLACES))

    def named(self, amount: Decimal | None, currency: str | None) -> str:
        """An amount with its currency."""
        return money(amount, currency, self._places.get(currency, LEAST_PLACES))


def duration(seconds: float) -> str:
    """`8 s`, `3 min`, `2 h`, `5 d`: one unit, never more exact than anybody needs."""
    whole = max(int(seconds + 0.5), 0)
    if whole < 2 * _MINUTE:
        return f"{whole} s"
    if whole < 2 * _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < 2 * _DAY:
        return f"{whole // _HOUR} h"
    return f"{whole // _DAY} d"


def minutes(interval: int) -> str:
    """`90 min`, `2 h`: exact."""
    return f"{interval} min" if interval % _MINUTE else f"{interval // _MINUTE} h"


def ago(moment: datetime | None, now: datetime) -> str:
    """`3 min ago`; `never` for None."""
    return "never" if moment is None else f"{duration((now - moment).total_seconds())} ago"


def harmless(text: str, limit: int) -> str:
    """`text` without control or invisible characters, at most `limit` long.

    Nearly all texts come back as they are: to look at them takes a tenth of the time that `clean` takes.
    """
    return text if len(text) <= limit and text.isprintable() else clean(text, limit)


def words(name: str) -> str:
    """A word of the domain as people write it: `in_doubt` is `in doubt`."""
    return name.replace("_", " ")


REFILL_TITLES = ("asked", "open", "completed", "rejected", "refused", "unknown", "rate")


def refill_cells(rate: RefillRate) -> list[str]:
    """The numbers under `REFILL_TITLES`, the rate in percent; a dash where none has ended."""
    share = rate.rate
    numbers = (rate.asked, rate.open, rate.completed, rate.rejected, rate.refused, rate.unknown)
    return [*(f"{one:,}" for one in numbers), NOTHING if share is None else f"{share * 100:.0f} %"]


def period_words(period: Period | None) -> str:
    """`from 2026-11-01 00:00 to 2026-12-01 00:00 UTC`; nothing for None."""
    if period is None:
        return ""
    ends = [("from", period.since), ("to", period.until)]
    told = [f"{word} {moment.astimezone(UTC):%Y-%m-%d %H:%M}" for word, moment in ends if moment is not None]
    return f"{' '.join(told)} UTC"


def rate_lowered_words(event: Event) -> str:
    """What a panel's request for fewer orders means: until when it gets none, and how many after that."""
    panel, rate = event.facts.get("panel"), event.facts.get("per_minute")
    until = from_text(str(event.facts["until"]))
    return f"{panel} asks for less: no order until {to_the_second(until)}, then at most {rate} a minute"
