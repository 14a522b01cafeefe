"""Parses `--select` and `--exclude` into a selector that is bound to the state. Pure."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from fnmatch import translate
from functools import cache, partial
from typing import NamedTuple

from runner.core.attempts import FORGOTTEN, LiveStatus
from runner.core.errors import InvalidInput
from runner.core.orders import Campaign, Order
from runner.core.snapshot import Recorded
from runner.core.values.text import clean
from runner.planning.orders.order_history import as_order

Selection = Callable[[Order], bool]
AddressesIn = Callable[[str], AbstractSet[str]]
AddressesByWord = Mapping[str, AbstractSet[str]]  # status word -> addresses

FORMS = "a glob over campaign/id, tag:NAME, status:WORD, service:ID or @FILE"
_PREFIX = re.compile(r"([A-Za-z]+):(.*)\Z", re.DOTALL)
_FOLDED = str.maketrans("- ", "__")


class WrongPattern(ValueError):
    """A pattern that means nothing; `args[0]` says why, `hint` what there is to choose from."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class Kind(StrEnum):
    """What a pattern is held against."""

    ADDRESS = "address"  # a glob over `campaign/id`
    TAG = "tag"  # a glob over the tags that the campaign gives the order
    STATUS = "status"  # a word of `runner status`: how file and state agree, how the order fares, the panel's own word
    SERVICE = "service"  # a glob over the service id
    LISTED = "listed"  # addresses, one by one


class Pattern(NamedTuple):
    """One `--select` or `--exclude`."""

    kind: Kind
    text: str  # without its prefix
    addresses: AbstractSet[str] = frozenset()  # with LISTED
    written: str = ""  # as the user wrote it; empty: nobody did


@dataclass(frozen=True, slots=True)
class Bound:
    """A selector that knows the state: true for the orders that take part."""

    select: Sequence[tuple[str, Selection]]  # as written, and what it means
    exclude: Sequence[tuple[str, Selection]]  # the same
    must_fit: bool = False  # a `select` that no order fits is an error

    def __call__(self, order: Order) -> bool:
        """True if one of `select` takes the order (or there is none) and none of `exclude` does."""
        for _, takes in self.select:
            if takes(order):
                break
        else:
            if self.select:
                return False
        for _, takes in self.exclude:  # noqa: SIM110  # asked of every order: a generator takes twice as long
            if takes(order):
                return False
        return True

    def warnings(self, campaigns: Sequence[Campaign], recorded: Recorded) -> list[str]:
        """Why less than was meant may be selected: one line for each `select` that no order fits, or for all of them.

        InvalidInput for the former, if each must fit.
        """
        idle = [text for text, takes in self.select if text and not any(map(takes, _orders(campaigns, recorded)))]
        if idle and self.must_fit:
            shown = ", ".join(clean(text, 120) for text in idle)
            raise InvalidInput(f"--select {shown} fits no order; nothing was sent", "correct it, or add --allow-empty")
        if idle:
            return [f"--select {clean(text, 120)} fits no order" for text in idle]
        if any(text for text, _ in self.exclude) and not any(map(self, _orders(campaigns, recorded))):
            return ["--exclude leaves no order"]
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """What the user wrote: several `select` add up, `exclude` takes away."""

    select: Sequence[Pattern] = ()
    exclude: Sequence[Pattern] = ()
    must_fit: bool = False  # as in `Bound`

    @property
    def needs_state(self) -> bool:
        """True if what is selected changes with the orders' statuses."""
        return any(one.kind is Kind.STATUS for one in (*self.select, *self.exclude))

    def without(self, addresses: Iterable[str]) -> "Selector":
        """Return a selector that leaves out the orders of these addresses, too."""
        return replace(self, exclude=(*self.exclude, Pattern(Kind.LISTED, "", frozenset(addresses))))

    def bind(self, campaigns: Sequence[Campaign], recorded: Recorded, now: datetime) -> Bound:
        """The selection, of listed orders and of those that are only recorded. Statuses are those of `recorded`."""
        by_word = cache(partial(_addresses_by_word, campaigns, recorded, now))
        select, exclude = (
            [(one.written, _rule(one, campaigns, by_word)) for one in several]
            for several in (self.select, self.exclude)
        )
        return Bound(select, exclude, self.must_fit)


