import json
import re
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.errors import InvalidConfiguration, InvalidRequest, ModelNotFound
from driftgate.lifecycle.plan import Estimator, Goal, ModelPlan, Source, Threshold, Window
from driftgate.lifecycle.policy import Policy, Standard
from driftgate.lifecycle.schema import ColumnKind, Task
from driftgate.service.settings import Settings, SettingsFile, disclosed, load, read
from driftgate.service.settings_errors import Problem, keys

MINIMAL = """
[models.churn]
source = { path = "churn.csv" }
target = "churned"
"""


@pytest.fixture
def loaded(tmp_path):
    def from_text(text: str, environment: dict[str, str] | None = None) -> Settings:
        (tmp_path / "driftgate.toml").write_text(textwrap.dedent(text), encoding="utf-8")
        return load(tmp_path, environment or {})

    return from_text


@pytest.fixture
def refused(tmp_path):
    """The problems of a file, by key."""

    def from_text(text: str, environment: dict[str, str] | None = None) -> dict[str, Problem]:
        (tmp_path / "driftgate.toml").write_text(textwrap.dedent(text), encoding="utf-8")
        result = read(tmp_path, environment or {})
        assert isinstance(result, tuple), "the file was accepted"
        return {problem.key: problem for problem in result}

    return from_text


def with_model(lines: str) -> str:
    return MINIMAL + textwrap.dedent(lines)


def test_a_minimal_file_gets_every_default(loaded, tmp_path):
    settings = loaded(MINIMAL)

    assert settings.plan("churn") == ModelPlan("churn", Source(path="churn.csv"), "churned")
    assert settings.policy("churn") == Policy()
    assert settings.tests("churn") == ()
    assert settings.state == tmp_path / ".driftgate"
    assert settings.storage.database == f"sqlite:///{tmp_path}/.driftgate/driftgate.db"
    assert settings.storage.workflows == f"sqlite:///{tmp_path}/.driftgate/workflows.db"
    assert settings.storage.outbox == f"{tmp_path}/.driftgate/outbox.db"
    assert settings.storage.mlflow_artifacts == f"{tmp_path}/.driftgate/mlartifacts"
    assert (settings.service.host, settings.service.auth) == ("127.0.0.1", "none")


def test_every_model_key_reaches_plan_and_policy(loaded, tmp_path):
    settings = loaded("""
        [models.churn]
        source = { path = "churn.csv", separator = ";" }
        target = "churned"
        task = "binary"
        positive = "yes"
        entity = "client"
        time = "month"
        features = ["stars", "plan"]
        kinds = { stars = "categorical" }
        holdout = 0.3
        seed = 7
        window = { months = 6 }
        estimator = { name = "shop.models:build", params = { depth = 3, fast = true } }
        threshold = { goal = "recall", target = 0.8 }
        recalibration = "isotonic"

        [models.churn.gates]
        standard = "non_inferior"
        margin = 0.02
        confidence = 0.9
        minimum_rows = 50
        floors = { roc_auc = 0.7, log_loss = 0.6 }
        growth_limit = 0.2
        growth_margin = 0.1
        forgive_growth = false
        gated_magnitude = 1.1
        gated_scenarios = ["strong", "mine"]
        test_seconds = 60
        approval = true
        tests = ["tests/gate"]

        [models.churn.simulation.scenarios.mine]
        features = ["stars"]
        magnitude = 2
        share = 0.5
        """)

    assert settings.plan("churn") == ModelPlan(
        model="churn",
        source=Source(path="churn.csv", separator=";"),
        target="churned",
        task=Task.BINARY,
        positive="yes",
        entity="client",
        time="month",
        features=("stars", "plan"),
        kinds={"stars": ColumnKind.CATEGORICAL},
        holdout=0.3,
        window=Window(months=6),
        estimator=Estimator("shop.models:build", {"depth": 3, "fast": True}),
        threshold=Threshold(0.5, Goal.RECALL, 0.8),
        recalibration="isotonic",
        seed=7,
    )
    assert settings.policy("churn") == Policy(
        Standard.NON_INFERIOR,
        0.02,
        0.9,
        50,
        {"roc_auc": 0.7, "log_loss": 0.6},
        0.2,
        0.1,
        False,
        1.1,
        ("strong", "mine"),
        60.0,
        approval=True,
        tests=("tests/gate",),
    )
    assert settings.tests("churn") == (tmp_path / "tests/gate",)
    assert settings.models["churn"].simulation.extra()[0].share == 0.5


