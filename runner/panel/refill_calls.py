"""The calls for refills and cancellations. They never raise for what the network does; each request has its result."""

from collections.abc import Iterable, Mapping

from runner.core.attempts import Phase
from runner.core.errors import KeyRejected, PanelUnreachable
from runner.panel import forms
from runner.panel.exchange import TransportFailure
from runner.panel.forms import Form
from runner.panel.parse import refill_answers
from runner.panel.parse.complaints import Trouble, TroubleKind
from runner.panel.parse.refill_answers import (
    CancelAnswer,
    CancelKind,
    Finality,
    RefillAnswer,
    RefillKind,
    RefillState,
    RefillStatusAnswer,
)
from runner.panel.parse.retry_after import asked_to_wait
from runner.panel.redact import Redact
from runner.panel.retry import ListCall, Reader, batches, trouble_kind
from runner.panel.transport.http import Transport
from runner.panel.transport.rate_limit import Limiter, OutOfPatience

REFILL_STATUS = ListCall(
    action="refill_status",
    one_form=forms.refill_status,
    many_form=forms.refill_statuses,
    parse=refill_answers.parse_refill_statuses,
    of_error=refill_answers.refill_status_of_error,
)
_CANCEL = "cancel"

_NOTHING_LEFT = frozenset({Phase.QUEUED, Phase.CONNECTING})
_HOPELESS = frozenset({TroubleKind.KEY, TroubleKind.RATE, TroubleKind.UNKNOWN_ACTION})


