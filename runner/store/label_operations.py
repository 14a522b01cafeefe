"""What the journal can be told about moved balances, as data; the other operations are in `operations`."""

from typing import NamedTuple

from runner.core.catalogue import BalanceLabel


class LabelBalance(NamedTuple):
    """A person says why a balance moved."""

    label: BalanceLabel
