"""What the journal can be told about refills and cancellations, as data; the other operations are in `operations`."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from runner.core.upkeep import CancelRequest, RefillSeen, RefillSettled


class AskRefills(NamedTuple):
    """Refills are about to be asked for, for these attempts; answers with one id for each, in their order."""

    attempt_ids: Sequence[int]
    at: datetime


class SettleRefills(NamedTuple):
    """The answers to requests in `asking`."""

    settled: Sequence[RefillSettled]
    at: datetime


class SeeRefills(NamedTuple):
    """One batch of refill statuses."""

    seen: Sequence[RefillSeen]


class SeeCancels(NamedTuple):
    """Cancellations that were asked for, each with its answer."""

    requests: Sequence[CancelRequest]


UpkeepOperation = AskRefills | SettleRefills | SeeRefills | SeeCancels
