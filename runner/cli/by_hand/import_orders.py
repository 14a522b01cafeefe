"""`runner import`: records orders that were bought elsewhere, one by one or from a list."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click

from runner.cli.arguments.options import IMPORTING, Command, Settings
from runner.cli.by_hand.import_file import Generated, columns_of, generated, refuse
from runner.cli.io.inputs import Inputs, admit_run, need_inputs
from runner.cli.io.report_files import claim, publish
from runner.cli.process.prompts import who
from runner.core.diagnostics import Diagnostic
from runner.core.errors import ExitCode, GuardRefused, InvalidInput, UsageError
from runner.core.imports import Bought
from runner.core.orders import Campaign
from runner.core.values.clock import SystemClock
from runner.core.values.text import clean
from runner.engine.decisions.import_orders import Checked, Signed, check, record
from runner.files.import_list import load_bought
from runner.panel.parse.values import read_id
from runner.planning.orders.imports import Imported, Listed
from runner.report.documents.as_json import json_chunks
from runner.report.text.imports import import_document, render_import
from runner.store.read.snapshot import read_state
from runner.store.run_ids import new_run_id

_LONGEST_REASON = 500  # characters
_ONE = 2  # words that name one order: ADDR and ORDER_ID


_WHAT = (
    click.Argument(["words"], nargs=-1, metavar="ADDR ORDER_ID [FILES]..."),
    click.Option(
        ["--from", "listed_in"],
        type=click.Path(path_type=Path),
        metavar="CSV",
        help="Import a list: columns order_id, and id or service and link of the listed order; quantity, runs, interval are compared.",
    ),
    click.Option(
        ["--generate"],
        type=click.Path(path_type=Path),
        metavar="YAML",
        help="With --from: write a new campaign file that lists these orders; needs --campaign, --panel and --link.",
    ),
    click.Option(
        ["--campaign"], metavar="NAME", help="With --from: the campaign that is meant, or the new one's name."
    ),
    click.Option(["--panel"], metavar="NAME", help="With --generate: where the orders were bought."),
    click.Option(
        ["--link", "links"],
        multiple=True,
        metavar="PREFIX",
        help="With --generate: a page that is yours, for `links:`. May be repeated.",
    ),
    click.Option(["--reason"], default="", metavar="TEXT", help="Why; recorded with your name."),
    click.Option(["--force"], is_flag=True, help="Import although something does not fit; needs --reason."),
)


@click.command("import", cls=Command, params=[*_WHAT, *IMPORTING])
def import_(
    settings: Settings,
    *,
    words: tuple[str, ...],
    listed_in: Path | None,
    generate: Path | None,
    campaign: str | None,
    panel: str | None,
    links: tuple[str, ...],
    reason: str,
    force: bool,
) -> int:
    """Take order ORDER_ID of a panel, bought elsewhere, as the listed order ADDR (campaign/id): it is not bought again.

    The panel is asked whether it fits. Nothing is recorded unless all fit. Repeating it changes nothing. Exit 10 for an
    order that is not listed, 11 if something does not fit.
    """
    if listed_in is None and (generate or campaign or panel or links):
        raise UsageError("--generate, --campaign, --panel and --link go with --from", "name the list with --from")
    if force and not reason.strip():
        raise UsageError("--force needs a --reason", "say in a few words how you know")
    ready = partial(_Import, clean(reason, _LONGEST_REASON), force)
    if listed_in is None:
        if len(words) < _ONE:
            raise UsageError("what is to be imported?", "runner import ADDR ORDER_ID; or --from orders.csv")
        address, order_id, *files = words
        settings = replace(settings, files=tuple(files))
        inputs = need_inputs(settings)
        claim(settings, inputs)
        return ready(settings, inputs, [_one(inputs.campaigns, address, order_id)]).run()
    settings = replace(settings, files=words)
    if generate is None:
        if panel or links:
            raise UsageError("--panel and --link go with --generate", "leave them out, or name the file to be written")
        inputs = need_inputs(settings)
        claim(settings, inputs, read=[listed_in])
        return ready(settings, inputs, _many(settings, listed_in, inputs, campaign)).run()
    if campaign is None or panel is None or not links:
        raise UsageError(
            "--generate needs --campaign, --panel and --link",
            "--link names the pages that are yours, as `links:` of the new file",
        )
    claim(settings, new=generate, read=[listed_in])
    with generated(settings, listed_in, generate, campaign=campaign, panel=panel, links=links) as made:
        inputs = Inputs(campaigns=(made.campaign,), profiles=made.profiles)
        rows = zip(made.campaign.orders, made.rows, strict=True)
        wanted = [Bought(order, panel, row.order_id) for order, row in rows]
        return ready(settings, inputs, wanted, made).run()


@dataclass(frozen=True, slots=True)
class _Import:
    """One import: checked first, then recorded, all or none."""

    reason: str
    force: bool
    settings: Settings
    inputs: Inputs
    wanted: Sequence[Bought]
    made: Generated | None = None  # the campaign file that was written for them; it stays if they fit

    def run(self) -> ExitCode:
        """Check, record and show; the exit code. GuardRefused if one of the orders does not fit."""
        checked = asyncio.run(self._carried_out())
        held = [one for one in checked if one.outcome is Imported.HELD]
        file = None if self.made is None or held else self.made.path
        code = publish(
            self.settings,
            ExitCode.GUARD if held else ExitCode.OK,
            lambda: json_chunks(import_document(checked, dry_run=self.settings.dry_run)),
            lambda screen: render_import(checked, screen, file, dry_run=self.settings.dry_run),
        )
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

    async def _carried_out(self) -> list[Checked]:
        """Check under the lock, then back up, then record; a refused import leaves the state unchanged."""
        from runner.cli.composition import about_to_begin, back_up, begun, open_panels, take_lock
        from runner.store.journal import open_journal

        settings, inputs = self.settings, self.inputs
        clock, where = SystemClock(), settings.where
        names = sorted({one.panel for one in self.wanted})
        admit_run(settings, inputs, "import …")
        if settings.dry_run:
            recorded = read_state(where)
            async with open_panels(settings, names, inputs.profiles) as panels:
                return await check(self.wanted, inputs.campaigns, recorded, panels, clock.now(), force=self.force)
        with await take_lock(settings, "import", names, inputs.profiles) as lock:
            begins = admit_run(settings, inputs, "import …")
            recorded = read_state(where, lock_is_free=True)
            async with open_panels(settings, names, inputs.profiles) as panels:
                checked = await check(self.wanted, inputs.campaigns, recorded, panels, clock.now(), force=self.force)
                fitting = {one.bought.panel for one in checked if one.outcome is Imported.WOULD}
                balances = {
                    name: await panels[name].balance() for name in sorted(fitting & recorded.last_balances.keys())
                }
            if any(one.outcome is Imported.HELD for one in checked):
                return _with(checked, Imported.LEFT)
            if self.made is not None:
                self.made.keep()
            if not fitting:
                return checked
            signed = Signed(*who(), self.reason, clock.now())
            back_up(where, clock)
            if begins:
                about_to_begin(where, clock)
            async with open_journal(where, lock, clock, begins=begins) as journal:
                notes = [begun(settings) if begins else None, journal.note]
                for note in [] if settings.quiet else filter(None, notes):
                    settings.stderr().line(f"note: {note}")
                await record(journal, new_run_id(signed.at), checked, signed, balances)
        return _with(checked, Imported.IMPORTED)


def _with(checked: Sequence[Checked], outcome: Imported) -> list[Checked]:
    """A copy in which the orders that would be imported have `outcome`."""
    return [one._replace(outcome=outcome) if one.outcome is Imported.WOULD else one for one in checked]


def _one(campaigns: Sequence[Campaign], address: str, order_id: str) -> Bought:
    wanted = read_id(order_id.strip())
    if wanted is None:
        raise InvalidInput(f"{order_id!r} is no order id", "copy the id from the panel's order list")
    found = Listed(campaigns).at(address, wanted)
    if found is None:
        raise InvalidInput(f"no campaign lists an order {address}", "list it first; an address is written campaign/id")
    return found


def _many(settings: Settings, path: Path, inputs: Inputs, campaign: str | None) -> list[Bought]:
    """The listed order of each row; if rows are wrong, all of them on stderr and InvalidInput (exit 10)."""
    if campaign is not None and campaign not in {one.name for one in inputs.campaigns}:
        raise InvalidInput(f"no file holds a campaign {campaign}", "correct --campaign, or name its file")
    rows, found = load_bought(path, read_id)
    bought, wrong = Listed(inputs.campaigns, campaign).match(rows)
    names = columns_of(path) if wrong else ()
    unlisted = [
        Diagnostic(
            str(path), one.line, names.index(one.column) + 1 if one.column in names else 1, "not-listed", one.message
        )
        for one in wrong
    ]
    refuse(settings, path, [*found, *unlisted])
    return bought
