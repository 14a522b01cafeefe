"""`runner balance PANEL --label TEXT`: records why a balance moved, so that it is no longer unexplained."""

from dataclasses import dataclass
from decimal import Decimal

from runner.cli.arguments.options import Settings
from runner.cli.io.inputs import Inputs, need_profiles
from runner.cli.process.prompts import confirm, who
from runner.core.catalogue import BalanceLabel, BalanceSeen
from runner.core.errors import ExitCode, InvalidInput, UsageError
from runner.core.operations import DoubtLeftOvers, LabelBalance
from runner.core.snapshot import Recorded
from runner.core.values.clock import to_the_minute
from runner.core.values.money import plain
from runner.core.values.text import clean
from runner.engine.session import Session
from runner.planning.accounting.balance_deltas import shown_first
from runner.planning.accounting.ledger import Account, make_ledger
from runner.report.terminal.screen import Screen
from runner.report.terminal.style import attention, good
from runner.report.text.ledger import moved
from runner.store.read.balance_looks import read_readings

_LONGEST = 100  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRequest:
    """A label as given on the command line."""

    panel: str
    text: str
    amount: Decimal | None  # came in; negative: went out; None: all that is unexplained
    may_label: bool  # without a question
    force: bool  # though nothing like it is unexplained


def read_request(
    settings: Settings, names: tuple[str, ...], text: str, amount: Decimal | None, *, force: bool
) -> LabelRequest:
    """The options as a request; raises UsageError if they don't go together."""
    if len(names) != 1:
        raise UsageError("--label is about one panel", 'name it: runner balance PANEL --label "top-up"')
    words = clean(text, _LONGEST)
    if not words:
        raise UsageError("--label is empty", 'say in a few words what moved the balance: --label "top-up"')
    if amount is not None and not amount:
        raise UsageError("--amount 0.00 explains nothing", "name what came in, or went out: --amount=-5.00")
    may_label = settings.yes or not settings.may_ask
    if amount is None and may_label and not settings.yes:
        raise UsageError(
            "--label, and nobody to ask how much", "add --amount 50.00, or --yes for all that is unexplained"
        )
    return LabelRequest(panel=names[0], text=words, amount=amount, may_label=may_label, force=force)


async def label_balance(settings: Settings, request: LabelRequest) -> BalanceSeen:
    """Read the balance and record the label; returns the balance. Raises `Interrupted` if the user says no."""
    from runner.cli.composition import end_run, open_session

    inputs = Inputs(campaigns=(), profiles=need_profiles(settings))
    async with open_session(settings, inputs, "balance --label", panels=(request.panel,)) as session:
        recorded = await _refreshed(session, request.panel)
        out = settings.stderr() if settings.format == "json" else settings.stdout()
        label = _choose(settings, request, recorded, session, out)
        if label is not None:
            await session.journal.record(LabelBalance(label))
            _tell(label, _account(await session.journal.recorded(), request.panel), out)
        await end_run(session, ExitCode.OK)
    return recorded.last_balances[request.panel]


async def _refreshed(session: Session, name: str) -> Recorded:
    """The state after the balance and the statuses were read: a refund must not be taken for a top-up."""
    from runner.engine.refresh import refresh_balance, refresh_statuses

    await session.journal.record(DoubtLeftOvers(session.clock.now()))
    live = [
        (one.panel_order_id, one.id)
        for one in (await session.journal.recorded()).each()
        if one.panel == name and one.is_live and one.panel_order_id is not None
    ]
    async with session.stop.interruptible():
        await refresh_balance(session, session.panels[name])
        await refresh_statuses(session, session.panels[name], live)
    return await session.journal.recorded()


def _account(recorded: Recorded, panel: str) -> Account:
    return make_ledger(recorded, panels=(panel,)).accounts[0]


def _choose(
    settings: Settings, request: LabelRequest, recorded: Recorded, session: Session, out: Screen
) -> BalanceLabel | None:
    """The label to record, after asking if need be; None, with a line on `out`, if nothing is unexplained."""
    account, last = _account(recorded, request.panel), recorded.last_balances[request.panel]
    currency = last.balance.currency
    unlabelled = -(account.unexplained or Decimal(0))  # came in, and no book or label shows it
    if not unlabelled and not request.force:
        out.line(f"Nothing is unexplained at {request.panel}: there is nothing to label.")
        return None
    amount = unlabelled if request.amount is None else request.amount
    if account.races and not request.force:
        left = unlabelled - sum((race.missing for race in account.races), Decimal(0))
        if amount > left:
            rest = f"label the other {plain(left)} with --amount {plain(left)}; or " if left > 0 else ""
            raise InvalidInput(
                f"{account.races[-1].words}; nothing was labelled", f"{rest}to label it all the same, add --force"
            )
    if not amount:
        raise UsageError("--force needs an --amount", "name what came in, or went out: --amount=-5.00")
    if amount * unlabelled < 0 and not request.force:
        raise InvalidInput(
            f"{moved(amount, currency)}? At {request.panel} {moved(unlabelled, currency)} unexplained; nothing was labelled",
            "look at runner report; to label it all the same, add --force",
        )
    first = recorded.first_balances[request.panel]
    if not request.may_label:
        told = f"At {request.panel} {moved(unlabelled, currency)} unexplained since {to_the_minute(first.seen_at)}."
        settings.stderr().line(told)
        confirm(f'Label that {moved(amount, currency)} as "{request.text}"?', "labelled")
    reading = shown_first(recorded, read_readings(settings.where, request.panel), amount) or last
    user, host = who()
    return BalanceLabel(
        panel=request.panel,
        text=request.text,
        amount=amount,
        currency=currency,
        reading=reading.number or 0,
        seen_at=reading.seen_at,
        user=user,
        host=host,
        at=session.clock.now(),
    )


def _tell(label: BalanceLabel, account: Account, out: Screen) -> None:
    out.line(
        good("Labelled:"),
        f"{moved(label.amount, label.currency)}, first seen {to_the_minute(label.seen_at)}: {label.text}.",
    )
    if account.unexplained:
        out.line(attention(f"Still unexplained at {label.panel}: {moved(-account.unexplained, account.currency)}."))
