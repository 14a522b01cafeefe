"""`runner import`: records orders that were bought elsewhere, one by one or from a list."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.arguments.options import (
    COLOR,
    DEBUG,
    DOCUMENTS,
    LOCK,
    LOG_FILE,
    NEW_STATE,
    PANELS,
    PARALLEL,
    QUIET,
    STATE,
    Settings,
    format_option,
    options,
)
from runner.cli.by_hand.import_file import Generated, Head, columns_of, generated, read_rows, refuse
from runner.cli.io.inputs import Inputs, beginning, need_inputs, start_logging
from runner.cli.io.report_files import Result, claim, publish
from runner.cli.process.prompts import who
from runner.core.diagnostics import Diagnostic
from runner.core.errors import ExitCode, GuardRefused, InvalidInput, UsageError
from runner.core.imports import Bought, BoughtRow
from runner.core.orders import Campaign, Order, PanelProfile
from runner.core.values.clock import SystemClock
from runner.core.values.text import clean
from runner.panel.parse.values import read_id
from runner.planning.orders.imports import Imported, Listed
from runner.report.documents.as_json import write_json
from runner.store.disk.lock import acquire
from runner.store.disk.paths import StatePaths
from runner.store.integrity.progress_evidence import check as check_lineage
from runner.store.read.snapshot import read_state
from runner.store.run_ids import new_run_id
from runner.store.startup.first_start import admit

if TYPE_CHECKING:
    from runner.engine.decisions.import_orders import Checked

_LONGEST_REASON = 500  # characters
_ONE = 2  # words that name one order: ADDR and ORDER_ID


@click.command("import")
@click.argument("words", nargs=-1, metavar="ADDR ORDER_ID [FILES]...")
@click.option(
    "--from",
    "listed_in",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="Import a list: columns order_id, and id or service and link of the listed order; quantity, runs, interval are compared.",
)
@click.option(
    "--generate",
    type=click.Path(path_type=Path),
    metavar="YAML",
    help="With --from: write a new campaign file that lists these orders; needs --campaign, --panel and --link.",
)
@click.option("--campaign", metavar="NAME", help="With --from: the campaign that is meant, or the new one's name.")
@click.option("--panel", metavar="NAME", help="With --generate: where the orders were bought.")
@click.option(
    "--link",
    "links",
    multiple=True,
    metavar="PREFIX",
    help="With --generate: a page that is yours, for `links:`. May be repeated.",
)
@click.option("--reason", default="", metavar="TEXT", help="Why; recorded with your name.")
@click.option("--force", is_flag=True, help="Import although something does not fit; needs --reason.")
@click.option("--dry-run", is_flag=True, help="Ask the panel and show what would be imported; records nothing.")
@options(
    STATE, NEW_STATE, PANELS, format_option("text", "json"), LOCK, PARALLEL, QUIET, DOCUMENTS, COLOR, DEBUG, LOG_FILE
)
def import_(
    *,
    words: tuple[str, ...],
    listed_in: Path | None,
    generate: Path | None,
    campaign: str | None,
    panel: str | None,
    links: tuple[str, ...],
    reason: str,
    force: bool,
    dry_run: bool,
    **flags: Any,  # noqa: ANN401  # click passes options by name
) -> int:
    """Take order ORDER_ID of a panel, bought elsewhere, as the listed order ADDR (campaign/id): it is not bought again.

    The panel is asked whether it fits. Nothing is recorded unless all fit. Repeating it changes nothing. Exit 10 for an
    order that is not listed, 11 if something does not fit.
    """
    if listed_in is None and (generate or campaign or panel or links):
        raise UsageError("--generate, --campaign, --panel and --link go with --from", "name the list with --from")
    if force and not reason.strip():
        raise UsageError("--force needs a --reason", "say in a few words how you know")
    round_ = _Round(reason=_cleaned(reason), force=force, dry_run=dry_run)
    if listed_in is None:
        if len(words) < _ONE:
            raise UsageError("what is to be imported?", "runner import ADDR ORDER_ID; or --from orders.csv")
        address, order_id, *files = words
        settings = Settings(files=tuple(files), **flags)
        inputs = need_inputs(settings)
        claim(settings, inputs)
        start_logging(settings)
        return round_.run(settings, inputs.profiles, inputs.campaigns, [_one(inputs.campaigns, address, order_id)])
    settings = Settings(files=words, **flags)
    if generate is None:
        if panel or links:
            raise UsageError("--panel and --link go with --generate", "leave them out, or name the file to be written")
        inputs = need_inputs(settings)
        claim(settings, inputs, read=[listed_in])
        start_logging(settings)
        return round_.run(settings, inputs.profiles, inputs.campaigns, _many(settings, listed_in, inputs, campaign))
    if campaign is None or panel is None or not links:
        raise UsageError(
            "--generate needs --campaign, --panel and --link",
            "--link names the pages that are yours, as `links:` of the new file",
        )
    claim(settings, new=generate, read=[listed_in])
    start_logging(settings)
    head = Head(campaign, panel, links)
    with generated(settings, listed_in, generate, head) as made:
        wanted = [_bought(order, panel, row) for order, row in zip(made.campaign.orders, made.rows, strict=True)]
        return replace(round_, generated=made).run(settings, made.profiles, (made.campaign,), wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """One import: checked first, then recorded, all or none."""

    reason: str
    force: bool
    dry_run: bool
    generated: Generated | None = None

    def run(
        self,
        settings: Settings,
        profiles: Mapping[str, PanelProfile],
        campaigns: Sequence[Campaign],
        wanted: Sequence[Bought],
    ) -> ExitCode:
        """Check, record, show."""
        from runner.report.text.imports import import_document, render_import

        checked = asyncio.run(self._carried_out(settings, profiles, campaigns, wanted))
        held = [one for one in checked if one.outcome is Imported.HELD]
        file = None if self.generated is None or held else self.generated.path
        told = Result(
            as_json=lambda out: write_json(out, import_document(checked, dry_run=self.dry_run)),
            as_text=lambda screen: render_import(checked, screen, file, dry_run=self.dry_run),
        )
        code = publish(settings, ExitCode.GUARD if held else ExitCode.OK, told)
        if held:
            first = held[0]
            others = f", and {len(held) - 1} more do not fit" if len(held) > 1 else ""
            raise GuardRefused(
                f"{first.bought.order.address} as order {first.bought.order_id}: {first.message}{others}; nothing was imported",
                "look at runner status: what is bought or in doubt is not imported"
                if first.is_final
                else "correct what is wrong; if it is this order all the same, add --force with --reason",
            )
        return code

    async def _carried_out(
        self,
        settings: Settings,
        profiles: Mapping[str, PanelProfile],
        campaigns: Sequence[Campaign],
        wanted: Sequence[Bought],
    ) -> "list[Checked]":
        """Look and check under the lock, so that a refusal leaves no trace in the state; then backup, then record."""
        from runner.cli.composition import about_to_begin, begun, open_panels
        from runner.engine.decisions.import_orders import Signed, check, record
        from runner.store.journal import open_journal
        from runner.store.startup.backup import backup

        clock = SystemClock()
        paths = StatePaths.at(settings.state)
        run = beginning(settings, Inputs(campaigns=tuple(campaigns), profiles=profiles, warnings=()), "import …")
        check_lineage(paths)
        begins = admit(paths, run)
        names = sorted({one.panel for one in wanted})
        if self.dry_run:
            recorded = read_state(paths)
            async with open_panels(settings, names, profiles) as panels:
                return await check(wanted, campaigns, recorded, panels, clock.now(), force=self.force)
        with await acquire(paths, "import", clock, settings.lock_timeout) as lock:
            check_lineage(paths)
            begins = admit(paths, run)
            recorded = read_state(paths, lock_is_free=True)
            async with open_panels(settings, names, profiles) as panels:
                checked = await check(wanted, campaigns, recorded, panels, clock.now(), force=self.force)
                looked_at = {one.bought.panel for one in checked if one.outcome is Imported.WOULD}
                balances = {
                    name: await panels[name].balance() for name in sorted(looked_at & recorded.last_balances.keys())
                }
            if any(one.outcome is Imported.HELD for one in checked):
                return [_left(one) for one in checked]
            if self.generated is not None:
                self.generated.keep()
            if not any(one.outcome is Imported.WOULD for one in checked):
                return checked
            signed = Signed(*who(), self.reason, clock.now())
            backup(paths, clock)
            if begins:
                about_to_begin(paths, clock)
            async with open_journal(paths, lock, clock, begins=begins) as journal:
                notes = [begun(settings, paths) if begins else None, journal.note]
                for note in [] if settings.quiet else filter(None, notes):
                    settings.stderr().line(f"note: {note}")
                await record(journal, new_run_id(signed.at), checked, signed, balances)
        return [_done(one) for one in checked]


def _done(one: "Checked") -> "Checked":
    return one._replace(outcome=Imported.IMPORTED) if one.outcome is Imported.WOULD else one


def _left(one: "Checked") -> "Checked":
    return one._replace(outcome=Imported.LEFT) if one.outcome is Imported.WOULD else one


def _one(campaigns: Sequence[Campaign], address: str, order_id: str) -> Bought:
    wanted = read_id(order_id.strip())
    if wanted is None:
        raise InvalidInput(f"{order_id!r} is no order id", "copy the id from the panel's order list")
    found = Listed(campaigns).at(address, wanted)
    if found is None:
        raise InvalidInput(f"no campaign lists an order {address}", "list it first; an address is written campaign/id")
    return found


def _many(settings: Settings, path: Path, inputs: Inputs, campaign: str | None) -> list[Bought]:
    """The listed order of each row; every wrong row on stderr, and exit 10."""
    if campaign is not None and campaign not in {one.name for one in inputs.campaigns}:
        raise InvalidInput(f"no file holds a campaign {campaign}", "correct --campaign, or name its file")
    rows, found = read_rows(path)
    bought, wrong = Listed(inputs.campaigns, campaign).match(rows)
    names = columns_of(path) if wrong else ()
    found += [
        Diagnostic(
            str(path), one.line, names.index(one.column) + 1 if one.column in names else 1, "not-listed", one.message
        )
        for one in wrong
    ]
    refuse(settings, path, found)
    return bought


def _bought(order: Order, panel: str, row: BoughtRow) -> Bought:
    return Bought(order, panel, row.order_id)


def _cleaned(reason: str) -> str:
    return clean(reason, _LONGEST_REASON)
