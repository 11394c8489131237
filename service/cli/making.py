"""`retrain`, `adopt`, `simulate` and `card`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from driftgate.lifecycle.errors import InvalidRequest
from driftgate.service.cli.shared import GivenOption, actor, json_option, model_option, number, remote, running, settings, show, table


@click.command()
@click.option("--data", cls=GivenOption, type=click.Path(path_type=Path), help="Train on this file instead of the configured source.")
@click.option("--search", is_flag=True, help="Tune the estimator's parameters by cross-validation first.")
@click.option("--reason", default="requested on the command line", help="Why; kept with the run.")
@model_option
@json_option
def retrain(data: Path | None, search: bool, reason: str, model: str | None, as_json: bool) -> None:
    """One retrain run: fit, evaluate, register as candidate. Nothing that serves changes."""
    from driftgate.service import asking
    from driftgate.service.dispatch import dispatch

    found = settings()
    name = found.model(model)
    service = remote(found)
    if service is not None:
        body = {"reason": reason, "search": search, "data": None if data is None else str(data)}
        document = service.job(f"/v1/models/{name}/retrain", body)
    else:
        request = asking.retraining(found, name, actor(), reason=reason, search=search, data=data)
        with running(found) as parts:
            document = dispatch(parts.app, parts.roster, parts.jobs, "retrain", request.key, request)
    show(document, as_json, _version_lines)


def _version_lines(document: dict[str, Any]) -> list[str]:
    metrics = [[name, number(value)] for name, value in sorted(document["metrics"].items())]
    return [
        f"Version {document['version']} of {document['model']} is the candidate (MLflow run {document['run_id']}).",
        *table([["holdout metric", "value"], *metrics]),
        f"Judge it with: driftgate gate {document['version']}   Promote it with: driftgate promote {document['version']}",
    ]


@click.command()
@click.argument("version", type=click.IntRange(min=1))
@click.option("--train", required=True, type=click.Path(path_type=Path), help="The rows it was trained on.")
@click.option("--holdout", required=True, type=click.Path(path_type=Path), help="Rows it was not trained on, with the target.")
@model_option
@json_option
def adopt(version: int, train: Path, holdout: Path, model: str | None, as_json: bool) -> None:
    """Bind a snapshot and digests to a version that other code registered in MLflow."""
    from driftgate.service.adopting import adopt_version
    from driftgate.service.carding import make_within

    found = settings()
    name = found.model(model)
    with running(found) as parts:
        document = adopt_version(parts, name, version, train, holdout, actor())
        make_within(parts.app.cards)
    show(document, as_json, _version_lines)


@click.command()
@click.argument("version", type=click.IntRange(min=1))
@model_option
@json_option
def simulate(version: int, model: str | None, as_json: bool) -> None:
    """Simulate drift in each feature and in sets of them, and show how the loss degrades."""
    from driftgate.service import asking
    from driftgate.service.dispatch import dispatch

    found = settings()
    request = asking.simulation(found.model(model), version)
    with running(found) as parts:
        document = dispatch(parts.app, parts.roster, parts.jobs, "simulation", request.key, request)
    show(document, as_json, _simulation_lines)


def _simulation_lines(document: dict[str, Any]) -> list[str]:
    loss, second = ("log_loss", "probability_lift") if document["loss"] == "log_loss" else ("mae", "rmse")
    rows = [[s["scenario"], number(s[loss]), f"{s['growth']['value']:+.1%}", number(s[second])] for s in document["scenarios"]]
    breaks = [f"  {feature} breaks at x{value:g}" for feature, value in sorted(document["breaks_at"].items()) if value is not None]
    return [
        f"Version {document['version']} on {document['rows']} holdout rows:",
        *table([["scenario", loss, "growth", second], *rows]),
        *(breaks or ["  no feature breaks the limit at any simulated magnitude"]),
        f"Plot and table: report {document['report']}",
    ]


@click.command()
@click.argument("version", type=click.IntRange(min=1))
@click.option("--out", cls=GivenOption, type=click.Path(file_okay=False, path_type=Path), help="By default card-MODEL-VERSION here.")
@model_option
@json_option
def card(version: int, out: Path | None, model: str | None, as_json: bool) -> None:
    """Write the model card of a version to a folder, as Markdown and HTML; made now where it is not up to date."""
    from driftgate.service.carding import digests

    found = settings()
    name = found.model(model)
    with running(found) as parts:
        made = parts.app.cards.card(name, version)
    folder = (out or Path(f"card-{name}-{version}")).absolute()
    _write(folder, made.files)
    document = {
        "model": name,
        "version": version,
        "made": made.made,
        "folder": str(folder),
        "files": {file: str(folder / file) for file in sorted(made.files)},
        "sha256": dict(digests(made)),
    }
    show(document, as_json, _card_lines)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise InvalidRequest(f"the card cannot be written to {folder}: {error.strerror or error}", field="out") from error


def _card_lines(document: dict[str, Any]) -> list[str]:
    state = "made now" if document["made"] else "up to date"
    return [f"Model card of version {document['version']} of {document['model']} ({state}):", *sorted(document["files"].values())]


COMMANDS = (retrain, adopt, simulate, card)
