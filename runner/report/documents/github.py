"""What GitHub Actions reads: workflow commands and step outputs, as text. Nothing here looks at the environment."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import islice
from typing import NamedTuple

from runner.core.diagnostics import Diagnostic, Severity
from runner.core.values.money import plain
from runner.core.values.text import clean
from runner.report.model.model import OrderRow, ReportModel, State
from runner.report.wording import words

MOST_ANNOTATIONS = 10  # GitHub shows no more of one level for one step
_LONGEST = 1000

_ERRORS = frozenset({State.IN_DOUBT, State.REFUSED, State.LOST})


class Annotation(NamedTuple):
    """One line beside a file, or beside the run."""

    level: str  # `error` or `warning`
    title: str
    message: str
    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """The workflow command."""
        facts = {
            "file": self.file,
            "line": str(self.line) if self.file and self.line else "",
            "col": str(self.column) if self.file and self.column else "",
            "title": self.title,
        }
        properties = ",".join(f"{name}={_property(value)}" for name, value in facts.items() if value)
        return f"::{self.level} {properties}::{_data(clean(self.message, _LONGEST))}"


def of_diagnostics(diagnostics: Iterable[Diagnostic]) -> list[Annotation]:
    """Errors first, each at its place."""
    ordered = sorted(diagnostics, key=lambda one: one.severity is not Severity.ERROR)
    return [
        Annotation(one.severity.value, one.code, one.message, one.file, one.line, one.column)
        for one in islice(ordered, MOST_ANNOTATIONS)
    ]


def of_model(model: ReportModel) -> list[Annotation]:
    """At most ten: problems of the files, guards that refused, then the orders that need somebody most."""
    found = [one for one in of_diagnostics(model.diagnostics) if one.level == "error"]
    found += [Annotation("error", f"refused by {one.guard}", f"{one.subject}: {one.message}") for one in model.refusals]
    worth_a_line = (row for row in model.attention if row.state in _ERRORS or row.action == "blocked")
    found += map(_of_order, islice(worth_a_line, MOST_ANNOTATIONS))
    found += [Annotation("warning", "runner", one) for one in model.warnings]
    return found[:MOST_ANNOTATIONS]


def _of_order(row: OrderRow) -> Annotation:
    level = "error" if row.state in _ERRORS else "warning"
    what = words(row.state) if row.state in _ERRORS else "blocked"
    return Annotation(level, f"{row.address}: {what}", row.message or what, row.source, row.line)


def outputs(model: ReportModel) -> dict[str, str]:
    """Step outputs: counts and amounts, plain, for `steps.ID.outputs.NAME`; empty where unknown."""
    ledger, run = model.ledger, model.run
    given: Mapping[str, int] = {} if run is None else run.counts
    counts = {"orders": len(model.orders), "in_doubt": model.states.get(State.IN_DOUBT, 0)} | dict(given)
    amounts: dict[str, Decimal | None] = {
        "cost": None if run is None else run.cost,
        "spent": ledger.spent,
        "refunded": ledger.refunded,
        "reserved": ledger.reserved,
        "in_doubt_cost": ledger.in_doubt,
        "balance": ledger.balance,
        "unexplained": ledger.unexplained,
    }
    return {
        "exit_code": str(model.exit_code),
        "run_id": model.run_id or "",
        **{name: str(number) for name, number in counts.items()},
        **{name: "" if amount is None else plain(amount) for name, amount in amounts.items()},
        "currency": ledger.currency or "",
        "verdict": clean(model.verdict.text, _LONGEST),
    }


def output_lines(values: Mapping[str, str], delimiter: str) -> str:
    """The text to append to the file of GITHUB_OUTPUT; `delimiter` must be one that nobody can guess."""
    return "".join(f"{name}<<{delimiter}\n{value}\n{delimiter}\n" for name, value in values.items())


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(clean(text, _LONGEST)).replace(":", "%3A").replace(",", "%2C")
