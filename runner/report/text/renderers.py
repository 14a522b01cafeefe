"""Collects the renderers of all commands, `render_…(subject, screen)`, to import from one place."""

from runner.report.terminal.screen import Screen
from runner.report.text.apply import render_apply
from runner.report.text.doubt import render_doubt, render_doubts, render_settled
from runner.report.text.ledger import render_money, render_report
from runner.report.text.lists import Validation, render_balances, render_diagnostics, render_services, render_validation
from runner.report.text.plan import render_plan, render_verdict
from runner.report.text.refills import render_request_results, render_requests
from runner.report.text.status import render_status

__all__ = [
    "Screen",
    "Validation",
    "render_apply",
    "render_balances",
    "render_diagnostics",
    "render_doubt",
    "render_doubts",
    "render_money",
    "render_plan",
    "render_report",
    "render_request_results",
    "render_requests",
    "render_services",
    "render_settled",
    "render_status",
    "render_validation",
    "render_verdict",
]