def test_a_data_file_replaces_the_source_and_keeps_the_separator(loaded, tmp_path):
    settings = loaded("[models.churn]\nsource = { path = 'churn.csv', separator = ';' }\ntarget = 'churned'")

    assert settings.plan("churn", tmp_path / "later.csv").source == Source(path="later.csv", separator=";")
    assert settings.plan("churn", Path("/elsewhere/later.csv")).source == Source(path="/elsewhere/later.csv", separator=";")


def test_the_only_model_needs_no_name(loaded):
    settings = loaded(MINIMAL)

    assert settings.model() == settings.model("churn") == "churn"
    with pytest.raises(ModelNotFound, match='did you mean "churn"'):
        settings.model("chrun")


def test_one_of_several_models_must_be_named(loaded):
    settings = loaded(MINIMAL + "[models.fraud]\nsource = { path = 'f.csv' }\ntarget = 'y'")

    with pytest.raises(InvalidRequest, match="--model"):
        settings.model()


@pytest.mark.parametrize(
    ("lines", "key", "said"),
    [
        ("holdout = 1.0", "holdout", "less than 1"),
        ("holdout = 0", "holdout", "greater than 0"),
        ("holdout = nan", "holdout", "finite"),
        ("seed = -1", "seed", "greater than or equal to 0"),
        ("seed = '1'", "seed", "valid integer"),
        ("targt = 'x'", "targt", 'did you mean "target"'),
        ("task = 'binry'", "task", "'binary', 'multiclass' or 'regression'"),
        ("entity = 'churned'", "entity", "is the target already"),
        ("time = 'churned'", "time", "is the target already"),
        ("features = ['churned']", "features", "never a feature"),
        ("drop = ['churned']", "drop", "is the target"),
        ("drop = ['a', 'a']", "drop", "twice"),
        ("features = ['a']\ndrop = ['a']", "drop", "features names too"),
        ("kinds = { churned = 'numeric' }", "kinds.churned", "not a feature"),
        ("kinds = { a = 'text' }", "kinds.a", "'numeric' or 'categorical'"),
        ("window = { months = 3, rows = 5 }", "window", "not both"),
        ("window = { months = 3 }", "window.months", "needs time"),
        ("window = { months = 3 }\ntime = 'row_order'", "window.months", "needs time"),
        ("window = { months = 0 }", "window.months", "greater than or equal to 1"),
        ("estimator = { name = 'xgbost' }", "estimator.name", 'did you mean "xgboost"'),
        ("estimator = { params = { a = [1] } }", "estimator.params.a", "text, a number"),
        ("task = 'regression'\nestimator = { name = 'logistic' }", "estimator.name", 'use "linear"'),
        ("task = 'binary'\nestimator = { name = 'linear' }", "estimator.name", 'use "logistic"'),
        ("task = 'regression'\nthreshold = { value = 0.4 }", "threshold", 'only for task = "binary"'),
        ("task = 'multiclass'\npositive = 'a'", "positive", 'only for task = "binary"'),
        ("task = 'regression'\nrecalibration = 'sigmoid'", "recalibration", "probabilities"),
        ("task = 'regression'\ngates = { floors = { f1 = 0.5 } }", "gates.floors.f1", "does not exist"),
        ("threshold = { value = 0.4, goal = 'f1' }", "threshold", "not both"),
        ("threshold = { goal = 'recall' }", "threshold.target", "is required"),
        ("threshold = { goal = 'f1', target = 0.5 }", "threshold.target", "only for"),
        ("gates = { confidence = 0.4 }", "gates.confidence", "greater than 0.5"),
        ("gates = { margin = -0.1 }", "gates.margin", "greater than or equal to 0"),
        ("gates = { gated_magnitude = 1.0 }", "gates.gated_magnitude", "greater than 1"),
        ("gates = { test_seconds = 0 }", "gates.test_seconds", "greater than 0"),
        ("gates = { approval = 1 }", "gates.approval", "boolean"),
        ("gates = { tests = [1] }", "gates.tests[1]", "valid string"),
        ("gates = { floors = { roc_ac = 0.5 } }", "gates.floors.roc_ac", 'did you mean "roc_auc"'),
        ("gates = { floors = { f1 = 1.5 } }", "gates.floors.f1", "at most 1"),
        ("gates = { floors = { rmse = -1 } }", "gates.floors.rmse", "at least 0"),
        ("gates = { gated_scenarios = ['modrate'] }", "gates.gated_scenarios", 'did you mean "moderate"'),
        ("simulation = { kinds = ['scale'] }", "gates.gated_scenarios", "is not simulated"),
        ("simulation = { magnitudes = [] }", "simulation.magnitudes", "at least 1 item"),
        ("simulation = { magnitudes = [1.1, 1.1] }", "simulation.magnitudes", "twice"),
        ("simulation = { scenarios = { small = { features = ['a'], magnitude = 2 } } }", "simulation.scenarios.small", "standard scenario"),
        ("drift = { level = 0.9 }", "drift.level", "less than or equal to 0.5"),
    ],
)
def test_an_impossible_model_key_is_named_with_what_is_allowed(refused, lines, key, said):
    problems = refused(with_model(lines))

    assert list(problems) == [f"models.churn.{key}"]
    assert said in problems[f"models.churn.{key}"].message


