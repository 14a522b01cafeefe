"""The request for a plan, and the plan that is made of it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from runner.core.orders import Campaign
from runner.core.snapshot import Recorded
from runner.planning.accounting.balance_races import race_warnings
from runner.planning.doubts.late_execution import late_signs
from runner.planning.fingerprint import SavedPlan
from runner.planning.guards.price_guard import PriceTerms
from runner.planning.plan import Plan
from runner.planning.pricing.repeated_services import repeated_in
from runner.planning.reconcile.planner import make_plan
from runner.planning.reconcile.undeclared_renames import Named
from runner.planning.refills.due_refills import RefillInputs
from runner.planning.status.order_status import lost_words
from runner.planning.status.selectors import Bound, Selector

if TYPE_CHECKING:
    from runner.planning.what_if import WhatIf


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What the user asks of one pass."""

    campaigns: Sequence[Campaign]
    selection: Selector | None = None  # which orders take part; None: all
    max_cost: Decimal | None = None
    counts: Mapping[str, int] | None = None  # present count by page (`page_key`), of a counts file
    saved: SavedPlan | None = None  # what is to be carried out; None: whatever is listed
    is_look: bool = False  # a person only looks at the plan: what changed in the price lists is told and holds nothing
    what_if: "WhatIf | None" = None  # a question, never to be applied
    adaptive: bool = False  # ask for statuses and prices as they become due, not all: the pass of a watch
    prune: bool = False  # cancel live orders that the campaigns list no longer
    others: Named | None = None  # names the campaigns of files that are not given; None: nobody knows

    def selected(self, recorded: Recorded, now: datetime) -> Bound | None:
        """Which orders take part, as the state is; None: all."""
        return None if self.selection is None else self.selection.bind(self.campaigns, recorded, now)


def plan_of(request: PlanRequest, recorded: Recorded, refills: RefillInputs, prices: PriceTerms) -> Plan:
    """The plan that a request means, from what is remembered."""
    warnings = (
        *late_signs(recorded),
        *lost_words(recorded),
        *repeated_in(recorded, request.campaigns),
        *race_warnings(
            recorded,
            {one.panel: prices.profiles[one.panel] for one in request.campaigns if one.panel in prices.profiles},
        ),
    )
    selection = request.selected(recorded, refills.now)
    if selection is not None:
        warnings += tuple(selection.warnings(request.campaigns, recorded))
    campaigns, balances, asked = request.campaigns, None, request.what_if
    if asked is not None:
        from runner.planning.what_if import answered, balances_if, campaigns_if  # only when something is asked

        campaigns, balances = campaigns_if(request.campaigns, recorded, asked), balances_if(recorded, asked)
    plan = make_plan(
        campaigns,
        recorded,
        selection=selection,
        max_cost=request.max_cost,
        balances=balances,
        refills=refills,
        prices=prices,
        asked=None if asked is None else asked.budget,
        prune=request.prune,
        others=request.others,
        agreed=None if request.saved is None else request.saved.agreed,
    )
    if asked is not None:
        plan = answered(plan, asked)
    return replace(plan, warnings=(*warnings, *plan.warnings))
