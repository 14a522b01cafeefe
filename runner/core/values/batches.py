"""Cuts what is to be asked for or read into batches."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def in_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """`items` in their order, in lists of at most `size`; one iterator may be shared by several workers."""
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch
