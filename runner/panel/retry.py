"""Repeats reads until there is an answer, within rate limits; splits lists of ids for panels that take single ids.

Only for calls that may be repeated. Knows neither sockets nor what an answer means.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Generic, NamedTuple, Protocol, TypeVar

from runner.core.errors import KeyRejected, PanelBusy, PanelUnreachable
from runner.core.orders import PanelProfile
from runner.core.values.batches import in_batches
from runner.core.values.clock import Clock, to_the_second
from runner.panel import forms
from runner.panel.capabilities import lists_of
from runner.panel.exchange import Answer, TransportFailure
from runner.panel.forms import Form
from runner.panel.parse.complaints import Trouble, TroubleKind
from runner.panel.parse.retry_after import asked_to_wait
from runner.panel.redact import Redact, said
from runner.panel.transport.http import SMALL, Transport
from runner.panel.transport.rate_limit import Limiter, OutOfPatience, Pause

TRIES = 4
FIRST_PAUSE = 0.5  # seconds before the second try, doubled each time, give or take half

T = TypeVar("T")
OnPause = Callable[[str, datetime, str], None]  # panel, until when, what it said


def nobody_waits(_panel: str, _until: datetime, _said: str) -> None:
    """The `OnPause` of a caller that needs none: does nothing."""


class Told(Protocol):
    """An answer about one id."""

    @property
    def error(self) -> str:
        """The panel's error about it, or nothing."""


S = TypeVar("S", bound=Told)


class ListCall(NamedTuple, Generic[S]):
    """A call that takes one id or many, and how its answers are read; results by id."""

    action: str
    field: str  # that takes an id; with an `s` it takes many
    parse: Callable[[str, Sequence[str], Redact], Mapping[str, S] | Trouble]
    of_error: Callable[[str], S]  # what an error means that is about the one id asked for


