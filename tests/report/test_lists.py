"""Validation, services and balances as a person reads them."""

import re
from functools import partial

from runner.core.diagnostics import Diagnostic, Severity
from runner.report.text.lists import render_balances, render_services, render_validation

ERROR = Diagnostic("campaigns/a.yaml", 4, 3, "minimum", "orders[2].quantity: 0 is less than 1")
WARNING = Diagnostic("campaigns/b.yaml", 9, 1, "wide-link", "this prefix allows a whole host", Severity.WARNING)


validate = partial(render_validation, campaigns=2, orders=255)


def test_an_error_is_one_line_that_an_editor_can_jump_to(write):
    text = write(validate, [ERROR, WARNING], width=None)
    assert text.splitlines() == [
        str(ERROR),
        "campaigns/b.yaml:9:1: warning: this prefix allows a whole host",
        "1 error, 1 warning in 2 files",
    ]


def test_errors_are_red_warnings_yellow_and_success_green(write):
    text = write(validate, [ERROR, WARNING], colour=True)
    assert "\x1b[31morders[2].quantity" in text
    assert "\x1b[33mwarning: this prefix" in text
    assert "\x1b[32m2 campaigns, 255 orders: valid" in write(validate, [], colour=True)


def test_warnings_alone_are_valid(write):
    text = write(validate, [WARNING], width=None)
    assert text.splitlines()[-1] == "2 campaigns, 255 orders: valid, 1 warning"


def test_services_fit_a_terminal_and_are_whole_in_a_pipe(make, write):
    long = make.service(id="2214", name="Followers [Real] " * 10, rate=make.service().rate * 1000)
    other = make.service(type="custom comments")
    text = write(render_services, [("sandbox", make.service()), ("sandbox", long), ("sandbox", other)])
    assert "[Real]" in text
    assert "900.00" in text
    assert "R · ?" in text
    assert "Followers (custom comments:" in text
    piped = write(render_services, [("sandbox", long)], width=None).splitlines()
    assert len(piped) == 2
    assert piped[1].split()[:8] == ["sandbox", "2214", "900.00", "100", "10000", "yes", "no", "?"]


def test_panels_are_named_when_there_are_several(make, write):
    text = write(render_services, [("one", make.service()), ("two", make.service())])
    assert "one" in text
    assert "two" in text


def test_thousands_of_services_do_not_flood_a_terminal_and_are_whole_in_a_pipe(make, write):
    services = [("sandbox", make.service(id=str(number))) for number in range(300)]
    text = write(render_services, services)
    assert "… and 100 more." in text
    assert "--search" in text
    assert len(write(render_services, services, width=None).splitlines()) == 301


def test_no_match_is_said(write):
    assert write(render_services, [], width=None) == "No service matches.\n"


def test_balances_are_lines_and_debts_are_red(make, write):
    text = write(render_balances, [make.balance(), make.balance("smmkings", "-1.5", "EUR")], colour=True)
    assert "100.00 USD" in text
    assert re.search(r"\x1b\[31m *-1\.50 EUR", text)
