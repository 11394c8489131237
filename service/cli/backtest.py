"""`backtest`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from driftgate.service.cli.shared import GivenOption, json_option, model_option, number, settings, show, table

MOST_SHOWN = 40


@click.command()
@click.option("--data", cls=GivenOption, type=click.Path(path_type=Path), help="The history; by default the configured source.")
@click.option("--time", cls=GivenOption, help="The column that orders it, or row_order; by default the model's own.")
@click.option("--every", cls=GivenOption, help="How long a period is: 1M, 2w, 7d, 12h, or rows, such as 1000.")
@click.option("--delay", cls=GivenOption, help="How long outcomes take to be known; by default outcomes.maturity_days.")
@click.option("--first", "lead", cls=GivenOption, help="History before the first period; by default as little as a version takes.")
@click.option(
    "--corrupt", cls=GivenOption, type=click.FloatRange(0, 1), default=0.0, help="Share of the candidates that are broken on purpose."
)
@click.option("--seed", cls=GivenOption, type=click.IntRange(0, 2**32 - 1), help="Which ones are broken, and how; by default the model's.")
@click.option("--alarms/--no-alarms", default=True, help="Also ask the monitors about every period (slower).")
@click.option("--fresh", is_flag=True, help="Begin anew instead of going on where an earlier run stopped.")
@model_option
@json_option
def backtest(as_json: bool, model: str | None, **asked: Any) -> None:
    """Replay history: retrain, judge and promote period by period, beside never, always and latest."""
    from driftgate.service.backtesting.running import Wish
    from driftgate.service.backtesting.running import backtest as run

    found = settings()
    watched, corrupt = asked.pop("alarms"), asked.pop("corrupt") or 0.0
    wish = Wish(found.model(model), watched=watched, corrupt=corrupt, **asked)
    with _progress() as told:
        document = run(found, wish, told)
    show(document, as_json, _lines)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Periods done, on stderr, for people."""
    if not sys.stderr.isatty():
        yield lambda _done, _all: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("period {task.completed:.0f} of {task.total:.0f}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("replaying", total=1)
        yield lambda done, every: bar.update(task, completed=done, total=every)


def _lines(document: dict[str, Any]) -> list[str]:
    loss = "MAE" if document["loss"] == "mae" else "log-loss"
    heading = ["policy", f"mean {loss}", "accuracy", "promotions", "corrupted promoted", "regretted", "refused", "alarms"]
    own = document["policies"]["policy"]
    gone_on = f", of which {document['resumed_periods']} were done before" if document["resumed_periods"] else ""
    every, delay = (f"{document[name]} rows" if document[name].isdigit() else document[name] for name in ("every", "delay"))
    head = f"{document['rows']:,} rows of {document['model']} in {len(document['periods'])} periods of {every}{gone_on}"
    return [
        f"{head}; outcomes known after {delay}:",
        *table([heading, *([name, *_numbers(policy)] for name, policy in document["policies"].items())]),
        *(f"  note: {warning}" for warning in document["warnings"]),
        *(f"  {each['name']}: no candidate: {each['problem']}" for each in document["periods"] if each["problem"]),
        *_refused(own),
        *(f"  alarms in {each['period']}: {', '.join(each['subjects'])}" for each in own["alarms"][:MOST_SHOWN]),
        f"Page: {document['html']}",
    ]


def _numbers(policy: dict[str, Any]) -> list[str]:
    counts = ("promotions", "corrupted_promoted", "regretted", "refused")
    alarms = sum(len(each["subjects"]) for each in policy["alarms"])
    return [number(policy["mean_loss"], 5), number(policy["accuracy"]), *(str(policy[count]) for count in counts), str(alarms)]


def _refused(own: dict[str, Any]) -> list[str]:
    """Each refusal of the policy with its first reason by gate; the rest is on the page and in the JSON."""
    lines = []
    for each in own["refusals"][:MOST_SHOWN]:
        by_gate: dict[str, str] = {}
        for reason in each["reasons"]:
            by_gate.setdefault(reason.split(":", 1)[0], reason)
        broken = f" ({each['corruption']})" if each["corruption"] else ""
        lines.append(f"  refused in {each['period']}{broken}: {'; '.join(by_gate.values())}")
    rest = len(own["refusals"]) - MOST_SHOWN
    return [*lines, *([f"  and {rest} more, on the page"] if rest > 0 else [])]


COMMANDS = (backtest,)
