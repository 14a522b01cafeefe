"""Loads the user's files and shows their errors; opens the log. Loads neither network nor database code."""

import logging
import os
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.arguments.options import Settings
from runner.cli.arguments.project import homes
from runner.cli.io import ci
from runner.cli.process.streams import note_lost
from runner.core.diagnostics import Diagnostic, Severity
from runner.core.errors import InvalidInput
from runner.core.orders import SANDBOX, Campaign, KeySource, PanelProfile
from runner.core.values.accounts import account_of
from runner.files.campaigns import LoadedCampaigns, check_panels, find_campaigns, load_campaigns
from runner.files.panels import load_panels, read_key
from runner.report.text.lists import render_diagnostics

if TYPE_CHECKING:
    from runner.planning.plan import Plan

_BEGINNING = frozenset({"apply", "watch", "plan", "import …"})  # commands that take --new-state


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The user's files, checked."""

    campaigns: tuple[Campaign, ...]
    profiles: Mapping[str, PanelProfile]
    warnings: tuple[Diagnostic, ...] = ()
    files: tuple[str, ...] = ()  # the campaign files, and those that they name

    @property
    def panels(self) -> tuple[str, ...]:
        """Names of the panels that the campaigns order on, sorted."""
        return tuple(sorted({campaign.panel for campaign in self.campaigns}))


def read_inputs(settings: Settings) -> tuple[Inputs, tuple[Diagnostic, ...]]:
    """Campaigns and profiles with every diagnostic, errors among them."""
    paths = find_campaigns(settings.files, settings.project)
    loaded = load_campaigns(paths)
    profiles, found, listed = load_panels(Path(settings.panels))
    diagnostics = (*loaded.diagnostics, *found)
    if listed is not None:
        diagnostics += check_panels(loaded, listed)
    warnings = tuple(one for one in diagnostics if one.severity is Severity.WARNING)
    inputs = Inputs(campaigns=loaded.campaigns, profiles=profiles, warnings=warnings, files=loaded.files)
    return inputs, tuple(sorted(diagnostics))


def need_inputs(settings: Settings) -> Inputs:
    """Campaigns and profiles without an error; otherwise every error on stderr, and exit 10."""
    inputs, diagnostics = read_inputs(settings)
    errors = [one for one in diagnostics if one.severity is Severity.ERROR]
    if errors:
        show_diagnostics(settings, diagnostics)
        ci.tell_files(settings, diagnostics, more=1)
        raise InvalidInput(
            f"{len(errors)} error(s) in the files above; nothing was sent", "mend them, then runner validate"
        )
    if not settings.quiet:
        show_diagnostics(settings, inputs.warnings)
    return inputs


def need_profiles(settings: Settings) -> Mapping[str, PanelProfile]:
    """The profiles of panels.yaml; its errors on stderr and exit 10 if it has any."""
    profiles, found, _ = load_panels(Path(settings.panels))
    if any(one.severity is Severity.ERROR for one in found):
        show_diagnostics(settings, found)
        raise InvalidInput(f"{settings.panels} has errors", "mend them, then runner validate")
    return profiles


def need_counts(settings: Settings) -> Mapping[str, int] | None:
    """Present counts by page (`page_key`), of the file of `--counts`; its errors on stderr and exit 10 if it has any."""
    if settings.counts is None:
        return None
    from runner.files.campaign.counts import load_counts

    counts, found = load_counts(settings.counts)
    if found:
        show_diagnostics(settings, found)
        raise InvalidInput(
            f"--counts {settings.counts} has errors; nothing was sent", "mend them, then run the command again"
        )
    return counts


def listed_in_project(folder: Path) -> LoadedCampaigns:
    """The campaigns of campaigns/*.yaml in a project's folder; empty if there are none."""
    try:
        paths = find_campaigns((), folder)
    except InvalidInput:
        paths = []
    return load_campaigns(paths)


def others(settings: Settings) -> Callable[[], Collection[str]]:
    """A function that names the project's campaigns if FILES are given, else none. It reads files only when called."""

    def names() -> Collection[str]:
        return {one.name for one in listed_in_project(settings.project).campaigns} if settings.files else ()

    return names


def accounts_of(inputs: Inputs) -> dict[str, str]:
    """By panel, whose money it spends (`core.values.accounts`), the sandbox left out; InvalidInput if a key is missing."""
    found = {}
    for name in inputs.panels:
        profile = inputs.profiles.get(name)
        if profile is not None and isinstance(profile.key, KeySource):
            found[name] = account_of(profile.url, read_key(profile.key, name).reveal())
    return found


def need_panels(settings: Settings, profiles: Mapping[str, PanelProfile], names: Iterable[str], what: str) -> None:
    """InvalidInput unless each panel of `names` has a profile; `what` completes the message: "where …"."""
    for name in sorted(names):
        if name != SANDBOX and name not in profiles:
            raise InvalidInput(
                f"{settings.panels} has no panel {name}, where {what}",
                "put its profile back, or name the file with --panels",
            )


def admit_run(settings: Settings, inputs: Inputs, command: str, panels: Collection[str] | None = None) -> bool:
    """True if this run begins a new state for real panels, False if it goes on with one. StateRefused if it may not.

    `panels` are those that the run uses; None: those of the campaigns. To be called again under the lock.
    """
    from runner.cli.io.snapshot import check_state
    from runner.store.startup.first_start import Beginning, admit

    check_state(settings)
    names = inputs.panels if panels is None else panels
    run = Beginning(
        panels=frozenset(names) - {SANDBOX},
        campaigns=frozenset(one.name for one in inputs.campaigns),
        project=settings.project,
        homes=homes(one.source for one in inputs.campaigns),
        new_state=settings.new_state,
        again=f"runner {command}" if command in _BEGINNING else "runner apply",
    )
    return admit(settings.where, run)


def show_diagnostics(settings: Settings, diagnostics: Collection[Diagnostic]) -> None:
    """Show each on stderr, in one line."""
    render_diagnostics(diagnostics, settings.stderr())


def located(plan: "Plan", campaigns: Collection[Campaign]) -> "Plan":
    """Return the plan with the line and column of the values that its problems are about."""
    if not plan.problems:
        return plan
    from runner.files.campaign.places import located as found

    return replace(plan, problems=found(plan.problems, campaigns))


def start_logging(settings: Settings) -> None:
    """Send the runner's log to stderr (--debug) and to a file (--log-file, private). Nothing logs a key or a form.

    The file has been claimed before (`cli.io.report_files.claim`).
    """
    log = logging.getLogger("runner")
    log.setLevel(logging.DEBUG if settings.debug or settings.log_file else logging.WARNING)
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)] if settings.debug else []
    if settings.log_file:
        try:
            os.close(os.open(settings.log_file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
            handlers.append(_LogFile(settings.log_file, encoding="utf-8"))
        except OSError as error:
            raise InvalidInput(
                f"--log-file {settings.log_file}: {error.strerror}", "name a file you may write"
            ) from error
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        log.addHandler(handler)


class _LogFile(logging.FileHandler):
    """A log file whose write errors stop nothing: they are reported once, at the end of the process."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802  # logging's signature
        error = sys.exc_info()[1]
        why = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        note_lost(f"--log-file {self.given} was not written: {why}")

    def __init__(self, path: Path, encoding: str) -> None:
        super().__init__(path, encoding=encoding)
        self.given = path
