"""Remembers how long a panel was seen to keep its connections. Pure.

An order that is sent into a closing connection is in doubt, though the panel never read it. So an order goes out on a
connection that was used before only if another one was seen to live longer: after as many answers, and idle for as
long.
"""

from dataclasses import dataclass

REST = 0.02  # seconds after an answer within which a server that closes behind it is seen to do so
LONGEST_IDLE = 1.0  # seconds; a connection that was idle for longer never carries an order
_MARGIN = (
    2.0  # another connection must have been idle for so many times as long: what closes now is seen a moment later
)


@dataclass(slots=True)
class KeepAlive:
    """What was seen of one panel's connections."""

    is_broken: bool = False  # it closed one that it had promised to keep: every request has its own from now on
    answers: int = 0  # after so many on one connection it was still open
    idle: float = 0.0  # seconds after which one was still open

    def see_open(self, answers: int, idle: float) -> None:
        """A connection that carried so many answers is open after so many idle seconds."""
        self.idle = max(self.idle, idle)
        if idle >= REST:
            self.answers = max(self.answers, answers)

    @property
    def trusted(self) -> tuple[int, float]:
        """Answers and idle seconds: a connection that has no more of either may carry an order."""
        if self.is_broken:
            return (-1, -1.0)
        longest = self.idle / _MARGIN
        return (self.answers, min(LONGEST_IDLE, longest))

    def would_learn(self, answers: int, idle: float) -> bool:
        """True if it would be news that such a connection is open."""
        return idle > self.idle < LONGEST_IDLE * _MARGIN or (answers > self.answers and idle >= REST)

    def see_closed(self, idle: float) -> None:
        """The panel closed a connection that was idle for at most so many seconds, and had not said that it would."""
        if idle <= LONGEST_IDLE:
            self.is_broken = True
        self.idle = min(self.idle, idle)

    def see_lost(self) -> None:
        """A request on a used connection got no answer at all."""
        self.is_broken = True

    def may_carry_order(self, answers: int, idle: float) -> bool:
        """True if an order may go out on an open connection with this past."""
        most, longest = self.trusted
        return answers <= most and idle <= longest
