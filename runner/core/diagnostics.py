"""Diagnostics: one finding about one place in a user's file."""

from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"  # the file can't be used
    WARNING = "warning"  # allowed, but probably not what was meant


class Diagnostic(NamedTuple):
    """`file:line:column: message`; the message names the field and what to do. Sorts by place."""

    file: str
    line: int  # from 1
    column: int  # from 1
    code: str  # short kebab-case name of the rule, e.g. `unknown-key`
    message: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"
