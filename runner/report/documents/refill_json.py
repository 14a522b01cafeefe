"""The document of `runner refill` and `runner cancel`: exactly the keys of `refill.schema.json` and `cancel.schema.json`."""

from collections import Counter
from collections.abc import Sequence

from runner.engine.results import RequestResult

Document = dict[str, object]


def refill_document(results: Sequence[RequestResult], *, dry_run: bool) -> Document:
    """What `refill --format json` prints."""
    rows = [_row(one) | {"refill_id": one.refill_id} for one in results]
    return {"dry_run": dry_run, "orders": rows, "summary": _summary(results)}


def cancel_document(results: Sequence[RequestResult], *, dry_run: bool) -> Document:
    """What `cancel --format json` prints."""
    return {"dry_run": dry_run, "orders": [_row(one) for one in results], "summary": _summary(results)}


def _row(result: RequestResult) -> Document:
    return {
        "order": result.order,
        "panel_order_id": result.panel_order_id,
        "outcome": result.outcome.value,
        "message": result.message,
    }


def _summary(results: Sequence[RequestResult]) -> Document:
    return {outcome.value: number for outcome, number in Counter(one.outcome for one in results).items()}
