"""Fault switches: what can go wrong with an answer, in one table, and when it does. No HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Self

from runner.sandbox.world import draws

ANY = "*"  # matches every action


class FaultKind(StrEnum):
    """Name, what the client sees, and whether the call is carried out unless `placed` says otherwise."""

    meaning: str
    carried_out: bool

    def __new__(cls, name: str, meaning: str, carried_out: bool) -> Self:  # noqa: FBT001  # a row of the table below
        """One row of the table."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.meaning = meaning
        member.carried_out = carried_out
        return member

    LATENCY = "latency", "the answer comes `seconds` later; another fault may strike too", True
    RESET_BEFORE = "reset_before", "the connection is reset, nothing was carried out", False
    RESET_AFTER = "reset_after", "carried out, then the connection is reset without an answer", True
    LATE_PLACING = "late_placing", "reset without an answer; the order appears `seconds` x speed minutes later", False
    STATUS_5XX = "status_5xx", "HTTP `status` (503) with a line of text", False
    RATE_LIMIT = "rate_limit", "too many requests: HTTP 429 with Retry-After `seconds`, or 200 without", False
    REDIRECT = "redirect", "HTTP `status` (307) to another path, where every visit is recorded", False
    DUPLICATE_REFUSAL = "duplicate_refusal", "refused: there is an active order with this link", False
    EMPTY_BODY = "empty_body", "HTTP 200 and not one byte", True
    TRUNCATED = "truncated", "Content-Length announces more than is sent, then the connection closes", True
    CUT_CHUNK = "cut_chunk", "a chunked body ends without its last chunk", True
    SLOW = "slow", "the right body, dribbled over `seconds`", True
    HUGE_BODY = "huge_body", "`size` blanks (16 MiB) ahead of the right body", True
    REPEATED = (
        "repeated",
        "a JSON list of `text` ({}) again and again, `size` bytes long, instead of the right body",
        True,
    )
    TRICKLE = (
        "trickle",
        "a chunked body of `text` ({}) again and again, a piece every `seconds`, up to `size` bytes",
        True,
    )
    HTML_BODY = "html_body", "an HTML page instead of JSON", True
    NOT_JSON = "not_json", "a word of plain text instead of JSON", True
    BOM_PREFIX = "bom_prefix", "a byte order mark ahead of the right body", True
    PHP_WARNING = "php_warning", "a PHP warning in HTML ahead of the right body", True
    ID_ZERO = "id_zero", 'carried out, but the answer is {"order": 0}', True
    ERROR_AFTER_PLACING = "error_after_placing", "carried out, but the answer is a general error", True
    ANSWER = "answer", "`text` as the whole body with HTTP `status` (200): any other oddity", True


def _kind(name: object) -> FaultKind:
    for kind in FaultKind:
        if kind == name:
            return kind
    raise ValueError(f"no such kind of fault: {name!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One switch. `times`, `after` and `probability` count the requests of its action."""

    kind: FaultKind
    action: str = "add"  # one of the API's actions, or ANY
    times: int | None = None  # how often it strikes; None: always
    after: int = 0  # requests let through first
    probability: float = 1.0  # of striking a request, seeded
    placed: bool | None = None  # carry the call out or not; None: as the kind does
    seconds: float = 1.0
    status: int | None = None  # HTTP status; None: the kind's own
    text: str = ""  # body of ANSWER; words of ERROR_AFTER_PLACING and STATUS_5XX where given
    size: int = 16 * 1024 * 1024  # bytes
    headers: Mapping[str, str] = field(default_factory=dict)  # more of them, or others, with any complete answer

    @property
    def carries_out(self) -> bool:
        """True if the call takes effect."""
        return self.kind.carried_out if self.placed is None else self.placed

    @classmethod
    def from_json(cls, given: object) -> Self:
        """The switch a JSON object describes; ValueError or TypeError if it describes none."""
        if not isinstance(given, Mapping) or "kind" not in given:
            raise ValueError("a fault is an object with `kind`")
        unknown = set(given) - {known.name for known in fields(cls)}
        if unknown:
            raise ValueError(f"a fault has no {', '.join(sorted(unknown))}")
        return cls(**{**given, "kind": _kind(given["kind"])})


@dataclass(slots=True)
class _Armed:
    """A switch with its counters."""

    fault: Fault
    place: int
    seen: int = 0
    struck: int = 0

    def strikes(self, action: str, seed: int) -> bool:
        """Count one request; True if the fault strikes it."""
        fault = self.fault
        if fault.action not in (action, ANY):
            return False
        self.seen += 1
        if self.seen <= fault.after or (fault.times is not None and self.struck >= fault.times):
            return False
        if fault.probability < 1.0 and draws("fault", seed, self.place, self.seen)[0] >= fault.probability:
            return False
        self.struck += 1
        return True


class FaultBoard:
    """The switches that are on. False while there are none, so that a request pays nothing for them."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._armed: list[_Armed] = []

    def __bool__(self) -> bool:
        return bool(self._armed)

    def replace(self, faults: Sequence[Fault]) -> None:
        """Switch on exactly these, with counters at zero; the first that strikes a request wins."""
        self._armed = [_Armed(fault, place) for place, fault in enumerate(faults)]

    def draw(self, action: str) -> tuple[float, Fault | None]:
        """What happens to one request: seconds of latency, and the fault if any."""
        delay = 0.0
        for armed in self._armed:
            if armed.strikes(action, self._seed):
                if armed.fault.kind is not FaultKind.LATENCY:
                    return delay, armed.fault
                delay += armed.fault.seconds
        return delay, None

    def listed(self) -> list[dict[str, object]]:
        """Every switch as JSON, with how many requests it saw and struck."""
        return [asdict(armed.fault) | {"seen": armed.seen, "struck": armed.struck} for armed in self._armed]
