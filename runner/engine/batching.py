"""Cuts lists of ids into batches of the size that a panel takes in one call."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from runner.core.attempts import BATCH

T = TypeVar("T")


def in_batches(items: Iterable[T]) -> Iterator[list[T]]:
    """`items` in their order, in lists of at most 100; one iterator may be shared by several workers."""
    left = iter(items)
    while batch := list(islice(left, BATCH)):
        yield batch