@pytest.mark.parametrize(
    ("source", "key", "said"),
    [
        ("{}", "source", "exactly one"),
        ("{ path = 'a', url = 'sqlite:///a', query = 'q' }", "source", "exactly one"),
        ("{ url = 'sqlite:///a' }", "source.query", "go together"),
        ("{ url = 'sqlite:///a', query = 'q', separator = ';' }", "source.separator", "needs path"),
        ("{ url = 'postgresql://u:pw@h/d', query = 'q' }", "source.url", "env:NAME"),
        ("'a.csv'", "source", "a table"),
    ],
)
def test_an_impossible_source_is_named(refused, source, key, said):
    problems = refused(f"[models.churn]\nsource = {source}\ntarget = 'y'")

    assert said in problems[f"models.churn.{key}"].message


@pytest.mark.parametrize("name", ["Churn", "-a", "a b", "a" * 64, "latest", "champion", "a/b", "é"])
def test_a_model_name_is_plain_and_not_reserved(refused, name):
    problems = refused(f"[models.{json.dumps(name)}]\nsource = {{ path = 'a' }}\ntarget = 'y'")

    assert list(problems) == [f"models.{name}"]


@pytest.mark.parametrize(
    ("table", "key", "value", "said"),
    [
        ("storage", "database", "postgresql://u:hunter2@h/d", "env:NAME"),
        ("storage", "database", "oracle://h/d", "must be one of"),
        ("storage", "database", "sqlite://d.db", "three slashes"),
        ("storage", "database", "", "at least 1 character"),
        ("storage", "mlflow", "./mlruns", "must be one of"),
        ("storage", "workflows", "mysql://h/d", "cannot live in MySQL"),
        ("storage", "objects", "gs://bucket", "s3://bucket/prefix"),
        ("storage", "objects", "s3://", "name a bucket"),
        ("storage", "s3_endpoint", "minio:9000", "http://"),
        ("service", "url", "localhost:8000", "http://"),
        ("service", "auth", "basic", "'none' or 'token'"),
    ],
)
def test_an_impossible_address_is_named_without_its_password(refused, table, key, value, said):
    problem = refused(MINIMAL + f"[{table}]\n{key} = {json.dumps(value)}")[f"{table}.{key}"]

    assert said in problem.message
    assert "hunter2" not in str(problem)


HASHING = '[models.churn.payloads]\nhash = ["email"]\n'


def test_hashing_needs_a_key_that_is_kept_elsewhere_and_cannot_be_guessed(refused, loaded):
    key = '[storage]\nhash_key = "env:KEY"\n'

    without = refused(MINIMAL + HASHING)
    literal = refused(MINIMAL + HASHING + '[storage]\nhash_key = "hunter2hunter2hunter2"\n')
    short = refused(MINIMAL + HASHING + key, {"KEY": "hunter2"})

    assert "storage.hash_key" in without["models.churn.payloads.hash"].message
    assert "env:NAME" in literal["storage.hash_key"].message
    assert "16 characters" in short["storage.hash_key"].message
    assert "hunter2" not in f"{literal['storage.hash_key']} {short['storage.hash_key']}"
    assert loaded(MINIMAL + HASHING + key, {"KEY": "k" * 16}).storage.hash_key == "k" * 16


