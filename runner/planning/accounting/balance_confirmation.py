"""Says for each panel whether the balance agrees with the books, and since when it is known. Pure."""

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from functools import cached_property

from runner.core.orders import PanelProfile
from runner.core.snapshot import Recorded
from runner.core.values.clock import to_the_minute
from runner.core.values.money import ZERO
from runner.planning.accounting.ledger import book, make_ledger
from runner.planning.phrases import orders


class Accounts:
    """Compares balances with the books; these are made when first asked for, as a plan that buys nothing needs none."""

    def __init__(self, recorded: Recorded, profiles: Mapping[str, PanelProfile] | None = None) -> None:
        self._recorded = recorded
        self._profiles = profiles or {}

    @cached_property
    def _unexplained(self) -> Mapping[str, Decimal | None]:
        return {account.panel: account.unexplained for account in make_ledger(self._recorded).accounts}

    def gone(self, panel: str) -> Decimal | None:
        """What is gone from the balance and in no book (negative: came in), as people have labelled it so far.

        None: the balance was not seen twice in one currency, so it confirms nothing.
        """
        first, last = self._recorded.first_balances.get(panel), self._recorded.last_balances.get(panel)
        if first is None or last is None or first.is_same_look(last):
            return None
        return self._unexplained.get(panel)

    def agrees(self, panel: str) -> bool:
        """True if the balance explains all that was bought, refunded and reserved on the panel."""
        return self.gone(panel) == ZERO

    def not_returned(self, panel: str, returned: Decimal) -> Decimal:
        """The part of `returned`, which a panel says it paid back, that its balance does not confirm."""
        profile = self._profiles.get(panel)
        if returned <= ZERO or (profile is not None and profile.trusts_refunds):
            return ZERO
        gone = self.gone(panel)
        if gone is None or gone < ZERO:  # a deposit that nobody has labelled would look like any refund
            return returned
        return min(gone, returned)

    def names(self, panel: str) -> Collection[str]:
        """All names that panels.yaml has for a panel's account: its address and key; the panel's own at least."""
        own = self._profiles.get(panel)
        if own is None:
            return (panel,)
        return [name for name, one in self._profiles.items() if one.account == own.account]


def remembered_balances(recorded: Recorded, panels: Collection[str]) -> Iterator[str]:
    """One sentence for each panel whose balance is remembered: when it was seen, and what was sent since."""
    last = {panel: seen for panel, seen in recorded.last_balances.items() if panel in panels}
    newer = dict.fromkeys(last, 0)
    for one in recorded.each():
        seen = last.get(one.panel)
        if seen is not None and not seen.is_after(one.id, one.marked_at) and not one.is_imported:
            newer[one.panel] += book(one) is not None
    for panel, seen in last.items():
        sent = f"; not read since: {orders(newer[panel])} sent after it" if newer[panel] else ""
        yield f"the balance of {panel} is as it was at {to_the_minute(seen.seen_at)}{sent}"
