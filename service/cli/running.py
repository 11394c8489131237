"""`serve`, `ship`, `worker`, `up` and `demo`."""

import click

from driftgate.service.cli.shared import json_option, running, settings, show


@click.command()
@click.option("--host", help="The address to listen on; by default service.host.")
@click.option("--port", type=click.IntRange(1, 65535), help="By default service.port.")
@click.option("--workers", type=click.IntRange(1, 64), help="Serving processes; by default service.workers.")
def serve(host: str | None, port: int | None, workers: int | None) -> None:
    """Answer predictions and take decisions over HTTP."""
    from driftgate.service.processes import serve_api

    serve_api(settings(), host, port, workers)


@click.command()
@click.option("--once", is_flag=True, help="Ship what waits now, and end.")
@click.option("--with-parent", is_flag=True, help="End when standard input closes; `serve` starts its own with this.")
@json_option
def ship(once: bool, with_parent: bool, as_json: bool) -> None:
    """Move logged payloads to SQL and the object store, and score shadows. `serve` keeps one going."""
    from driftgate.service.processes import run_companion

    found = settings()
    if not once:
        run_companion(found, with_parent=with_parent)
        return
    with running(found) as parts:
        document = {"shipped": parts.payloads.ship(), "waiting": parts.payloads.backlog()}
    show(document, as_json, lambda shipped: [f"{shipped['shipped']} payloads shipped, {shipped['waiting']} wait"])


@click.command()
def worker() -> None:
    """Run retrains, gates, promotions and reports as durable workflows."""
    from driftgate.service.processes import run_worker

    run_worker(settings())


@click.command()
def up() -> None:
    """Start the API, a worker and the MLflow UI, and keep them running until Ctrl-C."""
    from driftgate.service.processes import run_everything

    run_everything(settings())


@click.command()
@click.option("--exit", "leave", is_flag=True, help="End after the story instead of serving on.")
@click.option("--folder", type=click.Path(file_okay=False), default="demo", help="Where the demo project is made anew.")
@click.option("--drift", "dial", type=click.FloatRange(0.0, 1.0), default=1.0, help="How far the generated clients drift.")
def demo(leave: bool, folder: str, dial: float) -> None:
    """Tell the whole story on generated data: champion, traffic, drift, report, retrain, gates, promotion, rollback."""
    from pathlib import Path

    from driftgate.service.demo import tell_story

    tell_story(Path(folder), dial, leave=leave)


COMMANDS = (serve, ship, worker, up, demo)
