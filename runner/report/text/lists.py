"""Text of `validate`, `services` and `balance`: plain lists of what was found."""

from collections.abc import Callable, Iterable, Sequence

from runner.core.catalogue import BalanceSeen, Service
from runner.core.diagnostics import Diagnostic, Severity
from runner.core.values.money import ZERO
from runner.report.terminal.screen import Field, Fit, Screen
from runner.report.terminal.style import Span, Style, attention, bad, command, dim, good, strong
from runner.report.wording import Amounts, count, money

_MOST = 200  # services listed on a terminal; a panel may have thousands
_WIDE = 110  # columns: room for categories and types
_Listed = tuple[str, Service]  # a panel with one of its services
_YES_NO = {True: "yes", False: "no", None: "?"}


def render_validation(diagnostics: Sequence[Diagnostic], out: Screen, *, campaigns: int, orders: int) -> None:
    """Show every finding as `file:line:column: message`, then one line that counts."""
    render_diagnostics(diagnostics, out)
    errors = sum(1 for each in diagnostics if each.severity is Severity.ERROR)
    warnings = len(diagnostics) - errors
    read = f"{count(campaigns, 'campaign')}, {count(orders, 'order')}"
    told = [count(number, noun) for number, noun in ((errors, "error"), (warnings, "warning")) if number]
    if not errors:
        out.line(good(f"{read}: valid") if not told else attention(f"{read}: valid, {told[0]}"))
        return
    files = len({each.file for each in diagnostics})
    out.line(bad(f"{', '.join(told)} in {count(files, 'file')}"))


def render_diagnostics(diagnostics: Iterable[Diagnostic], out: Screen, indent: int = 0) -> None:
    """Show each in one line; editors and CI systems jump to the place in front."""
    for each in diagnostics:
        place = f"{each.file}:{each.line}:{each.column}:"
        warns = each.severity is Severity.WARNING
        message = attention(f"warning: {each.message}") if warns else bad(each.message)
        out.line(strong(place), message, indent=indent)


def render_services(services: Sequence[_Listed], out: Screen) -> None:
    """Show a table of (panel, service) pairs, the search already done; services of other types are dimmed."""
    if not services:
        out.line(attention("No service matches."))
        return
    rates = Amounts((service.rate, panel) for panel, service in services)
    if not out.is_terminal:
        out.listing(_piped_fields(rates), services, indent=0)
        return
    fields = _fields(rates, several=len({panel for panel, _ in services}) > 1, is_wide=out.width >= _WIDE)
    out.listing(fields, services[:_MOST], indent=0)
    out.blank()
    if len(services) > _MOST:
        out.line(attention(f"… and {len(services) - _MOST:,} more. Choose with"), command("--search TEXT"))
    out.line(f"{count(len(services), 'service')}.", dim("Offers: R refill, C cancel, D drip-feed, ? not said."))


def _piped_fields(rates: Amounts) -> list[Field[_Listed]]:
    return [
        Field("panel", lambda one: one[0]),
        Field("service", lambda one: one[1].id, Fit.NUMBER),
        Field("rate", lambda one: rates.bare(one[1].rate, one[0]), Fit.NUMBER),
        Field("min", lambda one: str(one[1].min), Fit.NUMBER),
        Field("max", lambda one: str(one[1].max), Fit.NUMBER),
        Field("refill", lambda one: _YES_NO[one[1].refill]),
        Field("cancel", lambda one: _YES_NO[one[1].cancel]),
        Field("dripfeed", lambda one: _YES_NO[one[1].dripfeed]),
        Field("type", lambda one: one[1].type),
        Field("name", lambda one: one[1].name),
        Field("category", lambda one: one[1].category),
    ]


def _fields(rates: Amounts, *, several: bool, is_wide: bool) -> list[Field[_Listed] | None]:
    def shown(text: Callable[[str, Service], str]) -> Callable[[_Listed], Span]:
        return lambda one: Span(text(*one), Style.PLAIN if one[1].is_default else Style.DIM)

    return [
        Field("panel", shown(lambda panel, _: panel)) if several else None,
        Field("service", shown(lambda _, service: service.id), Fit.NUMBER),
        Field("name", shown(_name), Fit.WRAP),
        Field("category", shown(lambda _, service: service.category), Fit.WRAP) if is_wide else None,
        Field("per 1000", shown(lambda panel, service: rates.bare(service.rate, panel)), Fit.AMOUNT),
        Field("min", shown(lambda _, service: f"{service.min:,}"), Fit.NUMBER),
        Field("max", shown(lambda _, service: f"{service.max:,}"), Fit.NUMBER),
        Field("offers", shown(lambda _, service: _offers(service))),
    ]


def _name(_panel: str, service: Service) -> str:
    return service.name if service.is_default else f"{service.name} ({service.type}: not placed by the runner)"


def _offers(service: Service) -> str:
    """`R C D`, a dot for what is not offered."""
    flags = (("R", service.refill), ("C", service.cancel), ("D", service.dripfeed))
    return " ".join("?" if offered is None else letter if offered else "·" for letter, offered in flags)


def render_balances(balances: Sequence[BalanceSeen], out: Screen) -> None:
    """Show one line for each panel."""
    if not balances:
        out.line(attention("No panel."))
        return
    fields: list[Field[BalanceSeen]] = [Field("", lambda one: one.panel), Field("", _held, Fit.AMOUNT)]
    out.listing(fields, balances, indent=0)


def _held(seen: BalanceSeen) -> Span:
    amount = money(seen.balance.amount, seen.balance.currency)
    return strong(amount) if seen.balance.amount > ZERO else bad(amount)
