"""Text of `validate`, `services` and `balance`: plain lists of what was found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runner.core.catalogue import BalanceSeen, Service
from runner.core.diagnostics import Diagnostic, Severity
from runner.core.values.money import ZERO
from runner.report.terminal.screen import Column, Fit, Screen
from runner.report.terminal.style import Span, Style, Written, attention, bad, command, dim, good, strong
from runner.report.wording import Amounts, count, money

_MOST = 200  # services listed on a terminal; a panel may have thousands
_WIDE = 110  # columns: room for categories and types
_YES_NO = {True: "yes", False: "no", None: "?"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """What `validate` found, and in how much."""

    diagnostics: Sequence[Diagnostic]
    campaigns: int
    orders: int


def render_validation(found: Validation, out: Screen) -> None:
    """Every finding as `file:line:column: message`, then one line that counts."""
    render_diagnostics(found.diagnostics, out)
    errors = sum(1 for each in found.diagnostics if each.severity is Severity.ERROR)
    warnings = len(found.diagnostics) - errors
    read = f"{count(found.campaigns, 'campaign')}, {count(found.orders, 'order')}"
    told = [count(number, noun) for number, noun in ((errors, "error"), (warnings, "warning")) if number]
    if not errors:
        out.line(good(f"{read}: valid") if not told else attention(f"{read}: valid, {told[0]}"))
        return
    files = len({each.file for each in found.diagnostics})
    out.line(bad(f"{', '.join(told)} in {count(files, 'file')}"))


def render_diagnostics(diagnostics: Iterable[Diagnostic], out: Screen, indent: int = 0) -> None:
    """One line each; editors and CI systems jump to the place in front."""
    for each in diagnostics:
        place = f"{each.file}:{each.line}:{each.column}:"
        warns = each.severity is Severity.WARNING
        message = attention(f"warning: {each.message}") if warns else bad(each.message)
        out.line(strong(place), message, indent=indent)


def render_services(services: Sequence[tuple[str, Service]], out: Screen) -> None:
    """A table of (panel, service) pairs, the search already done; services of other types are dimmed."""
    if not services:
        out.line(attention("No service matches."))
        return
    rates = Amounts((service.rate, panel) for panel, service in services)
    if not out.is_terminal:
        out.table(_ALL_SERVICE_COLUMNS, (_whole_service(*pair, rates) for pair in services), indent=0)
        return
    several = len({panel for panel, _ in services}) > 1
    wide = out.width >= _WIDE
    columns = [
        *([Column("panel")] if several else []),
        Column("service", right=True),
        Column("name", Fit.WRAP),
        *([Column("category", Fit.WRAP)] if wide else []),
        Column("per 1000", Fit.WHOLE, right=True),
        Column("min", right=True),
        Column("max", right=True),
        Column("offers"),
    ]
    rows = []
    for panel, service in services[:_MOST]:
        style = Style.PLAIN if service.is_default else Style.DIM
        texts = [
            *([panel] if several else []),
            service.id,
            service.name if service.is_default else f"{service.name} ({service.type}: not placed by the runner)",
            *([service.category] if wide else []),
            rates.bare(service.rate, panel),
            f"{service.min:,}",
            f"{service.max:,}",
            _offers(service),
        ]
        rows.append([Span(text, style) for text in texts])
    out.table(columns, rows, indent=0)
    out.blank()
    if len(services) > _MOST:
        out.line(attention(f"… and {len(services) - _MOST:,} more. Choose with"), command("--search TEXT"))
    out.line(f"{count(len(services), 'service')}.", dim("Offers: R refill, C cancel, D drip-feed, ? not said."))


_ALL_SERVICE_COLUMNS = (
    Column("panel"),
    Column("service", right=True),
    Column("rate", right=True),
    Column("min", right=True),
    Column("max", right=True),
    Column("refill"),
    Column("cancel"),
    Column("dripfeed"),
    Column("type"),
    Column("name"),
    Column("category"),
)


def _whole_service(panel: str, service: Service, rates: Amounts) -> list[str]:
    return [
        panel,
        service.id,
        rates.bare(service.rate, panel),
        str(service.min),
        str(service.max),
        _YES_NO[service.refill],
        _YES_NO[service.cancel],
        _YES_NO[service.dripfeed],
        service.type,
        service.name,
        service.category,
    ]


def _offers(service: Service) -> str:
    """`R C D`, a dot for what is not offered."""
    flags = (("R", service.refill), ("C", service.cancel), ("D", service.dripfeed))
    return " ".join("?" if offered is None else letter if offered else "·" for letter, offered in flags)


def render_balances(balances: Sequence[BalanceSeen], out: Screen) -> None:
    """One line per panel."""
    if not balances:
        out.line(attention("No panel."))
        return
    rows: list[list[Written]] = []
    for seen in balances:
        amount = money(seen.balance.amount, seen.balance.currency)
        rows.append([seen.panel, strong(amount) if seen.balance.amount > ZERO else bad(amount)])
    out.table([Column(""), Column("", Fit.WHOLE, right=True)], rows, indent=0)
