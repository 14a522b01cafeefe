"""`runner validate`: every check that needs no network."""

from collections.abc import Iterable

import click

from runner.cli.arguments.options import VALIDATING, Command, Settings
from runner.cli.io import ci
from runner.cli.io.inputs import read_inputs
from runner.cli.io.output import show
from runner.core.diagnostics import Severity
from runner.core.errors import ExitCode
from runner.report.terminal.screen import Screen
from runner.report.text.lists import render_validation


@click.command(cls=Command, params=[*VALIDATING])
def validate(settings: Settings) -> int:
    """Check campaign FILES (default campaigns/*.yaml) and panels.yaml: syntax, schema, rules. Needs no network.

    Shows all errors of all files at once, each as file:line:column: message. Exit 0, or 10 with errors.
    """
    inputs, diagnostics = read_inputs(settings)
    orders = sum(len(campaign.orders) for campaign in inputs.campaigns)

    def as_json() -> Iterable[str]:
        from runner.report.documents.as_json import json_chunks, validate_document

        return json_chunks(validate_document(diagnostics))

    def as_text(screen: Screen) -> None:
        render_validation(diagnostics, screen, campaigns=len(inputs.campaigns), orders=orders)

    show(settings, as_json, as_text)
    ci.tell_files(settings, diagnostics)
    failed = any(one.severity is Severity.ERROR for one in diagnostics)
    return ExitCode.INVALID if failed else ExitCode.OK
