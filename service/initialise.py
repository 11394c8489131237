"""The first driftgate.toml of a project, written from a look at its data."""

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from driftgate.lifecycle.errors import InvalidConfiguration, InvalidData
from driftgate.lifecycle.plan import Source
from driftgate.lifecycle.policy import Policy
from driftgate.service.initial_text import Facts, written
from driftgate.service.settings import FILE_NAME
from driftgate.service.settings_models import RESERVED_NAMES, model_name
from driftgate.training.inspection import Inspection
from driftgate.training.kinds import Unusable

HOLDOUT = 0.25

_WHY_OUT = {Unusable.IDENTIFIER: "its values identify rows", Unusable.DATE: "it holds dates; name it as time, or derive numbers from it"}
_WHY_IDLE = {Unusable.CONSTANT: "has one value", Unusable.MISSING: "has no value"}


@dataclass(frozen=True, slots=True)
class InitResult:
    """The written file, the model it declares, and what its reader should know."""

    path: Path
    model: str
    task: str
    warnings: tuple[str, ...]


def initialise(project: Path, data: Path, target: str, name: str | None, *, force: bool = False) -> InitResult:
    """The written configuration for the data file. Raises InvalidData for unusable data, InvalidConfiguration where a file is there."""
    from driftgate.training import inspection, sources

    _require_free(project, force=force)
    chosen = _chosen_name(name, data)
    frame = sources.read(Source(path=str(data.absolute())), project)
    return write(project, data, target, chosen, inspection.inspect(frame, target), force=force)


def write(project: Path, data: Path, target: str, name: str, found: Inspection, *, force: bool = False) -> InitResult:
    """The written configuration for data that was inspected. An existing file is replaced whole, and only where `force` says so."""
    path = _require_free(project, force=force)
    facts = _facts(project, data, target, name, found)
    _replace(path, written(facts))
    return InitResult(path, name, found.task.value, _warnings(found, facts))


def _require_free(project: Path, *, force: bool) -> Path:
    path = project / FILE_NAME
    if not project.is_dir():
        raise InvalidConfiguration(f"there is no folder {project}: create it, or name another with --project")
    if path.exists() and not force:
        raise InvalidConfiguration(f"{path} is there already: edit it, or overwrite it with --force")
    return path


def _chosen_name(name: str | None, data: Path) -> str:
    """The given name, or one made from the file's. Raises InvalidConfiguration for a given one that cannot be."""
    if name is None:
        stem = re.sub(r"[^a-z0-9]+", "_", data.name.partition(".")[0].lower()).strip("_")[:63].rstrip("_")
        return stem if stem and stem not in RESERVED_NAMES else "model"
    try:
        return model_name(name)
    except ValueError as error:
        raise InvalidConfiguration(f"the model's name {name!r} {error}", field="name") from error


def _facts(project: Path, data: Path, target: str, name: str, found: Inspection) -> Facts:
    place, home = data.absolute(), project.absolute()
    leaks = {column: f"predicts the target almost perfectly{_with(leak.columns)}" for leak in found.leaks for column in leak.columns}
    out = {column: why for reason, why in _WHY_OUT.items() for column in found.named(reason)}
    kept = [look for look in found.features if look.name not in leaks]
    if not kept:
        raise InvalidData(f"no column of {data} can be a feature beside target {target!r}: see `driftgate init --help`", field=target)
    return Facts(
        model=name,
        path=str(place.relative_to(home) if place.is_relative_to(home) else place),
        rows=found.rows,
        target=target,
        task=found.task,
        classes=found.classes,
        time=found.time,
        entity=found.entity,
        numeric=tuple(look.name for look in kept if look.kind == "numeric"),
        categorical=tuple(look.name for look in kept if look.kind == "categorical"),
        mixed=tuple(look.name for look in kept if look.mixed),
        leaks=leaks,
        out=out,
        idle={column: why for reason, why in _WHY_IDLE.items() for column in found.named(reason)},
    )


def _with(columns: tuple[str, ...]) -> str:
    return " alone" if len(columns) == 1 else " together with another"


def _warnings(found: Inspection, facts: Facts) -> tuple[str, ...]:
    said = list(found.warnings)
    said += [f"column {facts.time!r} is taken for the time of a row: a guess"] if facts.time else []
    said += [f"column {facts.entity!r} is taken for the entity that a row is about: a guess"] if facts.entity else []
    if facts.leaks:
        names = ", ".join(repr(name) for name in facts.leaks)
        said.append(f"{names} stand in drop, as likely leaks: take out what is known before the outcome")
    needed = Policy().minimum_rows
    if found.rows * HOLDOUT < needed:
        said.append(f"a quarter of {found.rows} rows is fewer than the {needed} that a judgement needs: verdicts will be undecided")
    return tuple(said)


def _replace(path: Path, text: str) -> None:
    """Writes the file whole or not at all."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
