"""Collects diagnostics while files are read, file by file, up to a cap for each.

Only collects; callers write the messages.
"""

from runner.core.diagnostics import Diagnostic, Severity

SHOWN = 100  # errors of one file; a reader fixes the first ones first


class Findings:
    """What was found in one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.errors = 0
        self._errors: list[Diagnostic] = []
        self._warnings: list[Diagnostic] = []

    @property
    def full(self) -> bool:
        """True when a further error would only be counted, so that its message need not be built."""
        return len(self._errors) >= SHOWN

    def error(self, line: int, column: int, code: str, message: str) -> None:
        """Add an error; beyond the cap it is only counted."""
        if not self.full:
            self._errors.append(Diagnostic(self.file, line, column, code, message))
        self.errors += 1

    def count_errors(self, number: int) -> None:
        """Count errors that are not shown."""
        self.errors += number

    def warning(self, line: int, column: int, code: str, message: str) -> None:
        """Add a warning."""
        self._warnings.append(Diagnostic(self.file, line, column, code, message, Severity.WARNING))

    def diagnostics(self) -> list[Diagnostic]:
        """All by place; the last one says how many more errors there are."""
        shown = sorted({*self._errors, *self._warnings})  # a CSV named twice finds everything twice
        more = self.errors - len(self._errors)
        if more:
            last = shown[-1] if shown else Diagnostic(self.file, 1, 1, "", "")
            message = f"and {more} more {'error' if more == 1 else 'errors'} in this file: correct these first"
            shown.append(Diagnostic(self.file, last.line, last.column + 1, "too-many", message))  # sorts last
        return shown


class CampaignFindings:
    """What was found in a campaign file and in the CSV files it names."""

    def __init__(self) -> None:
        self._files: dict[str, Findings] = {}

    def of(self, file: str) -> Findings:
        """The findings of one file, by its name as the user knows it."""
        if file not in self._files:
            self._files[file] = Findings(file)
        return self._files[file]

    @property
    def errors(self) -> int:
        """Number of errors in all files."""
        return sum(findings.errors for findings in self._files.values())

    def diagnostics(self) -> list[Diagnostic]:
        """All of all files, sorted by place."""
        return [one for name in sorted(self._files) for one in self._files[name].diagnostics()]