def only(addresses: Iterable[str]) -> Selector:
    """Selects the orders of these addresses."""
    return Selector(select=(Pattern(Kind.LISTED, "", frozenset(addresses)),))


def parse(
    select: Iterable[str], exclude: Iterable[str], addresses_in: AddressesIn, *, must_fit: bool = False
) -> Selector | None:
    """The selector that the patterns mean; None if there are none. WrongPattern if one means nothing.

    `addresses_in` tells the addresses in the file that `@FILE` names; what it raises passes through.
    """
    wanted = tuple(_parsed(text, "--select", addresses_in) for text in select)
    unwanted = tuple(_parsed(text, "--exclude", addresses_in) for text in exclude)
    return Selector(select=wanted, exclude=unwanted, must_fit=must_fit) if wanted or unwanted else None


def _parsed(text: str, option: str, addresses_in: AddressesIn) -> Pattern:
    shown = f"{option} {clean(text, 120)}"
    if text.startswith("@"):
        if len(text) == 1:
            raise WrongPattern(f"{shown}: no file is named", "write @FILE, a file with one campaign/id to a line")
        return Pattern(Kind.LISTED, text[1:], addresses_in(text[1:]), text)
    prefixed = _PREFIX.match(text)
    if prefixed is None:
        if not text:
            raise WrongPattern(f"{option} is empty", f"write {FORMS}")
        return Pattern(Kind.ADDRESS, text, written=text)
    prefix, rest = prefixed.groups()
    if prefix not in (Kind.TAG, Kind.STATUS, Kind.SERVICE):
        raise WrongPattern(f"{shown}: `{clean(prefix, 40)}:` is nothing to choose by", f"write {FORMS}")
    if not rest:
        raise WrongPattern(f"{shown}: nothing stands behind the colon", f"write {FORMS}")
    if prefix == Kind.STATUS:
        rest = _word(rest, shown)
    return Pattern(Kind(prefix), rest, written=text)


def _word(text: str, shown: str) -> str:
    from runner.planning.status.order_status import Health, Sync  # only where one asks for a status

    word = text.lower().translate(_FOLDED).replace("cancelled", "canceled")
    words = dict.fromkeys([*map(str, Sync), *map(str, Health), *map(str, LiveStatus)])
    if word not in words:
        raise WrongPattern(f"{shown}: no such status", f"the words of runner status are {', '.join(words)}")
    return word


def _rule(pattern: Pattern, campaigns: Sequence[Campaign], by_word: Callable[[], AddressesByWord]) -> Selection:
    """What a pattern asks of an order; `by_word` is called only for a status."""
    match pattern.kind:
        case Kind.ADDRESS:
            fits = _fitting(pattern.text)
            return lambda order: fits(order.address)
        case Kind.SERVICE:
            fits = _fitting(pattern.text)
            return lambda order: fits(order.service)
        case Kind.TAG:
            fits = _fitting(pattern.text)
            tagged = {
                (campaign.name, order_id)
                for campaign in campaigns
                for order_id, tags in campaign.tags.items()
                if any(map(fits, tags))
            }
            return lambda order: order.key in tagged
        case Kind.STATUS:
            addresses = by_word().get(pattern.text, frozenset())
        case Kind.LISTED:
            addresses = pattern.addresses
    return lambda order: order.address in addresses


def _addresses_by_word(campaigns: Sequence[Campaign], recorded: Recorded, now: datetime) -> AddressesByWord:
    """The orders that each word of `runner status` is true of."""
    from runner.planning.status.order_status import Sync, make_standings

    bought = (Sync.PLACED, Sync.CHANGED, Sync.REMOVED)  # of the others nothing is known but how they agree
    found: defaultdict[str, set[str]] = defaultdict(set)
    for one in make_standings(campaigns, recorded, now).orders:
        found[one.sync].add(one.order)
        if one.sync in bought:
            found[one.health].add(one.order)
            found[one.status or one.health].add(one.order)
    return found


def _fitting(glob: str) -> Callable[[str], bool]:
    match = re.compile(translate(glob)).match
    return lambda text: match(text) is not None


def _orders(campaigns: Sequence[Campaign], recorded: Recorded) -> Iterator[Order]:
    """Every listed order, then those that are only recorded, as they were last tried."""
    for campaign in campaigns:
        yield from campaign.orders
    for attempts in recorded.attempts.values():
        last = attempts[-1]
        if FORGOTTEN not in last.order_id:
            yield as_order(last)
