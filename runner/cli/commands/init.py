"""`runner init`, `runner schema` and `runner completion`: a first project, and support for editors and shells."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from runner.cli.arguments.project import STATE
from runner.cli.io.output_paths import give_name
from runner.cli.main import cli
from runner.core.errors import InvalidInput
from runner.core.values.clock import SystemClock
from runner.files.validation.schemas import sample_path, schema_names, schema_text
from runner.store.disk.paths import StatePaths
from runner.store.postgres.address import is_address, parse
from runner.store.startup.first_start import Standing, holds_permit, make_permit, refuse_traces
from runner.store.startup.state_files import belongs_to_a_state

IGNORED = ("/state/*", "!/state/lineage.json")

PANELS_YAML = """\
# yaml-language-server: $schema=schemas/panels.schema.json
# The panels you have an account with. `sandbox` is built in and needs no entry.
version: 1
panels: {}
#  my-panel:
#    url: https://panel.example/api/v2
#    key: {env: MY_PANEL_API_KEY}     # the key stays in the environment, never in a file of the project
#    currency: USD
"""


@click.command()
@click.argument("folder", default=".", type=click.Path(path_type=Path, file_okay=False))
def init(folder: Path) -> None:
    """Write a first campaign, panels.yaml, the schemas and .gitignore lines into FOLDER. Overwrites nothing.

    Also allows the first run that speaks with a real panel to begin the state there: only where no state ever was, and not
    where BULK_RUNNER_STATE names a server.
    """
    paths = StatePaths.at(folder / STATE)
    where = os.environ.get("BULK_RUNNER_STATE", "")
    shared = parse(where) if is_address(where) else None
    standing = refuse_traces(paths, folder)
    files = {f"campaigns/{name}": sample_path(name).read_text(encoding="utf-8") for name in ("demo.yaml", "posts.csv")}
    files |= {
        f"schemas/{name}.schema.json": schema_text(name) for name in schema_names() if name in ("campaign", "panels")
    }
    files["panels.yaml"] = PANELS_YAML
    try:
        for name, text in files.items():
            _write_new(folder / name, text)
        _ignore(folder / ".gitignore")
        if shared is not None:
            click.echo(f"the state is {shared.shown}: the first run on a real panel begins it with --new-state, once")
        elif standing is not Standing.BEGUN and not holds_permit(paths):
            make_permit(paths, SystemClock())
            click.echo(f"allowed  {paths.db} to begin, once, with the first run on a real panel")
    except OSError as error:
        raise InvalidInput(f"{error.filename}: {error.strerror}", "choose a folder you may write to") from error
    click.echo("next: runner validate, then runner plan, then runner apply")


def _write_new(path: Path, text: str) -> None:
    """Write the file whole or not at all; never replaces what is there, not even a dangling link."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(path):
        click.echo(f"kept     {path}")
        return
    with _draft(path, text) as draft:
        give_name(draft, path)
    click.echo(f"written  {path}")


@contextmanager
def _draft(path: Path, text: str) -> Iterator[Path]:
    """A temporary file beside `path` that holds `text`; removed at the end."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _ignore(path: Path) -> None:
    """Keep the database out of git, but not lineage.json, which tells a wrong database from the right one."""
    if belongs_to_a_state(path, ()):
        raise InvalidInput(f"{path} is a file of a state", "remove that link")
    present = path.read_text(encoding="utf-8") if path.exists() else ""
    missing = [line for line in IGNORED if line not in present.splitlines()]
    if not missing:
        click.echo(f"kept     {path}")
        return
    gap = "\n" if present and not present.endswith("\n") else ""
    target = path.resolve()
    with _draft(target, present + gap + "\n".join(missing) + "\n") as draft:
        if target.exists():
            draft.chmod(target.stat().st_mode & 0o777)
        draft.replace(target)
    click.echo(f"added to {path}: {' '.join(missing)}")


@click.command()
@click.argument("name", required=False)
def schema(name: str | None) -> None:
    """Print the JSON schema NAME; without a name, list them."""
    if name is None:
        click.echo("\n".join(schema_names()))
        return
    if name not in schema_names():
        raise InvalidInput(f"no schema named {name!r}", f"one of: {', '.join(schema_names())}")
    click.echo(schema_text(name), nl=False)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for SHELL; e.g. runner completion bash >> ~/.bashrc."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is not None:
        click.echo(found(cli, {}, "runner", "_RUNNER_COMPLETE").source())
