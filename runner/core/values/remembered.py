"""Works out once what is asked for again and again."""

from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Remembered(dict[K, V], Generic[K, V]):
    """What a function makes of each key, worked out once: equal keys give one object, by a look-up instead of a call.

    At most `most` keys are remembered: a file of distinct ones must not fill the memory.
    """

    def __init__(self, work_out: Callable[[K], V], most: int = 10_000) -> None:
        super().__init__()
        self._work_out = work_out
        self._most = most

    def __missing__(self, key: K) -> V:
        """Work it out, and remember it while there is room."""
        value = self._work_out(key)
        if len(self) < self._most:
            self[key] = value
        return value