def test_without_tokens_only_this_machine_may_ask(refused, loaded):
    problems = refused(MINIMAL + "[service]\nhost = '0.0.0.0'")

    assert "127.0.0.1" in problems["service.auth"].message
    assert loaded(MINIMAL + "[service]\nhost = '0.0.0.0'\nauth = 'token'").service.host == "0.0.0.0"
    assert loaded(MINIMAL + "[service]\nhost = '127.0.0.9'").service.auth == "none"


def test_all_errors_are_told_at_once(refused, tmp_path):
    problems = refused("""
        storag = 1
        [storage]
        mlflow = "x"
        [service]
        port = 0
        [models.a]
        target = "y"
        [models.b]
        source = { path = "b.csv" }
        target = 1
        gates = { margn = 1 }
        """)

    assert set(problems) == {
        "storag",
        "storage.mlflow",
        "service.port",
        "models.a.source",
        "models.b.target",
        "models.b.gates.margn",
    }
    with pytest.raises(InvalidConfiguration, match="6 errors") as caught:
        load(tmp_path, {})
    assert caught.value.field in problems


def test_a_reference_to_the_environment_is_resolved_with_its_password(loaded):
    settings = loaded(MINIMAL + "[storage]\ndatabase = 'env:DB'", {"DB": "postgres://u:secret@h/d"})

    assert settings.storage.database == "postgresql+psycopg://u:secret@h/d"
    assert "secret" not in repr(settings)


def test_a_reference_to_an_unset_variable_names_it(refused):
    problem = refused(MINIMAL + "[storage]\ndatabase = 'env:DB'")["storage.database"]

    assert "'DB', which is not set" in problem.message


def test_a_source_keeps_its_reference_until_it_is_disclosed(loaded):
    settings = loaded("[models.churn]\nsource = { url = 'env:DW', query = 'select 1' }\ntarget = 'y'", {})

    source = settings.plan("churn").source

    assert source.url == "env:DW"
    assert disclosed(source, {"DW": "mysql://u:secret@h/d"}).url == "mysql+pymysql://u:secret@h/d"
    with pytest.raises(InvalidConfiguration, match="DW"):
        disclosed(source, {})


def test_a_syntax_error_names_the_line(tmp_path):
    (tmp_path / "driftgate.toml").write_text("[models.a]\ntarget = \n")

    with pytest.raises(InvalidConfiguration, match="line 2"):
        load(tmp_path)


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(InvalidConfiguration, match="driftgate init"):
        load(tmp_path)


def test_text_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / "driftgate.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(InvalidConfiguration, match="UTF-8"):
        load(tmp_path)


def test_a_file_without_models_is_refused(refused):
    assert "required" in refused("")["models"].message
    assert list(refused("[models]")) == ["models"]


NAMES = st.sampled_from(sorted({key.split(".")[-1] for key, _ in keys(SettingsFile)}))
LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.sampled_from(["", "a", "none", "env:X", "s3://", "u://a:b@c"])
JSON_LIKE = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6)


@given(st.dictionaries(st.sampled_from(["storage", "service", "models", "x"]), JSON_LIKE, max_size=3))
def test_any_content_is_settings_or_problems_and_never_another_error(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("any")
    (folder / "driftgate.toml").write_text("".join(f"{key} = {_toml(value)}\n" for key, value in content.items()), encoding="utf-8")

    result = read(folder, {})

    assert isinstance(result, Settings) or all(str(problem) for problem in result)


def _toml(value) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, float):
        return repr(value)
    return '"nothing"' if value is None else json.dumps(value)


def _documented() -> dict[str, str]:
    """Key -> its default, as the reference tells it."""
    text = (Path(__file__).parents[3] / "docs/reference/configuration.md").read_text(encoding="utf-8")
    found = {}
    for section in re.split(r"^## ", text, flags=re.MULTILINE):
        heading = re.match(r"`\[(.+)\]`", section)
        for name, default in re.findall(r"^\| `(\w+)` \| .*? \| (.*?) \| .+ \|$", section, flags=re.MULTILINE) if heading else ():
            found[f"{heading[1]}.{name}"] = default
    return found


def _told_default(field) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "none" if value is None else f"`{json.dumps(value)}`"


def test_the_reference_documents_every_key_and_its_default_and_no_other():
    assert _documented() == {key: _told_default(field) for key, field in keys(SettingsFile)}
