"""The text side of every command, in one place to import from: `render_…(subject, screen)`."""

from runner.report.screen import Screen
from runner.report.text_apply import render_apply
from runner.report.text_ledger import render_money, render_report
from runner.report.text_lists import Validation, render_balances, render_diagnostics, render_services, render_validation
from runner.report.text_plan import render_plan, render_verdict
from runner.report.text_status import render_status

__all__ = [
    "Screen",
    "Validation",
    "render_apply",
    "render_balances",
    "render_diagnostics",
    "render_money",
    "render_plan",
    "render_report",
    "render_services",
    "render_status",
    "render_validation",
    "render_verdict",
]
