"""`serve`, `worker`, `up` and `demo`."""

import click

from driftgate.service.cli.shared import settings


@click.command()
@click.option("--host", help="The address to listen on; by default service.host.")
@click.option("--port", type=click.IntRange(1, 65535), help="By default service.port.")
def serve(host: str | None, port: int | None) -> None:
    """Answer predictions and take decisions over HTTP."""
    from driftgate.service.processes import serve_api

    serve_api(settings(), host, port)


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


COMMANDS = (serve, worker, up, demo)
