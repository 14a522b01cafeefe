"""What one request came to: an answer, or how far it got. The border between transport and parsing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from runner.core.attempts import Phase


class Answer(NamedTuple):
    """An HTTP answer; its text is hostile and may echo the key."""

    status: int
    headers: Mapping[str, str]  # lower-case names, only those in `KEPT_HEADERS`
    text: str
    complete: bool = True  # False: longer than the cap, `text` is its beginning
    size: int = 0  # bytes of body, after decompression

    @property
    def is_success(self) -> bool:
        """True for 2xx."""
        return self.status // 100 == 2  # noqa: PLR2004

    @property
    def is_redirect(self) -> bool:
        """True for 3xx; never followed: the key and the order are in the body, and would be sent again."""
        return self.status // 100 == 3  # noqa: PLR2004

    @property
    def is_client_error(self) -> bool:
        """True for 4xx."""
        return self.status // 100 == 4  # noqa: PLR2004

    @property
    def is_server_error(self) -> bool:
        """True for 5xx: it may have failed after doing what was asked."""
        return self.status // 100 == 5  # noqa: PLR2004


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportFailure:
    """No whole answer. `phase` says how far the request got; `message` is harmless and free of the key."""

    phase: Phase
    message: str
    bytes_received: int = 0
    http_status: int | None = None  # known from Phase.ANSWERING on
    answer: str = ""  # the beginning of a body that broke off; harmless and free of the key, as the message


Exchange: TypeAlias = Answer | TransportFailure

KEPT_HEADERS = ("date", "location", "retry-after", "x-ratelimit-reset", "x-rate-limit-reset", "ratelimit-reset")
