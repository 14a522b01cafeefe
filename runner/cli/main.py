"""The command group, and the one place where errors become a line on stderr and an exit code."""

import importlib
import os
import sys
from keyword import iskeyword
from typing import NoReturn

import click

from runner import __version__
from runner.cli.arguments.project import DIRECTORY, with_directory
from runner.cli.process.secrecy import forbid_core_dumps
from runner.cli.process.signals import ignore_all, interrupt_on_all
from runner.cli.process.streams import complain, take_streams
from runner.core.errors import ExitCode, RunnerError

# command -> (module, help line): the modules load when their command is used, so that --help answers at once
COMMANDS = {
    "init": ("commands.init", "Write a first campaign, panels.yaml and .gitignore lines."),
    "validate": ("commands.validate", "Check campaign files and panels.yaml; needs no network."),
    "plan": ("commands.plan", "Show what apply would do, its cost and whether it may."),
    "show": ("commands.show", "Show a saved plan as plan showed it, and whether it may still be applied."),
    "apply": ("commands.apply", "Buy what is missing: one reconcile pass."),
    "watch": ("watch.command", "Apply again and again until everything is final."),
    "status": ("commands.status", "What was asked against what there is, order by order."),
    "refill": ("by_hand.refill_cancel", "Ask for refills by hand."),
    "cancel": ("by_hand.refill_cancel", "Ask to cancel orders by hand."),
    "import": ("by_hand.import_orders", "Take orders into the state that were bought elsewhere."),
    "report": ("commands.status", "Spent, refunded, reserved, in doubt, balance, unexplained."),
    "history": ("commands.history", "What happened to an order, or of late, with the money."),
    "doubt": ("by_hand.doubt", "Orders that may have been bought: list, show, adopt, not-placed, abandon."),
    "services": ("commands.panels", "List what the panels sell."),
    "balance": ("commands.panels", "Show what the accounts hold."),
    "state": ("commands.state", "Look at the state, check it, repair it, restore it."),
    "schema": ("commands.init", "Print a JSON schema (for editors and scripts)."),
    "completion": ("commands.init", "Print the shell completion script."),
    "sandbox": ("commands.sandbox", "The simulated panel, as a server on loopback."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Every command, in the order a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # same
        """The command itself, imported now; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"runner.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name)
        return with_directory(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # same
        """The help lines, without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


_HELP = frozenset({"-h", "--help", "--version"})

EPILOG = (
    "Exit codes: 0 fine, 2 changes pending (--detailed-exitcode), 10 invalid input, 11 refused by a guard, "
    "12 state refused, 13 panel unreachable, 14 partly done, 15 in doubt, 16 watch timed out, 64 usage, 130 interrupted."
)


@click.group(
    cls=LazyGroup,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "BULK_RUNNER"},
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@DIRECTORY
def cli() -> None:
    """Place bulk orders listed in YAML campaign files on an order panel; running it again is always safe.

    FILES are campaign files; without any, campaigns/*.yaml of the project one stands in, from any folder inside it.
    Try it: runner init, runner validate, runner apply.
    """


def main() -> NoReturn:
    """Run the command line and exit the process with a code of `ExitCode`."""
    forbid_core_dumps()
    streams = take_streams()
    interrupt_on_all()
    code = run(sys.argv[1:])
    ignore_all()
    sys.exit(streams.end(code))


def run(arguments: list[str]) -> int:
    """The exit code of one command line; every error ends here as one line and a next step."""
    try:
        code = cli.main(arguments, prog_name="runner", standalone_mode=False)
    except RunnerError as error:
        complain(error.message, error.hint)
        if "GITHUB_ACTIONS" in os.environ:
            from runner.cli.io import ci

            ci.tell_failure(arguments, error.message, error.hint, error.code)
        return error.code
    except click.exceptions.Abort:
        complain("interrupted; nothing was sent")
        return ExitCode.INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return ExitCode.USAGE
    except click.ClickException as error:
        from runner.cli.usage_errors import explain

        complain(*explain(error))
        return ExitCode.USAGE
    except KeyboardInterrupt:
        complain("interrupted")
        return ExitCode.INTERRUPTED
    except SystemExit:
        # click's answer to a reader of our output that went away. Help that was read far enough is fine; a command
        # may have had something to tell, and must not end as if all were well.
        return ExitCode.OK if _HELP.intersection(arguments) else ExitCode.FAILURE
    except Exception as error:
        if "--debug" in arguments:
            raise
        complain(f"unexpected failure: {type(error).__name__}: {error}", "run again with --debug for a traceback")
        return ExitCode.FAILURE
    return code if isinstance(code, int) else ExitCode.OK
