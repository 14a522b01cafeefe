"""The calls for refills and cancellations. They never raise for what the network does; each request has its result."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from runner.core.attempts import BATCH, Phase
from runner.core.errors import KeyRejected, PanelUnreachable
from runner.core.refills import CancelState, Finality, RefillState
from runner.core.values.batches import in_batches
from runner.panel import forms
from runner.panel.capabilities import lists_of
from runner.panel.exchange import TransportFailure
from runner.panel.forms import Form
from runner.panel.parse import refill_answers
from runner.panel.parse.complaints import Trouble, TroubleKind
from runner.panel.parse.refill_answers import CancelAnswer, RefillAnswer, RefillStatusAnswer
from runner.panel.parse.retry_after import asked_to_wait
from runner.panel.redact import Redact
from runner.panel.retry import ListCall, Reader, trouble_kind
from runner.panel.transport.http import Transport
from runner.panel.transport.rate_limit import Limiter, OutOfPatience

REFILL_STATUS = ListCall(
    action="refill_status",
    field="refill",
    parse=refill_answers.parse_refill_statuses,
    of_error=lambda message: RefillStatusAnswer(error=message),
)
_REFILL, _CANCEL = "refill", "cancel"
_NOTHING_LEFT = frozenset({Phase.QUEUED, Phase.CONNECTING})
# Such an error refuses a list as a whole: nothing of it was recorded, so that each may be asked for alone.
_OF_THE_LIST = frozenset({TroubleKind.UNKNOWN_ACTION, TroubleKind.REQUEST, TroubleKind.UNKNOWN_ID})

Answer = TypeVar("Answer", RefillAnswer, CancelAnswer)


class UpkeepCalls:
    """`refill`, `refill_status` and `cancel` on one panel."""

    def __init__(self, reader: Reader, transport: Transport, limiter: Limiter, redact: Redact) -> None:
        self._reader = reader
        self._transport = transport
        self._limiter = limiter
        self._redact = redact

    async def refill(self, order_ids: Iterable[str], send_before: float) -> dict[str, RefillAnswer]:
        """Ask in calls of 100; return what became of each request. None is repeated once a byte of it may have left.

        Nothing is written after `send_before`, by `awake_or_asleep`.
        """
        obstacle = _no_refills("this panel has no refills") if _REFILL in self._reader.lacking else None
        return await _each(order_ids, partial(self._refill, send_before), obstacle)

    async def _refill(
        self, send_before: float, order_ids: Sequence[str], found: dict[str, RefillAnswer]
    ) -> RefillAnswer | None:
        """Note answers in `found`, by one call or one for each id; return what hinders all further requests, or None."""
        lacking = self._reader.lacking
        if len(order_ids) > 1 and lists_of(_REFILL) not in lacking:
            told = await self._ask_refill(order_ids, send_before)
            if not isinstance(told, Trouble) or told.kind not in _OF_THE_LIST:
                return _note(told, order_ids, found)
            if told.kind is not TroubleKind.UNKNOWN_ID:
                lacking.add(lists_of(_REFILL))
        for order_id in order_ids:
            told = await self._ask_refill((order_id,), send_before)
            if isinstance(told, Trouble) and told.kind is TroubleKind.UNKNOWN_ACTION:
                lacking.add(_REFILL)
                return _no_refills(told.message)
            if (obstacle := _note(told, (order_id,), found)) is not None:
                return obstacle
        return None

    async def _ask_refill(self, order_ids: Sequence[str], send_before: float) -> Mapping[str, RefillAnswer] | Trouble:
        """Exactly one request, or none where that would have to wait for too long."""
        try:
            await self._limiter.turn()
        except OutOfPatience as error:
            return Trouble(kind=TroubleKind.RATE, message=self._reader.busy(error.until, "").message)
        exchange = await self._transport.send(forms.about(_REFILL, "order", order_ids), send_before=send_before)
        if isinstance(exchange, TransportFailure):
            state = RefillState.NOT_SENT if exchange.phase in _NOTHING_LEFT else RefillState.UNKNOWN
            return dict.fromkeys(order_ids, RefillAnswer(state=state, message=exchange.message))
        if exchange.is_server_error:
            return Trouble(kind=TroubleKind.UNREADABLE, message=f"HTTP {exchange.status}: it may have been recorded")
        if not exchange.complete:
            return Trouble(kind=TroubleKind.UNREADABLE, message=f"an answer longer than {exchange.size} bytes")
        told = refill_answers.parse_refills(exchange.text, order_ids, self._redact)
        if not isinstance(told, Trouble):
            return told
        trouble = Trouble(kind=trouble_kind(told, exchange.status), message=told.message)
        if trouble.kind is TroubleKind.RATE:
            self._limiter.slow_down(asked_to_wait(exchange.headers))
        if len(order_ids) == 1 and trouble.is_about_one:
            return {order_ids[0]: refill_answers.refill_of_error(told.message, told.message)}
        return trouble

    async def refill_statuses(self, refill_ids: Iterable[str]) -> dict[str, RefillStatusAnswer]:
        """Statuses by refill id, in calls of 100; ids that the panel left out are absent. A read: raises as reads do."""
        found: dict[str, RefillStatusAnswer] = {}
        if REFILL_STATUS.action in self._reader.lacking:
            return dict.fromkeys(refill_ids, RefillStatusAnswer(error="this panel does not tell how refills stand"))
        for batch in in_batches(dict.fromkeys(refill_ids), BATCH):
            found |= await self._reader.read_each(REFILL_STATUS, batch, self._limiter)
        return found

    async def cancel(self, order_ids: Iterable[str]) -> dict[str, CancelAnswer]:
        """Ask in calls of 100; return what became of each request. Repeats calls without an answer: cancelling twice changes nothing.

        A panel that does not take the list is asked once more for each order alone.
        """
        obstacle: CancelAnswer | None = None
        if _CANCEL in self._reader.lacking:
            obstacle = CancelAnswer(state=CancelState.REFUSED, message="this panel can't cancel orders")
        return await _each(order_ids, self._cancel, obstacle)

    async def _cancel(self, order_ids: Sequence[str], found: dict[str, CancelAnswer]) -> CancelAnswer | None:
        """Note answers in `found`, by one call or one for each id; return what hinders all further requests, or None."""
        try:
            if lists_of(_CANCEL) not in self._reader.lacking:
                told = await self._ask_cancel(forms.cancel(order_ids), order_ids)
                if isinstance(told, Trouble):
                    if len(order_ids) == 1 and told.kind is TroubleKind.OTHER:
                        found[order_ids[0]] = _cancel_refused(told)
                        return None
                elif any(one.state is not CancelState.UNKNOWN for one in told.values()):
                    found |= told
                    return None
            return await self._cancel_singly(order_ids, found)
        except KeyRejected as error:
            return CancelAnswer(state=CancelState.REFUSED, message=error.message, stops_panel=True)
        except PanelUnreachable as error:
            return CancelAnswer(state=CancelState.UNKNOWN, message=error.message, stops_panel=True)

    async def _cancel_singly(self, order_ids: Sequence[str], found: dict[str, CancelAnswer]) -> CancelAnswer | None:
        lacking = self._reader.lacking
        for order_id in order_ids:
            told = await self._ask_cancel(forms.cancel_one(order_id), (order_id,))
            if isinstance(told, Trouble):
                if told.kind is TroubleKind.UNKNOWN_ACTION:
                    lacking.add(_CANCEL)
                    return CancelAnswer(state=CancelState.REFUSED, message=told.message, stops_panel=True)
                found[order_id] = _cancel_refused(told)
                continue
            found |= told
            if told[order_id].state is CancelState.RECORDED:
                lacking.add(lists_of(_CANCEL))  # it takes this form, and did not take the list
            elif told[order_id].state is CancelState.UNKNOWN and lists_of(_CANCEL) not in lacking:
                return told[order_id]  # neither form is answered: the others would hear as little
        return None

    async def _ask_cancel(self, form: Form, order_ids: Sequence[str]) -> Mapping[str, CancelAnswer] | Trouble:
        return await self._reader.read(
            form, lambda text, redact: refill_answers.parse_cancels(text, order_ids, redact), self._limiter
        )


async def _each(
    order_ids: Iterable[str],
    ask: Callable[[Sequence[str], dict[str, Answer]], Awaitable[Answer | None]],
    obstacle: Answer | None,
) -> dict[str, Answer]:
    """Ask in batches until there is an obstacle, which answers all others; return what became of each request."""
    found: dict[str, Answer] = {}
    for batch in in_batches(dict.fromkeys(order_ids), BATCH):
        if obstacle is None:
            obstacle = await ask(batch, found)
        if obstacle is not None:
            found |= {order_id: obstacle for order_id in batch if order_id not in found}
    return found


def _no_refills(message: str) -> RefillAnswer:
    """What a panel without refills says to each: it will not have them later, so none is asked for again."""
    return RefillAnswer(state=RefillState.REFUSED, finality=Finality.FINAL, message=message, stops_panel=True)


def _note(
    told: Mapping[str, RefillAnswer] | Trouble, order_ids: Sequence[str], found: dict[str, RefillAnswer]
) -> RefillAnswer | None:
    """Note what was answered to these requests; the answer to all further ones if they would meet the same."""
    if not isinstance(told, Trouble):
        found |= told
    elif told.kind in (TroubleKind.KEY, TroubleKind.RATE):  # it has not looked at the orders
        return RefillAnswer(state=RefillState.NOT_SENT, message=told.message, stops_panel=True)
    else:
        found |= dict.fromkeys(order_ids, RefillAnswer(state=RefillState.UNKNOWN, message=told.message))
    return None


def _cancel_refused(trouble: Trouble) -> CancelAnswer:
    """Return what became of a request if the whole answer is an error."""
    if trouble.kind is TroubleKind.UNREADABLE:
        return CancelAnswer(state=CancelState.UNKNOWN, message=trouble.message)
    return refill_answers.cancel_of_error(trouble.message, trouble.message)
