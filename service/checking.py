"""What `driftgate check` finds: configuration, data, connections and user tests, key by key. Nothing is created or changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from driftgate.lifecycle.errors import DriftgateError
from driftgate.lifecycle.plan import ModelPlan
from driftgate.service.checking_policy import differences
from driftgate.service.checking_stores import stores
from driftgate.service.settings import FILE_NAME, Settings, SettingsFile, disclosed, read
from driftgate.service.settings_errors import keys


class Status(StrEnum):
    """How a checked thing stands. Only `ERROR` stops work."""

    OK = "ok"
    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class CheckItem:
    """One thing that was checked: its key in driftgate.toml, how it stands, and a sentence."""

    key: str
    status: Status
    message: str


def check_folder(project: Path) -> tuple[CheckItem, ...]:
    """Everything wrong with the file itself; where that is sound, everything that `check` finds."""
    found = read(project)
    if isinstance(found, Settings):
        return check(found)
    return tuple(
        CheckItem(problem.key or FILE_NAME, Status.ERROR, str(problem).removeprefix(f"{problem.key}: ") if problem.key else problem.message)
        for problem in found
    )


def check(settings: Settings) -> tuple[CheckItem, ...]:
    """The configuration, then each model's data, estimator and tests, then each store. One failure hides no other."""
    found = [CheckItem(FILE_NAME, Status.OK, f"declares {', '.join(settings.models)}")]
    for name in settings.models:
        found += _data(settings, name)
        found += _tests(settings, name)
    for key, problem, message in stores(settings):
        found.append(CheckItem(key, Status.ERROR if problem else Status.OK, message))
    found += [CheckItem(key, Status.WARN if differs else Status.OK, words) for key, differs, words in differences(settings)]
    found += _channels(settings)
    found += _ledger_key(settings)
    found += _unasked(settings)
    return (*found, *_one_worker(settings))


def _data(settings: Settings, name: str) -> Iterator[CheckItem]:
    """A dry run of everything before the fit: rows read, schema inferred, rows split, estimator built."""
    from driftgate.training import estimators, fit, sources

    plan = settings.plan(name)
    try:
        parts = fit.prepared(sources.read(disclosed(plan.source), settings.project), plan)
        estimators.pipeline(plan.estimator, parts.schema, plan.seed, settings.project)
    except DriftgateError as error:
        yield CheckItem(_key(name, plan, error.field), Status.ERROR, error.message)
        return
    schema = parts.schema
    rows = f"{len(parts.train)} rows to train on, {len(parts.holdout)} to judge by"
    yield CheckItem(f"models.{name}", Status.OK, f"{schema.task}, {len(schema.columns)} features, {rows}")
    for warning in parts.warnings:
        yield CheckItem(f"models.{name}", Status.WARN, warning)
    minimum = settings.policy(name).minimum_rows
    if len(parts.holdout) < minimum:
        message = (
            f"the holdout has {len(parts.holdout)} rows, so every judgement will be undecided below {minimum}: give more data, or lower it"
        )
        yield CheckItem(f"models.{name}.gates.minimum_rows", Status.WARN, message)


def _key(name: str, plan: ModelPlan, field: str | None) -> str:
    """The key of driftgate.toml that the field of an error, which may be a column, belongs to."""
    roles = {plan.target: "target", plan.entity: "entity", plan.time: "time"}
    known = {key.removeprefix("models.NAME.") for key, _ in keys(SettingsFile) if key.startswith("models.NAME.")}
    below = "source" if field is None else roles.get(field) or (field if field in known else "source")
    return f"models.{name}.{below}"


def _tests(settings: Settings, name: str) -> Iterator[CheckItem]:
    for place, path in enumerate(settings.tests(name), start=1):
        key = f"models.{name}.gates.tests[{place}]"
        resolved = path.resolve()
        if not resolved.exists():
            yield CheckItem(key, Status.ERROR, f"{path} does not exist")
        elif not resolved.is_relative_to(settings.project.resolve()):
            yield CheckItem(key, Status.ERROR, f"{path} is not below the project folder, so it would not be in the tests' scratch copy")
        elif path.is_dir() and not any([*path.rglob("test_*.py"), *path.rglob("*_test.py")]):
            yield CheckItem(key, Status.WARN, f"{path} holds no test_*.py: the behaviour gate will be undecided")
        else:
            yield CheckItem(key, Status.OK, f"{path} exists")


def _channels(settings: Settings) -> Iterator[CheckItem]:
    """Whether messages could be addressed; none is sent."""
    from driftgate.service.notices import problem, shown

    tables = [
        ("alerts", settings.alerts.channels),
        *((f"alerts.rules[{n}]", rule.channels) for n, rule in enumerate(settings.alerts.rules, 1)),
    ]
    for table, channels in tables:
        for place, address in enumerate(channels, start=1):
            why, name, key = problem(address), shown(address), f"{table}.channels[{place}]"
            yield CheckItem(key, Status.ERROR if why else Status.OK, f"{name}: {why}" if why else f"{name} can be read")


def _ledger_key(settings: Settings) -> Iterator[CheckItem]:
    """What a deployment should know of a key that is kept in the state folder."""
    from driftgate.service.ledger_keys import exposed

    told = exposed(settings)
    if told:
        yield CheckItem("storage.ledger_key", Status.WARN, told)
    elif settings.storage.ledger_key is None and not settings.storage.database.startswith("sqlite"):
        words = "is not set: every host signs the ledger's anchors with a key of its own, and knows only those that it signed itself"
        yield CheckItem("storage.ledger_key", Status.WARN, words)


def _unasked(settings: Settings) -> Iterator[CheckItem]:
    """Triggers that wait for passes which no clock starts."""
    for name, table in settings.models.items():
        waiting = [key for key, given in (("on", table.triggers.on), ("new_labels", table.triggers.new_labels)) if given]
        if waiting and table.monitoring.schedule is None:
            named = " and ".join(f"triggers.{key}" for key in waiting)
            words = f"is not set, so {named} can start a retrain only when somebody asks for a pass (driftgate monitor)"
            yield CheckItem(f"models.{name}.monitoring.schedule", Status.WARN, words)


def _one_worker(settings: Settings) -> Iterator[CheckItem]:
    """What a deployment on servers should know of workflows in SQLite."""
    storage = settings.storage
    if storage.workflows.startswith("sqlite") and not storage.database.startswith("sqlite"):
        kind = storage.database.partition(":")[0].partition("+")[0]
        hint = (
            "DBOS has no MySQL: for more workers, add a Postgres database"
            if kind in ("mysql", "mariadb")
            else "for more workers, use Postgres"
        )
        yield CheckItem(
            "storage.workflows", Status.WARN, f"workflows are in SQLite, so one worker, on this machine, is all there can be; {hint}"
        )
