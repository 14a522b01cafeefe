from datetime import timedelta
from decimal import Decimal

from runner.core.catalogue import Balance, BalanceSeen
from runner.core.operations import SeeBalance
from runner.store.read.balance_looks import read_balances
from tests.store.making import NOW


def seen(panel: str, amount: str, minute: int) -> BalanceSeen:
    balance = Balance(amount=Decimal(amount), currency="USD")
    return BalanceSeen(panel=panel, balance=balance, seen_at=NOW + timedelta(minutes=minute))


def test_of_equal_balances_in_a_row_the_first_and_the_last_are_read(writer, paths):
    told = [seen("a", "10", 0), seen("a", "9", 1), seen("b", "5", 2), *(seen("a", "9", 3 + n) for n in range(5))]
    told += [seen("a", "8", 9), seen("c", "1", 10)]
    writer.commit([SeeBalance(one) for one in told])
    assert read_balances(paths, {"a", "b"}) == [told[0], told[1], told[2], seen("a", "9", 7), told[-2]]


def test_without_a_state_there_are_none(paths):
    assert read_balances(paths, {"a"}) == []
