"""A wrong command line is one line and a next step, and no advice spends, cancels or overrides anything."""

import click
import pytest

from runner.cli.main import COMMANDS, cli, run
from runner.cli.usage_errors import _MEANT, _NEVER_SUGGESTED
from runner.core.errors import ExitCode


def told(capsys, *arguments):
    assert run(list(arguments)) == ExitCode.USAGE
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("error: ")
    assert lines[1].startswith("  next: ")
    return lines


@pytest.mark.parametrize("flag", ["--dry-run", "--dryrun", "--dry_run", "--DRY-RUN", "--check", "--simulate"])
@pytest.mark.parametrize("command", ["apply", "plan", "watch"])
def test_who_asks_for_a_trial_is_sent_to_plan(capsys, command, flag):
    error, hint = told(capsys, command, flag)
    assert error == f"error: no such option: {flag}"
    assert hint == "  next: runner plan shows what would be done, and sends nothing"


def every_command():
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        yield (name,), command
        if isinstance(command, click.Group):
            yield from (((name, each), command.commands[each]) for each in command.commands)


def near_misses(word):
    yield word[:-1]
    yield word + "s"
    yield word + "-all"
    yield word.replace("-", "", 1) if word.count("-") > 2 else word + "ed"
    yield word[:3] + word[4:]


def test_no_misspelt_option_of_any_command_is_answered_with_one_that_may_not_be_suggested(capsys):
    dangerous = {"--prune", "--yes", "--force", "--new-state", "--accept-loss", "--i-checked"}
    assert dangerous < _NEVER_SUGGESTED
    tried = 0
    for path, command in every_command():
        known = {name for one in command.params for name in one.opts}
        for name in dangerous | {"--delete", "--remove", "--clean"}:
            for wrong in near_misses(name):
                if wrong in known:
                    continue
                run([*path, wrong])
                said = capsys.readouterr().err
                assert not any(f"{each} " in said.replace("?", " ").partition("next:")[2] for each in dangerous), said
                tried += 1
    assert tried > 500


def test_what_other_tools_call_it_is_known_here():
    options = {name for _, command in every_command() for one in command.params for name in one.opts}
    for advice in _MEANT.values():
        named = [word.strip(",") for word in advice.split() if word.startswith("--")]
        assert named or "runner plan" in advice or "FILES" in advice
        assert set(named) <= options
        assert not set(named) & _NEVER_SUGGESTED


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (("apply", "--max-cots", "5"), "no such option: --max-cots", "did you mean --max-cost?"),
        (("status", "--delete"), "no such option: --delete", "runner status --help lists the options"),
        (("aply",), "no such command: runner aply", "did you mean runner apply?"),
        (("cancle",), "no such command: runner cancle", "runner --help lists the commands"),
        (("doubt", "lst"), "no such command: runner doubt lst", "did you mean runner doubt list?"),
        (("apply", "--max-cost", "-1"), "'-1' is below zero", "runner apply --help"),
        (("apply", "--max-cost", "$1,000.50"), "write it like 1000.50", "runner apply --help"),
        (("plan", "--max-cost", "1e3"), "write it like 60.00", "runner plan --help"),
        (("watch", "--max-cost=-0.01"), "is below zero", "runner watch --help"),
        (("sandbox", "serve", "--balance", "-5"), "is below zero", "runner sandbox serve --help"),
        (("status", "--format", "xml"), "'xml' is not one of", "runner status --help"),
        (("apply", "--lock-timeout", "5x"), "is no duration", "runner apply --help"),
        (("apply", "--max-cost"), "requires an argument", "--help"),
        (("schema", "a", "b", "c"), "argument", "runner schema --help"),
    ],
)
def test_a_wrong_line_names_what_is_wrong_and_the_next_step(capsys, arguments, error, hint):
    first, second = told(capsys, *arguments)
    assert error in first
    assert hint in second
