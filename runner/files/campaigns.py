"""Finds, reads and checks campaign files together: names are unique, panels are known."""

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from runner.core.diagnostics import Diagnostic
from runner.core.errors import InvalidInput
from runner.core.orders import SANDBOX, Campaign
from runner.core.values.text import clean

_FOLDER = "campaigns"
_SUFFIXES = (".yaml", ".yml")
_MANY = 10_000  # orders, from which on the garbage collector is told to leave them alone


class PanelNamed(NamedTuple):
    """Where a file names its panel."""

    file: str
    line: int
    column: int
    panel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedCampaigns:
    """Result of reading campaign files; a file with errors gives no campaign."""

    campaigns: tuple[Campaign, ...]
    diagnostics: tuple[Diagnostic, ...]  # sorted by place; errors and warnings
    files: tuple[str, ...]  # all of them, and those that they name
    panels_named: Sequence["PanelNamed"]  # by every file that could be read so far, also where other things are wrong


def find_campaigns(arguments: Sequence[str], base: Path) -> list[Path]:
    """The files named, or all of `campaigns/` under `base` if none is; raises InvalidInput if there is none.

    Names are read from the working directory. Paths are relative to it if `base` is, so that messages show the names
    that the user knows.
    """
    shown = Path() if base.resolve() == Path.cwd() else base
    if not arguments:
        entries = (shown / _FOLDER).glob("*")
        found = sorted(e for e in entries if e.suffix in _SUFFIXES and not e.name.startswith("."))
        if not found:
            raise InvalidInput(
                f"no campaign files: {shown / _FOLDER}/*.yaml", "`runner init` writes a first one; or name your files"
            )
        return found
    paths: dict[Path, Path] = {}
    for argument in arguments:
        path = Path(argument)  # whether it is there, reading it tells: beside the errors of the others
        paths.setdefault(path.resolve(), path)
    return list(paths.values())


def load_campaigns(paths: Sequence[Path]) -> LoadedCampaigns:
    """Read and check all of `paths`; every error of every file at once, none raised."""
    from runner.files.campaign.campaign_file import read_campaign  # yaml and the schema gate: only when reading
    from runner.files.similar_orders import similar_orders

    campaigns: list[Campaign] = []
    diagnostics: list[Diagnostic] = []
    panels_named: list[PanelNamed] = []
    files: list[str] = []
    names: dict[str, str] = {}  # campaign name -> where it was first
    with _no_garbage_collection():
        for path in paths:
            read = read_campaign(path)
            diagnostics += read.findings.diagnostics()
            files += (str(path), *read.companions)
            if (panel := read.panel) is not None:
                panels_named.append(PanelNamed(str(path), panel.line, panel.column, panel.text))
            if (name := read.name) is not None:
                if name.text in names:
                    former = names[name.text]
                    message = f"`campaign` {name.text} is used already in {former}: give one of the two another name"
                    diagnostics.append(Diagnostic(str(path), name.line, name.column, "duplicate-campaign", message))
                    continue
                names[name.text] = f"{path}, line {name.line}"
            if read.campaign is not None:
                campaigns.append(read.campaign)
        diagnostics += similar_orders(campaigns)
        if sum(len(campaign.orders) for campaign in campaigns) >= _MANY:
            gc.freeze()
    return LoadedCampaigns(
        campaigns=tuple(campaigns),
        diagnostics=tuple(sorted(diagnostics)),
        files=tuple(files),
        panels_named=panels_named,
    )


def check_panels(loaded: LoadedCampaigns, profiles: Iterable[str]) -> tuple[Diagnostic, ...]:
    """An error for each file whose panel is neither built in nor one of `profiles` (names, or a dict by name)."""
    from runner.files.validation.diagnose import did_you_mean  # only when reading

    named_there = set(profiles)
    known = {SANDBOX, *named_there}
    where = "lists them" if named_there else "would name others; it names none, or does not exist"
    return tuple(
        Diagnostic(
            named.file,
            named.line,
            named.column,
            "unknown-panel",
            f"unknown `panel` {clean(named.panel, 60)}: {did_you_mean(named.panel, known)} (panels.yaml {where})",
        )
        for named in loaded.panels_named
        if named.panel not in known
    )


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    # A load makes millions of objects and no cycles; the collector would look through all of them again and again.
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
