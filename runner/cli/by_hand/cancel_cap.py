"""Applies `policy.max_cancel` to `runner cancel`: at most so many live orders of a campaign in one command."""

import re
from collections import Counter
from collections.abc import Sequence

from runner.cli.arguments.project import project
from runner.cli.io.inputs import listed_in_project
from runner.core.attempts import Attempt
from runner.core.errors import UsageError
from runner.core.orders import USUAL_MAX_CANCEL, Limit
from runner.core.snapshot import Recorded
from runner.files.syntax.scalars import fraction
from runner.planning.guards.order_limits import too_many_cancelled

CHOICES = "cancel fewer, or allow it with --max-cancel 100% or policy.max_cancel"
_OPTION = re.compile(r"[0-9]{1,9}|[0-9]{1,4}(\.[0-9]{1,6})?%")


def excess(asking: Sequence[Attempt], recorded: Recorded, option: str | None) -> list[str]:
    """One line for each campaign of which `asking` holds more orders than may be cancelled at once; else empty."""
    given = None if option is None else _limit(option)
    wanted = Counter(one.campaign for one in asking)
    live = Counter(one.campaign for one in recorded.each() if one.is_live)
    # A broken campaign stops no cancel.
    campaigns = {} if given is not None else {one.name: one for one in listed_in_project(project()).campaigns}
    found = []
    for name, number in wanted.items():
        campaign = campaigns.get(name)
        if given is not None:
            limit, place = given, "--max-cancel"
        elif campaign is not None and "policy.max_cancel" in campaign.places:
            limit, place = campaign.policy.max_cancel, campaign.place_of("policy.max_cancel")
        else:
            limit, place = USUAL_MAX_CANCEL, "unless a campaign says otherwise"
        found.append(too_many_cancelled(name, limit, place, number, live[name]))
    return [one for one in found if one]


def _limit(option: str) -> Limit:
    if not _OPTION.fullmatch(option):
        raise UsageError(f"--max-cancel {option}: neither a number nor a share", "write it like 50 or 30%")
    return Limit(share=fraction(option)) if option.endswith("%") else Limit(number=int(option))
