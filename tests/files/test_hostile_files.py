"""Whatever a file holds, reading it ends in campaigns and diagnostics, never in a traceback."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.core.diagnostics import Severity
from runner.files.campaigns import load_campaigns
from runner.files.panels import load_panels

HEAD = b"version: 1\ncampaign: c\npanel: sandbox\nlinks: [https://example.com/]\n"
WORDS = [
    "version: 1\n",
    "campaign: c\n",
    "panel: p\n",
    "links: [https://example.com/]\n",
    "orders:\n",
    "- ",
    "  ",
    "\n",
    "? ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "&a ",
    "*a",
    "!t ",
    "!!int ",
    "<<: ",
    "'",
    '"',
    "|\n",
    ">\n",
    "---\n",
    "...\n",
    "\t",
    "# x\n",
    "%YAML 1.1\n",
    "id: ",
    "link: ",
    "from: ",
    "quantity: ",
    "runs: ",
    "interval: ",
    "drip: runner",
    "tags: [a, b]",
    "prune: true",
    "counts: ",
    "protect: ",
    "service: ",
    "defaults: ",
    "moved: ",
    "removed: ",
    "budget: ",
    "policy: ",
    "https://example.com/x",
    "rows.csv",
    "500",
    "1e3",
    "no",
    "true",
    "~",
    "\u200b",
    "\ufeff",
    "\x85",
]
yamlish = st.lists(st.sampled_from(WORDS), max_size=40).map("".join)
values = st.sampled_from(
    [
        "1",
        "x",
        "'1'",
        "[]",
        "{}",
        "~",
        "true",
        "1.5",
        "&a 1",
        "*a",
        "!t 1",
        "https://example.com/a",
        "rows.csv",
        "[[1]]",
    ]
)
rows = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["id", "link", "service", "quantity", "runs", "interval", "from", "drip", "tags", "zz", "<<"]
            ),
            values,
        ),
        max_size=5,
    ),
    max_size=6,
).map(lambda made: "orders:\n" + "".join("- {" + ", ".join(f"{k}: {v}" for k, v in row) + "}\n" for row in made))
csvish = st.one_of(
    st.binary(max_size=120),
    st.lists(
        st.sampled_from(
            ["link", "id", "quantity", ",", "\n", '"', "\r", "5", "x", " ", "https://example.com/a", "\u200b", "\x00"]
        ),
        max_size=40,
    ).map(lambda parts: "".join(parts).encode()),
)


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def check(loaded, path):
    for one in loaded.diagnostics:
        assert one.line >= 1
        assert one.column >= 1
        assert one.message
        assert "\n" not in one.message
    assert bool(loaded.campaigns) is not any(one.severity is Severity.ERROR for one in loaded.diagnostics)
    assert list(loaded.diagnostics) == sorted(loaded.diagnostics)


quickly = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quickly
@given(content=st.one_of(st.binary(max_size=200), yamlish.map(str.encode), rows.map(lambda text: HEAD + text.encode())))
def test_no_campaign_file_raises(folder, content):
    path = folder / "a.yaml"
    path.write_bytes(content)
    check(load_campaigns([path]), path)


@quickly
@given(content=rows, place=st.integers(0, 400), byte=st.binary(min_size=1, max_size=2))
def test_no_damaged_campaign_raises(folder, content, place, byte):
    whole = HEAD + content.encode()
    path = folder / "a.yaml"
    path.write_bytes(whole[: place % len(whole)] + byte + whole[place % len(whole) :])
    check(load_campaigns([path]), path)


@quickly
@given(content=csvish, header=st.booleans())
def test_no_csv_raises(folder, content, header):
    (folder / "rows.csv").write_bytes((b"link,quantity\n" if header else b"") + content)
    path = folder / "b.yaml"
    path.write_bytes(HEAD + b"defaults: {service: 1, quantity: 5}\norders: [{from: rows.csv}]\n")
    check(load_campaigns([path]), path)


@quickly
@given(
    content=st.one_of(
        st.binary(max_size=100),
        yamlish.map(str.encode),
        values.map(lambda v: f"version: 1\npanels: {{a: {{url: {v}, key: {v}}}}}\n".encode()),
    )
)
def test_no_panels_file_raises(folder, content):
    path = folder / "panels.yaml"
    path.write_bytes(content)
    profiles, diagnostics, _ = load_panels(path)
    assert all(one.message for one in diagnostics)
    assert isinstance(profiles, dict)
