"""The `driftgate` command: its groups, and what every command does with an error."""

import gc
import sys
import traceback

import click

from driftgate.lifecycle.errors import DriftgateError, InvalidConfiguration, InvalidRequest
from driftgate.service.cli import (
    access,
    auditing,
    backtest,
    deciding,
    etl,
    impact,
    making,
    payload_log,
    policy,
    rollout,
    running,
    scoring,
    setup,
    volume,
    watching,
)

DONE, REFUSED, WRONG_USAGE = 0, 1, 2
GARBAGE_AFTER = 1_000_000


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--project", type=click.Path(file_okay=False), default=".", help="The folder that holds driftgate.toml.")
@click.option("--url", envvar="DRIFTGATE_URL", help="Send decisions to the service at this address, with the token in DRIFTGATE_TOKEN.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="driftgate", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context, project: str, url: str | None, debug: bool) -> None:
    """No model version serves traffic unless recorded evidence says it should."""
    context.obj = {"project": project, "url": url, "debug": debug}


MODULES = (
    setup, making, backtest, deciding, rollout, policy, watching, impact, auditing, etl, scoring, payload_log, volume, running, access,
)  # fmt: skip
for module in MODULES:
    for command in module.COMMANDS:
        cli.add_command(command)


def main() -> None:
    """Runs the command; exit code 0 done, 1 refused or failed, 2 wrong usage or configuration."""
    # Starting makes hundreds of thousands of objects that all stay: looking for garbage among them takes a tenth of a short command.
    # What serves sets a bound of its own.
    gc.set_threshold(GARBAGE_AFTER)
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = WRONG_USAGE
    except click.Abort:
        click.echo("stopped", err=True)
        code = REFUSED
    except DriftgateError as error:
        code = exit_code(error)
        _show(error)
    sys.exit(code if isinstance(code, int) else DONE)


def exit_code(error: DriftgateError) -> int:
    """The exit code of a named error."""
    return WRONG_USAGE if isinstance(error, InvalidConfiguration | InvalidRequest) else REFUSED


def _show(error: DriftgateError) -> None:
    from driftgate.registry.secrecy import hidden

    if "--debug" in sys.argv:
        click.echo(hidden("".join(traceback.format_exception(error))), err=True, nl=False)
        return
    click.echo(f"error: {hidden(error.message)}", err=True)
    cause = error.__cause__
    # The drivers' own words, where they add something to the sentence.
    if cause is not None and str(cause) and str(cause).splitlines()[0] not in error.message:
        click.echo(f"  because: {type(cause).__name__}: {hidden(str(cause).splitlines()[0])}", err=True)
