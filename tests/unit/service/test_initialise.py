import gzip
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.errors import InvalidConfiguration, InvalidData
from driftgate.lifecycle.plan import Source, Threshold
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.schema import ColumnKind, Task
from driftgate.service.initial_text import Facts, quoted, written
from driftgate.service.initialise import initialise, write
from driftgate.service.settings import Settings, load, read
from driftgate.training.inspection import ColumnLook, Inspection, Leak
from driftgate.training.kinds import Unusable

NUMERIC, CATEGORICAL = ColumnKind.NUMERIC, ColumnKind.CATEGORICAL


def an_inspection(task: Task = Task.BINARY, **changes) -> Inspection:
    facts = {
        "rows": 4000,
        "target": "churned",
        "task": task,
        "classes": {Task.BINARY: ("no", "yes"), Task.MULTICLASS: ("a", "b", "c"), Task.REGRESSION: ()}[task],
        "columns": (
            ColumnLook("stars", NUMERIC, 0, 900),
            ColumnLook("plan", CATEGORICAL, 0, 3),
            ColumnLook("client", CATEGORICAL, 0, 800),
            ColumnLook("month", CATEGORICAL, 0, 12, unusable=Unusable.DATE),
        ),
        "time": "month",
        "entity": "client",
        "leaks": (),
        "duplicate_rows": 0,
    }
    return Inspection(**(facts | changes))


@pytest.fixture
def initial(tmp_path):
    def from_inspection(found: Inspection) -> Settings:
        write(tmp_path, tmp_path / "data" / "churn.csv", found.target, "churn", found, force=True)
        return load(tmp_path, {})

    return from_inspection


def test_the_written_file_loads_and_says_what_was_found(initial):
    plan = initial(an_inspection()).plan("churn")

    assert plan.source == Source(path="data/churn.csv")
    assert (plan.target, plan.task, plan.positive) == ("churned", Task.BINARY, "yes")
    assert (plan.time, plan.entity, plan.drop) == ("month", "client", ())


def test_a_likely_leak_is_dropped_with_a_comment_that_says_why(initial, tmp_path):
    columns = (*an_inspection().columns, ColumnLook("refund", NUMERIC, 0, 2, score=0.99))

    settings = initial(an_inspection(columns=columns, leaks=(Leak(("refund",), "roc_auc", 0.99),)))

    assert settings.plan("churn").drop == ("refund",)
    (line,) = [line for line in (tmp_path / "driftgate.toml").read_text().splitlines() if '"refund"' in line]
    assert "a leak?" in line


def test_ids_are_dropped_and_constant_columns_only_mentioned(initial, tmp_path):
    columns = (
        *an_inspection().columns,
        ColumnLook("row", NUMERIC, 0, 4000, unusable=Unusable.IDENTIFIER),
        ColumnLook("country", CATEGORICAL, 0, 1, unusable=Unusable.CONSTANT),
    )

    settings = initial(an_inspection(columns=columns))

    assert settings.plan("churn").drop == ("row",)
    assert '# "country",' in (tmp_path / "driftgate.toml").read_text()


@pytest.mark.parametrize("task", list(Task))
def test_every_uncommented_default_is_the_default(initial, tmp_path, task):
    settings = initial(an_inspection(task, time=None))

    text = (tmp_path / "driftgate.toml").read_text()
    uncommented = re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE)
    (tmp_path / "driftgate.toml").write_text(uncommented)
    filled = load(tmp_path, {})

    assert uncommented != text
    assert filled.storage == settings.storage
    assert filled.service.model_copy(update={"url": None}) == settings.service
    assert filled.models["churn"].simulation == settings.models["churn"].simulation
    assert filled.models["churn"].drift == settings.models["churn"].drift
    assert filled.alerts == settings.alerts
    chosen = {"schedule": None, "limits": {}, "on": (), "new_labels": None}
    for table in ("monitoring", "triggers"):
        given, default = (getattr(each.models["churn"], table) for each in (filled, settings))
        assert given.model_copy(update={key: value for key, value in chosen.items() if key in type(given).model_fields}) == default
    without_floors = Policy(**{name: getattr(filled.policy("churn"), name) for name in Policy.__slots__} | {"floors": {}, "tests": ()})
    assert without_floors == Policy()
    plan = filled.plan("churn")
    assert (plan.holdout, plan.estimator, plan.threshold, plan.seed) == (0.25, settings.plan("churn").estimator, Threshold(), 0)


