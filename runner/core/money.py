"""Exact decimal money. No floats, no mixing of currencies."""

import re
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal, InvalidOperation

ZERO = Decimal(0)
ONE = Decimal(1)
PER = Decimal(1000)  # rates are per 1000 units
CENT = Decimal("0.01")
_TOO_LARGE = 30  # decimal digits: no panel counts further, and a huge exponent would eat memory

_AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,11})?\Z")


def parse_amount(text: str) -> Decimal:
    """A decimal amount as a user writes it, `"250.00"`; ValueError otherwise (no exponent, no sign `+`)."""
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
    text = format(amount.normalize(), "f")
    if text in ("-0", "0"):
        return "0.00"
    whole, _, cents = text.partition(".")
    return f"{whole}.{cents.ljust(2, '0')}"


def for_people(amount: Decimal) -> str:
    """Two decimals for tables and prompts, `1,131.30`; more only where two would show a nonzero amount as zero."""
    rounded = amount.quantize(CENT, ROUND_HALF_UP)
    if rounded == ZERO and amount != ZERO:
        return plain(amount)
    return f"{rounded:,}"


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


def same_amount(a: Decimal, b: Decimal) -> bool:
    """True if two amounts differ by no more than panels' rounding.

    Half a unit of the coarser side's last decimal plus 0.0001 relative (PROTOCOL: charges are rounded to 2-5 decimals).
    """
    exponents = [e for e in (a.as_tuple().exponent, b.as_tuple().exponent) if isinstance(e, int)]
    half_unit = Decimal(5).scaleb(max(min(e, 0) for e in exponents) - 1)
    return abs(a - b) <= half_unit + max(abs(a), abs(b)) * Decimal("0.0001")
