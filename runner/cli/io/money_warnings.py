"""Warnings of `status` and `report`: overdrawn budgets, and money missing from exclusive accounts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from runner.cli.arguments.options import Settings
from runner.core.errors import InvalidInput

if TYPE_CHECKING:
    from runner.core.orders import Campaign, PanelProfile
    from runner.core.snapshot import Recorded


def money_warnings(
    campaigns: "Sequence[Campaign]", profiles: "Mapping[str, PanelProfile]", recorded: "Recorded", now: datetime
) -> list[str]:
    """One sentence each; empty while all is well."""
    from runner.planning.accounting.attempt_index import History
    from runner.planning.accounting.balance_confirmation import Accounts
    from runner.planning.accounting.committed_spend import Committed
    from runner.planning.guards.overdrawn import overdrawn
    from runner.planning.guards.panel_guards import account_warnings

    committed = Committed(
        history=History(recorded, campaigns, now),
        balances={panel: seen.balance for panel, seen in recorded.last_balances.items()},
        accounts=Accounts(recorded, profiles),
    )
    beyond = [one.warning for one in overdrawn(campaigns, committed)]
    return [*beyond, *account_warnings(campaigns, committed, profiles)]


def listed_money_warnings(settings: Settings, recorded: "Recorded", now: datetime) -> list[str]:
    """The same for a command that needs no campaign files: of those that are there and can be read."""
    from runner.cli.io.inputs import read_inputs

    try:
        inputs, _ = read_inputs(settings)
    except InvalidInput:  # there are none
        return []
    return money_warnings(inputs.campaigns, inputs.profiles, recorded, now)
