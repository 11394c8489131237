"""The text of a first driftgate.toml: what was found, why, and every important key with its default behind a `#`."""

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from driftgate.lifecycle.schema import Task

COMMENT_COLUMN = 54
WIDTH = 110


@dataclass(frozen=True, slots=True)
class Facts:
    """What the file says of the data. `leaks` and `out`: columns to drop, and why. `idle`: columns that are left out by themselves."""

    model: str
    path: str
    rows: int
    target: str
    task: Task
    classes: tuple[str, ...] = ()
    time: str | None = None
    entity: str | None = None
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    mixed: tuple[str, ...] = ()
    leaks: Mapping[str, str] = field(default_factory=dict)
    out: Mapping[str, str] = field(default_factory=dict)
    idle: Mapping[str, str] = field(default_factory=dict)


def written(facts: Facts) -> str:
    """The file's text: TOML that loads as it stands, and also with any `# key = value` line uncommented."""
    parts = (
        _head(facts),
        _data(facts),
        _columns(facts),
        _making(facts),
        _gates(facts),
        _reports(facts),
        _watching(facts),
        _card(facts),
        _shared(),
    )
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def quoted(text: str) -> str:
    """The text as a TOML string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _line(setting: str, comment: str = "") -> str:
    return f"{setting:<{COMMENT_COLUMN - 2}}  # {comment}" if comment else setting


def _default(setting: str, comment: str = "") -> str:
    return _line(f"# {setting}", comment)


def _head(facts: Facts) -> Iterator[str]:
    yield "# What is modelled, and what a version must show before it serves."
    yield f"# Written by `driftgate init` from {quoted(facts.path)} ({facts.rows:,} rows). Look it over, then: driftgate check"
    yield "# A key behind a # is a default, or a choice that was not made."


def _data(facts: Facts) -> Iterator[str]:
    yield f"[models.{facts.model}]"
    yield _line(f"source = {{ path = {quoted(facts.path)} }}", 'or { url = "env:WAREHOUSE", query = "SELECT ..." }')
    yield _line(f"target = {quoted(facts.target)}")
    yield _line(f'task = "{facts.task}"', _task_reason(facts))
    if facts.task is Task.BINARY:
        yield _line(f"positive = {quoted(facts.classes[1])}", f"whose probability is predicted; the other is {quoted(facts.classes[0])}")
    if facts.time is None:
        yield _default('time = "row_order"', "no column of dates: if the rows stand in the order of time, say so")
    else:
        yield _line(f"time = {quoted(facts.time)}", "a guess: when a row came about; the newest rows judge")
    if facts.entity is None:
        yield "# No column looks like the id of a customer or the like: name one as `entity` if a row is about one."
    else:
        yield _line(f"entity = {quoted(facts.entity)}", "a guess: whom a row is about; kept on one side of the split")


def _task_reason(facts: Facts) -> str:
    return "the target is a number" if facts.task is Task.REGRESSION else f"the target has {len(facts.classes)} labels"


def _columns(facts: Facts) -> Iterator[str]:
    for kind, names in (("numeric", facts.numeric), ("categorical", facts.categorical)):
        yield from _listed(f"Read as {kind}: ", names)
    for name in facts.mixed:
        yield f"# {quoted(name)} mixes numbers and text: clean it, or say here that it is categorical."
    example = (facts.mixed or facts.numeric or facts.categorical)[0]
    yield _default(f'kinds = {{ {quoted(example)} = "categorical" }}', "where the guess is wrong")
    yield from _dropped(facts)


def _listed(start: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        text = start + ", ".join(quoted(name) for name in names)
        yield from textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent="#   ", break_long_words=False, break_on_hyphens=False)


def _dropped(facts: Facts) -> Iterator[str]:
    reasons = {name: f"a leak? {why}; take it out if it is known beforehand" for name, why in facts.leaks.items()} | dict(facts.out)
    if not (reasons or facts.idle):
        yield _default("drop = []", "columns never to use")
        return
    yield "drop = ["
    yield from (_line(f"  {quoted(name)},", why) for name, why in reasons.items())
    yield from (_line(f"  # {quoted(name)},", f"{why}, and is left out for as long as that is so") for name, why in facts.idle.items())
    yield "]"


def _making(facts: Facts) -> Iterator[str]:
    regression = facts.task is Task.REGRESSION
    yield "# How a version is made"
    yield _default("holdout = 0.25", "share of the rows that judges" + (": the newest" if facts.time else ""))
    yield _default("window = { rows = 50000 }", "train on the newest rows only" + (", or { months = 12 }" if facts.time else ""))
    simple = "linear" if regression else "logistic"
    yield _default('estimator = { name = "hist_gradient_boosting" }', f"{simple}, random_forest, xgboost, package.module:factory")
    if facts.task is Task.BINARY:
        yield _default("threshold = { value = 0.5 }", 'or { goal = "f1" }, { goal = "recall", target = 0.8 }')
    if not regression:
        yield _default('recalibration = "none"', "sigmoid, isotonic")
    yield _default("seed = 0")


def _gates(facts: Facts) -> Iterator[str]:
    yield "# What a version must show before it serves"
    yield f"[models.{facts.model}.gates]"
    yield _default('standard = "superior"', 'surely better than the champion; or "non_inferior", by this margin:')
    yield _default("margin = 0.01", "share of the champion's loss")
    yield _default("confidence = 0.95", "of every bound")
    yield _default("minimum_rows = 200", "fewer are undecided, which does not promote")
    floor = "r2 = 0.0" if facts.task is Task.REGRESSION else "roc_auc = 0.5"
    yield _default(f"floors = {{ {floor} }}", "least value of a metric; of a loss or error, the largest")
    yield _default("growth_limit = 0.1", "how far the loss may grow when features drift a little")
    yield _default("growth_margin = 0.05", "and how much further than the champion's")
    yield _default("forgive_growth = true", "unless even the drifted version surely loses less than the champion does now")
    yield _default("approval = false", "whether a person must approve, too")
    yield _default('tests = ["tests/gate"]', "your own pytest files; they get the fixture `candidate`")
    yield _default("test_seconds = 300.0")


def _reports(facts: Facts) -> Iterator[str]:
    yield "# What drift is simulated, and which drift is reported"
    yield f"[models.{facts.model}.simulation]"
    yield _default("magnitudes = [1.01, 1.03, 1.05, 1.1]", "factors for each numeric feature")
    yield ""
    yield f"[models.{facts.model}.drift]"
    yield _default("level = 0.05", "chance of any false alarm in one report")
    yield _default("normalised_wasserstein = 0.1", "least shift of a number that matters, in standard deviations")
    yield _default("total_variation = 0.05", "least shift of a category's shares")


def _watching(facts: Facts) -> Iterator[str]:
    yield "# How the traffic of the version that serves is watched, and what starts a retrain by itself"
    yield f"[models.{facts.model}.monitoring]"
    yield _default('schedule = "0 6 * * *"', "every day at six, by a worker; without it: driftgate monitor")
    yield _default("window_days = 7.0", "how far back a pass looks")
    yield _default("false_alarms_per_year = 2.0", "expected of all passes together")
    limit = "mae = 10.0" if facts.task is Task.REGRESSION else "accuracy = 0.8"
    yield _default(f"limits = {{ {limit} }}", "on outcomes, as floors above")
    yield ""
    yield f"[models.{facts.model}.triggers]"
    yield _default('on = ["concept_shift", "performance"]', "whose alarm asks for a retrain")
    yield _default("new_labels = 5000", "so many matured labels do, too")
    yield _default("cooldown_days = 7.0", "none sooner after the last one")
    yield _default("monthly_budget = 4")


def _card(facts: Facts) -> Iterator[str]:
    yield "# What only people can say of the model; it stands on the model card of each version"
    yield f"[models.{facts.model}.card]"
    yield _default('intended_use = "..."', "what its predictions are for, and who acts on them")
    yield _default('limits = "..."', "what it must not be used for")
    yield _default('owner = "..."', "who answers for it")
    yield _default('contact = "..."')


def _shared() -> Iterator[str]:
    yield "# What all models share. No password stands in this file: write env:NAME for a URL that holds one."
    yield "[service]"
    yield _default('host = "127.0.0.1"', 'any other needs auth = "token"')
    yield _default("port = 8000")
    yield _default("mlflow_ui = 5000", "port of MLflow's own pages")
    yield _default('auth = "none"', "none, token")
    yield _default('url = "http://127.0.0.1:8000"', "send decisions there, in place of deciding in this process")
    yield ""
    yield "[alerts]"
    yield _default("channels = []", 'who hears of alarms: ["env:ALERTS_MAIL"], with mailto://... in it')
    yield ""
    yield "[storage]"
    yield _default('database = "sqlite:///.driftgate/driftgate.db"', 'for Postgres or MySQL: "env:DRIFTGATE_DATABASE"')
    yield _default('mlflow = "sqlite:///.driftgate/mlflow.db"', "or a server: http://...")
    yield _default('mlflow_artifacts = ".driftgate/mlartifacts"', "or s3://bucket/prefix")
    yield _default('objects = ".driftgate/objects"', "or s3://bucket/prefix")
    yield _default('workflows = "sqlite:///.driftgate/workflows.db"', "Postgres for more than one worker")
