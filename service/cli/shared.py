"""Options and output that commands share."""

import getpass
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from driftgate.service.bootstrap import Running
    from driftgate.service.remote import Remote
    from driftgate.service.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])


class GivenOption(click.Option):
    """An option for which an empty text is as good as none: MLproject files cannot leave a parameter out."""

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """The value, or the default's None."""
        return None if value == "" else super().type_cast_value(ctx, value)


model_option = click.option("--model", cls=GivenOption, help="Which model, where driftgate.toml declares more than one.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")


def actor() -> str:
    """The operating system user who runs the command."""
    return getpass.getuser()


def project() -> Path:
    """The project folder that the command was given."""
    return Path(click.get_current_context().obj["project"])


def settings() -> "Settings":
    """The project's settings."""
    from driftgate.service.settings import load

    return load(project())


def remote(found: "Settings | None" = None) -> "Remote | None":
    """The service that decisions go to; None where none is configured."""
    url = click.get_current_context().obj["url"] or (found.service.url if found is not None else None)
    if url is None:
        return None
    from driftgate.service.remote import Remote

    return Remote(url)


@contextmanager
def running(found: "Settings") -> Iterator["Running"]:
    """The wired parts of the project, released at the end."""
    from driftgate.service.bootstrap import wire

    parts = wire(found, tell)
    try:
        yield parts
    finally:
        parts.close()


def tell(message: str) -> None:
    """A line of progress, for people, on stderr."""
    if sys.stderr.isatty():
        click.echo(click.style(f"  {message}", dim=True), err=True)


def show(document: dict[str, Any], as_json: bool, text: Callable[[dict[str, Any]], Sequence[str]]) -> None:
    """The document on stdout: as JSON, or as the lines that `text` makes of it."""
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    for line in text(document):
        click.echo(line)


def verdict_mark(verdict: str) -> str:
    """The verdict as people see it on a terminal."""
    colours = {"pass": "green", "promoted": "green", "fail": "red", "refused": "red", "failed": "red", "not_applicable": None}
    return click.style(verdict.replace("_", " "), fg=colours.get(verdict, "yellow"), bold=True)


def gate_lines(gates: Sequence[dict[str, Any]]) -> list[str]:
    """One line per gate, then its reasons."""
    lines = []
    for gate in gates:
        lines.append(f"  {gate['name']:<12} {verdict_mark(gate['verdict'])}")
        lines += [f"    {reason}" for reason in gate["reasons"]]
    return lines


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as aligned columns; the first row is the heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def number(value: float | str | None, digits: int = 4) -> str:
    """A number with the given significant digits, or a dash."""
    return "-" if value is None or isinstance(value, str) else f"{value:.{digits}g}"
