"""Makes the ids of runs."""

import uuid
from datetime import datetime


def new_run_id(at: datetime) -> str:
    """The id of a run that begins now, `20260301T120000-1a2b3c4d`: sorts in time order, and never comes twice."""
    return f"{at:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