class Reader:
    """Repeats reads on one panel until they are answered or their tries are over."""

    def __init__(
        self,
        profile: PanelProfile,
        transport: Transport,
        *,
        clock: Clock,
        rng: random.Random,
        redact: Redact,
        on_pause: OnPause,
    ) -> None:
        """`on_pause` hears of each pause that a read makes because the panel asks for it."""
        self._name = profile.name
        self._parallel = profile.parallel_read
        self._on_pause = on_pause
        self._transport = transport
        self._clock = clock
        self._rng = rng
        self._redact = redact
        self.lacking: set[str] = set()  # abilities that the panel turned out not to have: `cancel`, `multi_status`

    async def read(
        self, form: Form, parse: Callable[[str, Redact], T | Trouble], limiter: Limiter, cap: int = SMALL
    ) -> T | Trouble:
        """What the answer says; Trouble only of a kind that asking again does not change.

        Raises `KeyRejected` at once, `PanelBusy` when the panel asks for more patience than there is, and
        `PanelUnreachable` when the tries are over or the panel redirects.
        """
        seen = ""
        for tries in range(TRIES):
            if tries:
                await self._clock.sleep(FIRST_PAUSE * 2 ** (tries - 1) * self._rng.uniform(0.5, 1.5))
            try:
                await limiter.turn()
            except OutOfPatience as error:
                raise self.busy(error.until, seen) from None
            exchange = await self._transport.send(form, cap)
            if isinstance(exchange, TransportFailure):
                seen = f"{exchange.phase.value}: {exchange.message}"
                continue
            parsed = self._understand(exchange, parse)
            if not isinstance(parsed, Trouble):
                limiter.went_through()
                return parsed
            seen = parsed.message if exchange.status == HTTPStatus.OK else f"HTTP {exchange.status}: {parsed.message}"
            if parsed.kind is TroubleKind.KEY:
                raise KeyRejected(
                    f"panel {self._name} does not accept the API key: {seen}",
                    "check the key and the account; some panels block an address after five wrong keys",
                )
            is_rate_limit = parsed.kind is TroubleKind.RATE
            wait = asked_to_wait(exchange.headers, is_rate_limit=is_rate_limit)
            # A panel that is down for a while may say for how long, too.
            if is_rate_limit or (wait and parsed.kind is TroubleKind.UNREADABLE):
                self._pause(limiter.slow_down(wait), seen)
            elif parsed.kind is not TroubleKind.UNREADABLE or parsed.is_about_the_form:
                return parsed
        raise self.unreachable(seen)

    async def read_each(self, call: ListCall[S], ids: Sequence[str], limiter: Limiter) -> dict[str, S]:
        """Results by id, of at most 100 ids, in one call where the panel can; ids that it left out are absent."""
        known: dict[str, S] = {}
        if len(ids) > 1 and lists_of(call.action) not in self.lacking:
            many = await self._ask(call, ids, limiter)
            if many and not isinstance(many, Trouble):
                return dict(many)
            # Refused as a whole, or not a word about any of them: as a panel does that reads `order` alone.
            known = await self._read_one(call, ids[0], limiter)
            # Remembered only when a single call was understood, and only for what is about the form itself.
            if isinstance(many, Trouble):
                is_the_form = many.is_about_the_form
            elif all(one.error for one in known.values()):
                return known
            else:
                is_the_form = True
            if is_the_form:
                self.lacking.add(lists_of(call.action))
            ids = ids[1:]
        for group in in_batches(ids, self._parallel):
            # All are awaited before the first failure is raised: no call goes on behind the caller's back.
            results = await asyncio.gather(
                *(self._read_one(call, each, limiter) for each in group), return_exceptions=True
            )
            for result in results:
                if isinstance(result, BaseException):
                    raise result
                known |= result
        return known

    async def _read_one(self, call: ListCall[S], each: str, limiter: Limiter) -> dict[str, S]:
        found = await self._ask(call, (each,), limiter)
        if not isinstance(found, Trouble):
            return dict(found)
        if found.is_about_one:
            return {each: call.of_error(found.message)}
        if found.kind is TroubleKind.UNKNOWN_ACTION:
            self.lacking.add(call.action)
        raise self.unreachable(found.message)

    async def _ask(self, call: ListCall[S], ids: Sequence[str], limiter: Limiter) -> Mapping[str, S] | Trouble:
        form = forms.about(call.action, call.field, ids)
        return await self.read(form, lambda text, redact: call.parse(text, ids, redact), limiter)

    def _pause(self, pause: Pause, seen: str) -> None:
        if pause.is_too_long:
            raise self.busy(pause.until, seen)
        if pause.is_news:
            self._on_pause(self._name, pause.until, seen)

    def busy(self, until: datetime, seen: str) -> PanelBusy:
        """The error to raise where the panel asks to wait until then, for longer than the patience."""
        return PanelBusy(
            f"panel {self._name} asks to wait until {to_the_second(until)}, which is longer than --patience allows"
            + (f": {seen}" if seen else ""),
            "run the command again then, or with a larger --patience",
            until,
        )

    def unreachable(self, seen: str) -> PanelUnreachable:
        """The error to raise for what was `seen`, which is harmless text."""
        return PanelUnreachable(
            f"panel {self._name} gave no usable answer: {seen}",
            "check `url` in panels.yaml and whether the panel is up, then run the command again",
        )

    def _understand(self, answer: Answer, parse: Callable[[str, Redact], T | Trouble]) -> T | Trouble:
        if answer.is_redirect:
            target = said(answer.headers.get("location", ""), self._redact, 120) or "nowhere"
            raise PanelUnreachable(
                f"panel {self._name} redirects to {target}; redirects are not followed, as the key would go with them",
                "put the panel's final address into `url` in panels.yaml",
            )
        if not answer.complete:
            return Trouble(kind=TroubleKind.UNREADABLE, message=f"an answer longer than {answer.size:,} bytes")
        parsed = parse(answer.text, self._redact)
        if isinstance(parsed, Trouble):
            kind = trouble_kind(parsed, answer.status)
            return Trouble(kind=kind, message=parsed.message, http_status=answer.status)
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Trouble(kind=TroubleKind.UNREADABLE, message="an answer under an error status")
        return parsed


def trouble_kind(trouble: Trouble, status: int) -> TroubleKind:
    """The kind of trouble, with the HTTP status taken into account where the words leave it open."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:  # the panel's own failure: it may pass
        return TroubleKind.UNREADABLE
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return TroubleKind.RATE
    if status == HTTPStatus.UNAUTHORIZED and trouble.kind is TroubleKind.OTHER:
        return TroubleKind.KEY
    return trouble.kind
