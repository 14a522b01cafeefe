"""Says whether asking to cancel is of use, and what came of it by the latest status. Pure."""

from collections.abc import Sequence

from runner.core.attempts import Attempt, LiveStatus
from runner.core.catalogue import Service
from runner.core.refills import CancelRequest, CancelState
from runner.core.snapshot import Recorded
from runner.core.values.clock import to_the_minute
from runner.planning.refills.due_refills import service_of

_CANCEL = "cancel"  # the ability, as `Recorded.lacking` names it


def too_late(attempt: Attempt, service: Service | None) -> str:
    """Why the panel need not be asked to cancel; empty if it may be, also repeatedly: cancelling twice changes nothing."""
    if attempt.is_final:
        return f"too late: it is {attempt.status.replace('_', ' ')}"
    if service is not None and service.cancel is False:
        return f"service {attempt.service} can't be cancelled"
    return ""


def cannot_cancel(attempt: Attempt, recorded: Recorded) -> str:
    """Why the runner does not ask the panel by itself; empty if it may."""
    if _CANCEL in recorded.lacking.get(attempt.panel, ()):
        return f"{attempt.panel} can't cancel orders"
    return too_late(attempt, service_of(recorded, attempt))


def status_words(attempt: Attempt) -> str:
    """The last status seen of a live order."""
    return "not seen yet" if attempt.status is LiveStatus.UNKNOWN else attempt.status.replace("_", " ")


def cancel_word(attempt: Attempt, requests: Sequence[CancelRequest]) -> str:
    """What a person should know of the last request while the order is live; empty if there was none."""
    if not requests or attempt.is_final:
        return ""
    last = requests[-1]
    when = to_the_minute(last.asked_at)
    match last.state:
        case CancelState.RECORDED:
            return f"the panel took the request to cancel it of {when}"
        case CancelState.REFUSED:
            return f"the request to cancel it of {when} was refused: {last.message}"
        case CancelState.UNKNOWN:
            return f"the answer to the request to cancel it of {when} is not known; it may be repeated"
