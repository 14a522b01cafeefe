from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from runner.core.diagnostics import Diagnostic, Severity
from runner.planning.plan import Refusal
from runner.report.documents.github import Annotation, of_diagnostics, of_model, output_lines, outputs
from tests.report.models import a_hostile_model, a_large_model, a_model


def test_a_finding_points_at_its_place():
    found = Diagnostic("campaigns/a,b.yaml", 3, 7, "unknown-key", "100% wrong: `quantiy`")
    (line,) = map(str, of_diagnostics([found]))
    assert line == "::error file=campaigns/a%2Cb.yaml,line=3,col=7,title=unknown-key::100%25 wrong: `quantiy`"


@given(st.text(max_size=80), st.text(max_size=80))
def test_no_text_can_begin_a_command_of_its_own(title, message):
    line = str(Annotation("error", title, message, "a.yaml", 1))
    assert len(line.splitlines()) == 1
    assert line.startswith("::error file=a.yaml,line=1")
    assert line.count("%") == line.count("%25") + line.count("%3A") + line.count("%2C") + line.count("%0")


def test_there_are_at_most_ten_and_errors_come_first():
    warnings = [Diagnostic("a", line, 1, "w", "w", Severity.WARNING) for line in range(20)]
    found = of_diagnostics([*warnings, Diagnostic("a", 99, 1, "e", "e")])
    assert len(found) == 10
    assert found[0].line == 99
    many = replace(a_hostile_model(), refusals=[Refusal("budget.total", "spring", "too much")] * 4)
    told = of_model(many)
    assert len(told) == 10
    assert [one.title for one in told[:4]] == ["refused by budget.total"] * 4
    assert of_model(a_large_model(60)) == []


def test_doubts_and_refusals_are_told_with_their_words():
    assert [(one.level, one.title, one.message) for one in of_model(a_model())] == [
        ("error", "spring/lost: in doubt", "connection reset"),
        ("error", "spring/never: refused", "Incorrect link"),
    ]


def test_outputs_are_plain_and_can_hold_anything():
    values = outputs(a_model())
    expected = {"exit_code": "15", "orders": "6", "in_doubt": "1", "spent": "1.44", "refunded": "1.26"}
    expected |= {"reserved": "0.90", "in_doubt_cost": "0.90", "balance": "97.66", "currency": "USD", "cost": ""}
    assert values.items() >= expected.items()
    text = output_lines({"a": "1", "b": "two\nlines"}, "end")
    assert text == "a<<end\n1\nend\nb<<end\ntwo\nlines\nend\n"


def test_what_ends_a_property_is_escaped_in_it():
    assert str(Annotation("error", "a: b, c", "m: n, o")) == "::error title=a%3A b%2C c::m: n, o"
