"""Batches of what is to be asked for."""

from runner.core.values.batches import in_batches


def test_batches_keep_the_order_and_the_last_one_is_what_is_left():
    assert list(in_batches("31425", 2)) == [["3", "1"], ["4", "2"], ["5"]]
    assert list(in_batches("3142", 2)) == [["3", "1"], ["4", "2"]]
    assert list(in_batches([], 2)) == []


def test_workers_may_share_one_iterator():
    batches = in_batches(range(5), 2)
    assert next(batches) == [0, 1]
    assert list(batches) == [[2, 3], [4]]
