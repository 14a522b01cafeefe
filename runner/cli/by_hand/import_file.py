"""Reads a CSV list of orders that were bought elsewhere, and writes a campaign file for them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from runner.cli.arguments.options import Settings
from runner.cli.io.inputs import need_profiles, show_diagnostics
from runner.cli.io.output_paths import give_name
from runner.core.diagnostics import Diagnostic, Severity
from runner.core.errors import InvalidInput
from runner.core.imports import BoughtRow
from runner.core.orders import SANDBOX, Campaign, PanelProfile
from runner.files.campaign_writer import campaign_lines, named_rows
from runner.files.campaigns import find_campaigns, load_campaigns
from runner.files.import_list import load_bought
from runner.panel.parse.values import read_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """A campaign file that was written and checked; it has a temporary name until `keep`."""

    path: Path
    draft: Path
    campaign: Campaign
    rows: Sequence[BoughtRow]
    profiles: Mapping[str, PanelProfile]

    def keep(self) -> None:
        """Give the file its final name; raises InvalidInput if a file of that name has appeared."""
        try:
            give_name(self.draft, self.path)
        except FileExistsError:
            raise _exists(self.path) from None
        except OSError as error:
            raise InvalidInput(f"{self.path}: {error.strerror}", "name a file that you may write") from error


def columns_of(path: Path) -> list[str]:
    """The column names in the header, to tell the column of an error."""
    with path.open(encoding="utf-8-sig") as stream:
        return [name.strip() for name in stream.readline().split(",")]


def refuse(settings: Settings, path: Path, found: Sequence[Diagnostic]) -> None:
    """Show `found` on stderr and raise InvalidInput (exit 10); does nothing if it is empty."""
    if found:
        show_diagnostics(settings, sorted(found))
        raise InvalidInput(f"--from {path} has errors; nothing was imported", "mend them, then run the command again")


@contextmanager
def generated(
    settings: Settings, source: Path, path: Path, *, campaign: str, panel: str, links: Sequence[str]
) -> Iterator[Generated]:
    """Write a campaign file for the orders of `source`, as a draft beside `path` that is removed at the end."""
    profiles = need_profiles(settings)
    if panel != SANDBOX and panel not in profiles:
        raise InvalidInput(f"{settings.panels} has no panel {panel}", "correct --panel, or write its profile")
    if path.exists():
        raise _exists(path)
    if path.suffix not in (".yaml", ".yml"):
        raise InvalidInput(f"{path} is no name of a campaign file", "let it end in .yaml")
    rows, wrong = load_bought(source, read_id)
    found = [
        Diagnostic(str(source), row.line, 1, "missing-key", f"`{name}` is missing: the new file needs it of each order")
        for row in rows
        for name in ("service", "link", "quantity")
        if getattr(row, name) is None
    ]
    refuse(settings, source, [*wrong, *found])
    if not rows:
        raise InvalidInput(f"{source} lists no order", "put one order into each row, with its order_id")
    rows = named_rows(rows)
    lines = list(campaign_lines(rows, campaign=campaign, panel=panel, links=links, source=source.name))
    draft = path.with_name(f".{path.name}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text("".join(lines), encoding="utf-8")
        loaded = load_campaigns([*_others(settings, path), draft])
        own = [one for one in loaded.diagnostics if one.file == str(draft)]
        above = sum(line.count("\n") for line in lines[: len(lines) - len(rows)])
        if told := [_placed(one, source, above, rows) for one in own if one.severity is Severity.ERROR]:
            show_diagnostics(settings, told)
            raise InvalidInput(
                f"the new campaign {campaign} would have errors; nothing was written or imported",
                "mend them, then run the command again",
            )
        (written,) = (one for one in loaded.campaigns if one.source == str(draft))
        yield Generated(path=path, draft=draft, campaign=written, rows=rows, profiles=profiles)
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}", "name a file that you may write") from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _others(settings: Settings, path: Path) -> list[Path]:
    """The present campaign files; they are checked together with the new one for duplicate names."""
    try:
        return [one for one in find_campaigns(settings.files, settings.project) if one.resolve() != path.resolve()]
    except InvalidInput:  # none yet
        return []


def _placed(one: Diagnostic, source: Path, above: int, rows: Sequence[BoughtRow]) -> Diagnostic:
    """A finding in the written file, moved to the row of `source` that the line was made from."""
    row = one.line - above - 1
    if 0 <= row < len(rows):
        return one._replace(file=str(source), line=rows[row].line, column=1)
    return one._replace(file="--generate")


def _exists(path: Path) -> InvalidInput:
    hint = f"name another file; or import into it: runner import --from CSV {path}"
    return InvalidInput(f"{path} exists, and is not overwritten", hint)
