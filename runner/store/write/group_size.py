"""Decides how many operations one commit takes, by how busy the loop's thread is."""

import time
from collections.abc import Callable

LARGEST = 1000  # bounds what one refused neighbour makes us repeat
SMALL = 8  # four orders' outcomes and next marks: with fewer the commits cost more than the waiting
# The same where a commit takes round trips to a server. With 8, 1,500 orders at 50 ms took 1.5 x as long; with 48 as long.
SMALL_ON_SERVER = 32
_BUSY = 0.75  # share of the time between commits that the thread computed
_CALM = 1  # turns of the loop that told nothing new, before a commit
# The same while the thread is busy: answers come in bursts, and one turn without any lies inside of most. With 1 there
# were half as many commits again, for 8 % of an order's time at a panel that answers at once.
_CALM_WHEN_BUSY = 3
_MEMORY = 0.95  # weight of the past after one more commit: some twenty of them count


class GroupSize:
    """Makes groups small while the thread waits for a slow panel, and large while it is busy.

    While there is time to spare, small commits let each caller go on at once. They also spread the answers of a burst
    over time, which would else come and wait together for ever. While there is none, commits are what costs time, and
    the more operations share one the better.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.perf_counter,
        computing: Callable[[], float] = time.thread_time,
        small: int = SMALL,
    ) -> None:
        """Two clocks in seconds: the wall clock, and what this thread has computed; operations of a small group."""
        self._small = small
        self._wall = wall
        self._computing = computing
        self._since = (wall(), computing())
        self._elapsed = self._computed = 0.0  # outside of commits; the past counts less and less
        self.limit = LARGEST

    @property
    def calm(self) -> int:
        """Turns of the loop that have to tell nothing new before a group is committed that could still grow."""
        return _CALM_WHEN_BUSY if self.limit == LARGEST else _CALM

    def before_commit(self) -> None:
        """Judge how busy the thread is by what passed since the last commit; one begins now."""
        wall, computing = self._since
        self._elapsed = self._elapsed * _MEMORY + self._wall() - wall
        self._computed = self._computed * _MEMORY + self._computing() - computing
        self.limit = LARGEST if self._computed >= self._elapsed * _BUSY else self._small

    def after_commit(self) -> None:
        """Count time again, as a commit has ended. What it took itself says nothing about the panel."""
        self._since = (self._wall(), self._computing())
