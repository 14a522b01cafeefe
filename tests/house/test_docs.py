"""The pages that lead through the code: every place that they name is there, and no way is longer than a dozen stops."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_LINK = re.compile(r"\[`([^`]+)`\]\((\.\./[\w/.]+\.py)\)")
_DOTTED = re.compile(r"`((?:\w+\.)+\w+)`")
_FILE = re.compile(r"`([a-z_]+/[\w/]+\.py)`")
_STOP = re.compile(r"^(\d+)\. ", re.MULTILINE)
MOST_STOPS = 12


@cache
def names_in(module):
    """Names at the top of a module, with the methods of its classes and the fields of its rows."""
    found = set()
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
            for inner in getattr(node, "body", ()):
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    found.add(f"{node.name}.{inner.name}")
                elif isinstance(inner, ast.AnnAssign) and isinstance(inner.target, ast.Name):
                    found.add(f"{node.name}.{inner.target.id}")
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def links_of(page):
    return _LINK.findall((DOCS / page).read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", ["architecture.md", "tour.md"])
def test_every_place_that_a_page_names_is_there(page):
    links = links_of(page)
    assert len(links) >= 10
    for name, target in links:
        module = (DOCS / target).resolve()
        assert module.is_file(), f"{page} leads to {target}"
        if " " in name:  # a command: `doubt list`
            command = name.split()[-1]
            assert {command, f"{command}_"} & names_in(module), f"{page} leads to {name} in {target}"
        else:
            assert name in names_in(module), f"{page} leads to {name} in {target}"


def test_the_three_ways_have_at_most_a_dozen_stops():
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    ways = text.partition("## Three ways through the code")[2].partition("\n## ")[0].split("\n### ")[1:]
    assert len(ways) == 3
    for way in ways:
        stops = [int(number) for number in _STOP.findall(way)]
        assert stops == list(range(1, len(stops) + 1))
        assert 8 <= len(stops) <= MOST_STOPS


def test_every_question_of_the_tour_leads_somewhere():
    rows = [line for line in (DOCS / "tour.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert len(rows) - 2 >= 10  # a head and its rule
    assert all(_LINK.search(row) for row in rows[2:])


def resolves(dotted):
    """True if `room.folder.module.Name` is there, with or without its last parts."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        place = ROOT.joinpath("runner", *parts[:length])
        if place.with_suffix(".py").is_file():
            rest = ".".join(parts[length:])
            return not rest or rest in names_in(place.with_suffix(".py"))
    return ROOT.joinpath("runner", *parts).is_dir()


def test_the_glossary_names_what_the_code_has():
    rooms = {place.name for place in (ROOT / "runner").iterdir()}
    everywhere = set().union(*map(names_in, (ROOT / "runner").rglob("*.py")))
    dotted = set(_DOTTED.findall((DOCS / "glossary.md").read_text(encoding="utf-8")))
    places = {one for one in dotted if one.partition(".")[0] in rooms}
    assert len(places) > 30
    assert [one for one in sorted(places) if not resolves(one)] == []
    assert [one for one in sorted(dotted) if one[0].isupper() and one not in everywhere] == []


def test_files_of_the_code_that_a_page_names_are_there():
    for page in [*DOCS.glob("*.md"), *(DOCS / "decisions").glob("*.md"), ROOT / "CONTRIBUTING.md"]:
        for path in _FILE.findall(page.read_text(encoding="utf-8")):
            places = (ROOT / path, ROOT / "runner" / path)
            assert any(place.exists() for place in places), f"{page.relative_to(ROOT)} names {path}"


def test_a_word_of_the_glossary_is_explained_once():
    rows = re.findall(r"^\| ([^|]+) \|", (DOCS / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    words = [row.strip() for row in rows if row.strip() not in {"word", "---"}]
    assert len(words) == len(set(words))


def test_links_between_pages_lead_somewhere():
    for page in [*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} leads to {target}"