def test_an_existing_file_is_kept_unless_forced(tmp_path):
    (tmp_path / "driftgate.toml").write_text("mine")

    with pytest.raises(InvalidConfiguration, match="--force"):
        write(tmp_path, tmp_path / "churn.csv", "churned", "churn", an_inspection())
    assert (tmp_path / "driftgate.toml").read_text() == "mine"

    write(tmp_path, tmp_path / "churn.csv", "churned", "churn", an_inspection(), force=True)
    assert load(tmp_path, {}).model() == "churn"
    assert [path.name for path in tmp_path.iterdir()] == ["driftgate.toml"]


def test_data_outside_the_project_is_named_in_full(tmp_path):
    write(tmp_path, Path("/data/churn.csv"), "churned", "churn", an_inspection())

    assert load(tmp_path, {}).plan("churn").source.path == "/data/churn.csv"


def test_guesses_leaks_and_too_few_rows_are_warnings(tmp_path):
    found = an_inspection(rows=400, leaks=(Leak(("stars",), "roc_auc", 0.99),), warnings=("said before",))

    warnings = write(tmp_path, tmp_path / "churn.csv", "churned", "churn", found).warnings

    assert warnings[0] == "said before"
    assert "'month' is taken for the time" in warnings[1]
    assert "'client' is taken for the entity" in warnings[2]
    assert "'stars' stand in drop" in warnings[3]
    assert "undecided" in warnings[4]


def test_data_without_any_feature_is_refused(tmp_path):
    with pytest.raises(InvalidData, match="feature"):
        write(tmp_path, tmp_path / "churn.csv", "churned", "churn", an_inspection(columns=()))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("file", "name"), [("Churn Data-2.csv.gz", "churn_data_2"), ("___.csv", "model"), ("latest.parquet", "model"), ("é.csv", "model")]
)
def test_the_model_is_named_after_the_file(tmp_path, file, name):
    rows = "".join(f"{index % 7},{'yes' if index % 3 else 'no'}\n" for index in range(60))
    content = b"stars,churned\n" + rows.encode()
    (tmp_path / file).write_bytes(gzip.compress(content) if file.endswith(".gz") else content)

    assert initialise(tmp_path, tmp_path / file, "churned", None).model == name


def test_a_given_name_must_be_possible(tmp_path):
    with pytest.raises(InvalidConfiguration, match="small letters"):
        initialise(tmp_path, tmp_path / "churn.csv", "churned", "Churn!")


def test_a_missing_data_file_writes_nothing(tmp_path):
    with pytest.raises(InvalidData):
        initialise(tmp_path, tmp_path / "nowhere.csv", "churned", None)
    assert list(tmp_path.iterdir()) == []


ANY_NAME = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(ANY_NAME)
def test_any_text_survives_quoting(text):
    assert tomllib.loads(f"x = {quoted(text)}") == {"x": text}


@given(st.lists(ANY_NAME, min_size=8, max_size=8, unique=True), st.sampled_from(Task), st.booleans())
def test_any_column_names_give_a_file_that_loads_and_names_them(tmp_path_factory, names, task, apart):
    target, time, entity, number, text, leak, identifier, constant = names
    folder = tmp_path_factory.mktemp("init")
    facts = Facts(
        model="churn",
        path=number,
        rows=10,
        target=target,
        task=task,
        classes=(text, leak, time),
        time=time if apart else None,
        entity=entity if apart else None,
        numeric=(number,),
        categorical=(text,),
        mixed=(number,),
        leaks={leak: "predicts it"},
        out={identifier: "identifies rows"},
        idle={constant: "has one value"},
    )
    (folder / "driftgate.toml").write_text(written(facts), encoding="utf-8", newline="")

    settings = read(folder, {})

    assert isinstance(settings, Settings)
    plan = settings.plan("churn")
    assert (plan.target, plan.drop, plan.source.path) == (target, (leak, identifier), number)
