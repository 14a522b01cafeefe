"""Exact decimal money. No floats, no mixing of currencies."""

import re
from collections.abc import Iterable
from decimal import ROUND_DOWN, ROUND_UP, Decimal, DefaultContext, InvalidOperation, getcontext

ZERO = Decimal(0)
ONE = Decimal(1)
PER = Decimal(1000)  # rates are per 1000 units
LEAST_PLACES = 2  # decimals that an amount has at least: fewer are trimmed zeros, no panel rounds money to less
ROUNDING = Decimal("0.0001")  # the share of an amount that panels' rounding may be (docs/protocol.md, Money)
ROUNDING_PER_ORDER = Decimal("0.00001")  # what it adds up to in a balance
_TOO_LARGE = 30  # decimal digits: no panel counts further, and a huge exponent would eat memory

# Sums have to be exact: Decimal rounds them to 28 digits unless told otherwise, and a panel may write thirty decimals.
for _context in (DefaultContext, getcontext()):  # of threads to come, and of this one
    _context.prec = 4 * _TOO_LARGE

_AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,11})?\Z")


def parse_amount(text: str) -> Decimal:
    """A decimal amount as a user writes it, `"250.00"`; raises ValueError otherwise (no exponent, no sign `+`)."""
    if not _AMOUNT.match(text):
        raise ValueError(f"not a decimal amount: {text!r}")
    return Decimal(text)


def parse_panel_number(value: object) -> Decimal | None:
    """A number from a panel (int, float text, exponent) as a finite Decimal, else None; never raises."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal | float):
        return None
    try:
        number = Decimal(str(value).strip())
    except (InvalidOperation, ValueError):
        return None
    return number if number.is_finite() and abs(number.adjusted()) < _TOO_LARGE else None


def plain(amount: Decimal) -> str:
    """The exact amount without exponent and without needless zeros, at least two decimals: `131.30`, `0.27819`."""
    return _written(format(amount, "f"), LEAST_PLACES) if amount else "0.00"


def with_currency(amount: Decimal, currency: str | None) -> str:
    """`0.27819 USD`: the exact amount, with its currency where that is known."""
    return f"{plain(amount)} {currency}" if currency else plain(amount)


def for_people(amount: Decimal, places: int = LEAST_PLACES) -> str:
    """The exact amount for tables and prompts, `1,131.304`, with so many decimals at least.

    Never rounded: the numbers of one screen have to add up.
    """
    return _written(format(amount, ",f") if amount else "0", places)


def places_of(amounts: Iterable[Decimal | None]) -> int:
    """How many decimals the most precise of `amounts` needs, two at least; unknown ones need none."""
    return max(LEAST_PLACES, *(decimals(one) for one in set(amounts) if one is not None), 0)


def _written(text: str, places: int) -> str:
    whole, _, cents = text.partition(".")
    return f"{whole}.{cents.rstrip('0').ljust(places, '0')}"


def expected_charge(rate: Decimal, quantity: int, runs: int | None) -> Decimal:
    """What an order should cost, in the account's currency: rate per 1000 x quantity x runs / 1000."""
    return rate * (quantity * (runs or 1)) / PER


def decimals(amount: Decimal) -> int:
    """How many decimals an amount is written with; trailing zeros don't count."""
    exponent = amount.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def round_up(amount: Decimal, places: int) -> Decimal:
    """The amount with at most `places` decimals, away from zero."""
    return amount if decimals(amount) <= places else amount.quantize(ONE.scaleb(-places), ROUND_UP)


def round_down(amount: Decimal, places: int) -> Decimal:
    """The amount with at most `places` decimals, towards zero."""
    return amount if decimals(amount) <= places else amount.quantize(ONE.scaleb(-places), ROUND_DOWN)


def last_unit(*amounts: Decimal) -> Decimal:
    """One unit of the last decimal that any of `amounts` is written with; a cent if they are written with fewer."""
    exponents = (one.as_tuple().exponent for one in amounts)
    return ONE.scaleb(min(-LEAST_PLACES, *(one for one in exponents if isinstance(one, int))))


def same_amount(a: Decimal, b: Decimal) -> bool:
    """True if two amounts differ by no more than panels' rounding.

    Half a unit of the coarser side's last decimal plus 0.0001 relative (docs/protocol.md, Money: charges are rounded
    to 2-5 decimals).
    """
    exponents = [e for e in (a.as_tuple().exponent, b.as_tuple().exponent) if isinstance(e, int)]
    half_unit = Decimal(5).scaleb(max(min(e, 0) for e in exponents) - 1)
    return abs(a - b) <= half_unit + max(abs(a), abs(b)) * ROUNDING
