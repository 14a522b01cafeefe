from collections.abc import Callable
from pathlib import Path

import pytest

from runner.files.campaigns import LoadedCampaigns, load_campaigns

HEAD = """version: 1
campaign: spring
panel: sandbox
links: [https://example.com/our-brand/]
defaults: {service: 1}
"""
PAGE = "https://example.com/our-brand/p/"


def places(loaded: LoadedCampaigns) -> list[tuple[str, int, int, str]]:
    """File, line, column and code of everything that was told."""
    return [(one.file, one.line, one.column, one.code) for one in loaded.diagnostics]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def load(project: Path) -> Callable[..., LoadedCampaigns]:
    """Writes `a.yaml` (head + body, or the body alone as bytes) and CSV files, then loads it."""

    def write_and_load(body: str | bytes, *, head: str = HEAD, **csv: str | bytes) -> LoadedCampaigns:
        for name, content in csv.items():
            (project / f"{name}.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        path = Path("a.yaml")
        path.write_bytes(body if isinstance(body, bytes) else (head + body).encode())
        return load_campaigns([path])

    return write_and_load


@pytest.fixture
def load_rows(load: Callable[..., LoadedCampaigns]) -> Callable[..., LoadedCampaigns]:
    """Loads a campaign with these flow rows, each written without its braces; the first is line 7."""

    def write_and_load(*rows: str, **csv: str) -> LoadedCampaigns:
        return load("orders:\n" + "".join(f"  - {{{row}}}\n" for row in rows), **csv)

    return write_and_load