class UpkeepCalls:
    """`refill`, `refill_status` and `cancel` on one panel."""

    def __init__(self, reader: Reader, transport: Transport, limiter: Limiter, redact: Redact) -> None:
        self._reader = reader
        self._transport = transport
        self._limiter = limiter
        self._redact = redact

    async def refill(self, order_ids: Iterable[str]) -> dict[str, RefillAnswer]:
        """What became of each request, in calls of 100. No request is repeated once a byte of it may have left."""
        requests = tuple(dict.fromkeys(order_ids))
        found: dict[str, RefillAnswer] = {}
        hopeless = "this panel has no refills" if "refill" in self._reader.capabilities.missing else ""
        for batch in batches(requests):
            hopeless = hopeless or await self._refill(batch, found)
        if hopeless:
            # A panel without refills will not have them later: each request is answered, or all would be made again and again.
            missing = "refill" in self._reader.capabilities.missing
            left = RefillAnswer(
                kind=RefillKind.REFUSED if missing else RefillKind.NOT_SENT,
                finality=Finality.FINAL if missing else None,
                message=hopeless,
                stops_panel=True,
            )
            found |= {order_id: left for order_id in requests if order_id not in found}
        return found

    async def _refill(self, order_ids: tuple[str, ...], found: dict[str, RefillAnswer]) -> str:
        """One call, or one for each id, noted in `found`; what stands in the way of all further requests, or nothing."""
        capabilities = self._reader.capabilities
        if len(order_ids) > 1 and "refill" not in capabilities.singly:
            wished = await self._ask_refill(order_ids)
            if not isinstance(wished, Trouble):
                found |= wished
                return ""
            # Such a refusal is of the call as a whole: nothing was recorded, so that each may be asked for alone.
            if wished.kind in (TroubleKind.UNKNOWN_ACTION, TroubleKind.REQUEST):
                capabilities.singly.add("refill")
            elif wished.kind is not TroubleKind.UNKNOWN_ID:
                return _note(wished, order_ids, found)
        for order_id in order_ids:
            wished = await self._ask_refill((order_id,))
            if not isinstance(wished, Trouble):
                found |= wished
                continue
            if wished.kind is TroubleKind.UNKNOWN_ACTION:
                capabilities.missing.add("refill")
            if hopeless := _note(wished, (order_id,), found):
                return hopeless
        return ""

    async def _ask_refill(self, order_ids: tuple[str, ...]) -> Mapping[str, RefillAnswer] | Trouble:
        """Exactly one request, or none where that would have to wait for too long."""
        try:
            await self._limiter.turn()
        except OutOfPatience as error:
            return Trouble(kind=TroubleKind.RATE, message=self._reader.busy(error.until, "").message)
        alone = len(order_ids) == 1
        exchange = await self._transport.send(forms.refill(order_ids[0]) if alone else forms.refills(order_ids))
        if isinstance(exchange, TransportFailure):
            kind = RefillKind.NOT_SENT if exchange.phase in _NOTHING_LEFT else RefillKind.UNKNOWN
            return dict.fromkeys(order_ids, RefillAnswer(kind=kind, message=exchange.message))
        if exchange.is_server_error:
            return Trouble(kind=TroubleKind.UNREADABLE, message=f"HTTP {exchange.status}: it may have been recorded")
        if not exchange.complete:
            return Trouble(kind=TroubleKind.UNREADABLE, message=f"an answer longer than {exchange.size} bytes")
        wished = refill_answers.parse_refills(exchange.text, order_ids, self._redact)
        if not isinstance(wished, Trouble):
            return wished
        trouble = Trouble(kind=trouble_kind(wished, exchange.status), message=wished.message)
        if trouble.kind is TroubleKind.RATE:
            self._limiter.slow_down(asked_to_wait(exchange.headers))
        if alone and trouble.is_about_one:
            return {order_ids[0]: refill_answers.refill_of_error(wished.message, wished.message)}
        return trouble

    async def refill_statuses(self, refill_ids: Iterable[str]) -> dict[str, RefillStatusAnswer]:
        """Statuses by refill id, in calls of 100; ids that the panel left out are absent. A read: raises as reads do."""
        found: dict[str, RefillStatusAnswer] = {}
        if REFILL_STATUS.action in self._reader.capabilities.missing:
            untold = RefillStatusAnswer(state=RefillState.UNKNOWN, error="this panel does not tell how refills stand")
            return dict.fromkeys(refill_ids, untold)
        for batch in batches(refill_ids):
            found |= await self._reader.read_each(REFILL_STATUS, batch, self._limiter)
        return found

    async def cancel(self, order_ids: Iterable[str]) -> dict[str, CancelAnswer]:
        """What became of each request, in calls of 100. Repeated while no answer comes, as cancelling twice changes nothing.

        A panel that does not take the list is asked once more for each order alone.
        """
        found: dict[str, CancelAnswer] = {}
        hopeless: CancelAnswer | None = None
        if _CANCEL in self._reader.capabilities.missing:
            hopeless = CancelAnswer(kind=CancelKind.REFUSED, message="this panel can't cancel orders")
        for batch in batches(order_ids):
            if hopeless is None:
                hopeless = await self._cancel(batch, found)
            if hopeless is not None:
                found |= {order_id: hopeless for order_id in batch if order_id not in found}
        return found

    async def _cancel(self, order_ids: tuple[str, ...], found: dict[str, CancelAnswer]) -> CancelAnswer | None:
        """One call, or one for each id, noted in `found`; what stands in the way of all further requests, or None."""
        capabilities = self._reader.capabilities
        try:
            if _CANCEL not in capabilities.singly:
                asked = await self._ask_cancel(forms.cancel(order_ids), order_ids)
                if not isinstance(asked, Trouble) and any(one.kind is not CancelKind.UNKNOWN for one in asked.values()):
                    found |= asked
                    return None
                if isinstance(asked, Trouble) and len(order_ids) == 1 and asked.kind is TroubleKind.OTHER:
                    found[order_ids[0]] = _cancel_refused(asked)
                    return None
            return await self._cancel_singly(order_ids, found)
        except KeyRejected as error:
            return CancelAnswer(kind=CancelKind.REFUSED, message=error.message, stops_panel=True)
        except PanelUnreachable as error:
            return CancelAnswer(kind=CancelKind.UNKNOWN, message=error.message, stops_panel=True)

    async def _cancel_singly(self, order_ids: tuple[str, ...], found: dict[str, CancelAnswer]) -> CancelAnswer | None:
        capabilities = self._reader.capabilities
        for order_id in order_ids:
            asked = await self._ask_cancel(forms.cancel_one(order_id), (order_id,))
            if isinstance(asked, Trouble):
                if asked.kind is TroubleKind.UNKNOWN_ACTION:
                    capabilities.missing.add(_CANCEL)
                    return CancelAnswer(kind=CancelKind.REFUSED, message=asked.message, stops_panel=True)
                found[order_id] = _cancel_refused(asked)
                continue
            found |= asked
            if asked[order_id].kind is CancelKind.RECORDED:
                capabilities.singly.add(_CANCEL)  # it takes this form, and did not take the list
            elif asked[order_id].kind is CancelKind.UNKNOWN and _CANCEL not in capabilities.singly:
                return asked[order_id]  # neither form is answered: the others would hear as little
        return None

    async def _ask_cancel(self, form: Form, order_ids: tuple[str, ...]) -> Mapping[str, CancelAnswer] | Trouble:
        return await self._reader.read(
            form, lambda text, redact: refill_answers.parse_cancels(text, order_ids, redact), self._limiter
        )


def _cancel_refused(trouble: Trouble) -> CancelAnswer:
    """What became of one request of which the whole answer is an error."""
    if trouble.kind is TroubleKind.UNREADABLE:
        return CancelAnswer(kind=CancelKind.UNKNOWN, message=trouble.message)
    return refill_answers.cancel_of_error(trouble.message, trouble.message)


def _note(trouble: Trouble, order_ids: tuple[str, ...], found: dict[str, RefillAnswer]) -> str:
    """Note what trouble means for these requests; its message if further requests would meet the same."""
    if trouble.kind not in _HOPELESS:
        found |= dict.fromkeys(order_ids, RefillAnswer(kind=RefillKind.UNKNOWN, message=trouble.message))
        return ""
    finality = Finality.FINAL if trouble.kind is TroubleKind.UNKNOWN_ACTION else Finality.LATER
    refused = RefillAnswer(kind=RefillKind.REFUSED, finality=finality, message=trouble.message, stops_panel=True)
    found |= dict.fromkeys(order_ids, refused)
    return trouble.message
