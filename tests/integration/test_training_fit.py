"""The trainer, learner by learner, on small generated rows."""

import subprocess
import sys
from pathlib import Path

import cloudpickle
import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.errors import InvalidConfiguration, InvalidData
from driftgate.lifecycle.plan import Estimator, Goal, ModelPlan, Recalibration, Source, Threshold, Window
from driftgate.lifecycle.schema import ColumnKind, Task
from driftgate.lifecycle.versions import RetrainRequest
from driftgate.training.fit import LocalTrainer

ROWS = 400
CLASSIFIERS = ("logistic", "random_forest", "hist_gradient_boosting", "xgboost")
REGRESSORS = ("linear", "random_forest", "hist_gradient_boosting", "xgboost")


@pytest.fixture
def project(tmp_path):
    rng = np.random.default_rng(0)
    stars, plan = rng.normal(size=ROWS), rng.choice(["basic", "plus", "pro"], ROWS)
    logit = 2 * stars + np.where(plan == "pro", 1.5, -0.5)
    churn = rng.random(ROWS) < 1 / (1 + np.exp(-logit))
    frame = pd.DataFrame(
        {
            "client": [f"c{n % 80}" for n in range(ROWS)],
            "day": pd.date_range("2024-01-01", periods=ROWS, freq="12h"),
            "stars": np.where(rng.random(ROWS) < 0.1, np.nan, stars),
            "visits": rng.poisson(5, ROWS),
            "plan": np.where(rng.random(ROWS) < 0.1, None, plan),
            "churn": np.where(churn, "yes", "no"),
            "tier": np.where(churn, "high", np.where(stars > 0, "middle", "low")),
            "spend": 10 * logit + rng.normal(size=ROWS),
        }
    )
    frame.to_csv(tmp_path / "data.csv", index=False)
    return tmp_path


def _plan(name, target="churn", **settings):
    targets = {"churn", "tier", "spend"} - {target}
    settings.setdefault("drop", (*sorted(targets), "client", "day"))
    estimator = Estimator(name, settings.pop("params", {}))
    return ModelPlan("m", Source(path="data.csv"), target, estimator=estimator, **settings)


def _train(project, plan, key="k", **request):
    return LocalTrainer(project / "staging", project).train(RetrainRequest(key=key, plan=plan, actor="ann", **request))


def _model(training):
    return cloudpickle.loads((Path(training.folder) / "model.pkl").read_bytes())


def _holdout(training):
    return pd.read_parquet(Path(training.folder) / "holdout.parquet")


@pytest.mark.parametrize(("name", "target"), [*((name, target) for target in ("churn", "tier") for name in CLASSIFIERS)])
def test_classifiers_learn_and_take_missing_and_unseen_values(project, name, target):
    training = _train(project, _plan(name, target))

    odd = pd.DataFrame({"stars": [np.nan, 1e9], "visits": [np.nan, -1.0], "plan": pd.Series([np.nan, "gold"], dtype=object)})
    holdout = _holdout(training)
    model = _model(training)
    found = model.predict_proba(pd.concat([odd, holdout[list(training.schema.features)]]))

    accuracy = np.mean(found[2:].argmax(axis=1) == [training.schema.classes.index(label) for label in holdout[target]])
    assert training.schema.task is (Task.BINARY if target == "churn" else Task.MULTICLASS)
    assert found.shape == (2 + training.holdout_rows, len(training.schema.classes))
    assert np.isfinite(found).all()
    assert accuracy > holdout[target].value_counts(normalize=True).max() + 0.05


@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors_learn(project, name):
    training = _train(project, _plan(name, "spend"))

    holdout = _holdout(training)
    found = _model(training).predict(holdout[list(training.schema.features)])

    assert training.threshold is None
    assert np.abs(found - holdout["spend"]).mean() < 0.8 * np.abs(holdout["spend"] - holdout["spend"].median()).mean()


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_same_request_leaves_the_same_rows_and_predictions(project, name):
    first = _train(project, _plan(name))
    rows = _holdout(first)
    scores = _model(first).predict_proba(rows[list(first.schema.features)])

    again = _train(project, _plan(name))

    assert again == first
    pd.testing.assert_frame_equal(_holdout(again), rows)
    np.testing.assert_array_equal(_model(again).predict_proba(rows[list(first.schema.features)]), scores)


def test_a_repeat_after_a_crash_rewrites_the_folder(project):
    folder = Path(_train(project, _plan("logistic")).folder)
    (folder / "model.pkl").write_bytes(b"half")
    (folder / "leftover").touch()

    _train(project, _plan("logistic"))

    assert sorted(path.name for path in folder.iterdir()) == ["holdout.parquet", "model.pkl", "train.parquet"]


def test_keys_become_folder_names_that_stay_apart(project):
    one = _train(project, _plan("logistic"), key="m/2024 1").folder
    other = _train(project, _plan("logistic"), key="m/2024-1").folder

    assert one != other
    assert Path(one).parent == Path(other).parent == project / "staging"


@pytest.mark.parametrize("name", [*CLASSIFIERS, "mine:factory"])
def test_a_model_loads_and_predicts_where_driftgate_and_the_project_are_not(project, tmp_path_factory, name):
    _own_estimator(project)
    training = _train(project, _plan(name, recalibration=Recalibration.SIGMOID))
    script = (
        "import pickle, sys, pandas\n"
        "sys.modules['driftgate'] = None\n"
        "model = pickle.loads(open(sys.argv[1], 'rb').read())\n"
        "print(model.predict_proba(pandas.read_parquet(sys.argv[2])).shape[1])\n"
        "assert 'mine' not in sys.modules\n"
    )

    ran = subprocess.run(
        [sys.executable, "-c", script, f"{training.folder}/model.pkl", f"{training.folder}/holdout.parquet"],
        cwd=tmp_path_factory.mktemp("elsewhere"), capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (ran.returncode, ran.stdout.strip()) == (0, "2"), ran.stderr


@pytest.mark.parametrize("name", ["random_forest", "xgboost"])
def test_a_served_model_predicts_on_one_thread(project, name):
    learner = _model(_train(project, _plan(name))).steps[-1][1]

    assert learner.n_jobs == 1


@pytest.mark.parametrize("method", [Recalibration.SIGMOID, Recalibration.ISOTONIC])
def test_recalibration_costs_one_learner_and_carries_no_folds(project, method):
    model = _model(_train(project, _plan("logistic", recalibration=method)))

    assert len(model.calibrated_classifiers_) == 1
    assert model.cv is None


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"time": "day", "entity": "client", "drop": ("tier", "spend")}, "time"),
        ({"entity": "client", "drop": ("tier", "spend", "day")}, "entity"),
        ({}, "random"),
    ],
)
def test_search_tries_the_plan_first_and_keeps_the_least_loss(project, settings, kind):
    training = _train(project, _plan("logistic", params={"C": 1e-6}, **settings), search=True)

    best = min(training.trials, key=lambda trial: trial.loss)
    assert training.trials[0].params == {"C": 1e-6}
    assert 1 < len(training.trials) <= 12
    assert training.params["estimator.C"] == best.params["C"] != 1e-6
    assert training.params["split"] == kind


def test_every_choice_is_in_the_params(project):
    plan = _plan(
        "logistic", params={"C": 0.5}, time="day", drop=("tier", "spend", "client"), window=Window(rows=300), seed=7,
        threshold=Threshold(goal=Goal.F1), kinds={"visits": ColumnKind.CATEGORICAL},
    )  # fmt: skip

    training = _train(project, plan)

    assert training.params["estimator.C"] == 0.5
    assert training.params["window.rows"] == 300
    assert training.params["threshold"] == training.threshold != 0.5
    assert training.params["split.cutoff"].startswith("2024-")
    assert training.train_rows + training.holdout_rows == 300
    assert training.schema.column("visits").kind is ColumnKind.CATEGORICAL
    assert all(value is None or isinstance(value, (str, int, float, bool)) for value in training.params.values())


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (_plan("logistic", params={"c": 1}), "no parameter 'c'.*allowed: C,"),
        (_plan("xgboost", params={"depth": 3}), "no parameter 'depth'.*max_depth"),
        (_plan("xgboost", params={"random_state": 3}), "set by Driftgate"),
        (_plan("random_forest", params={"n_estimators": -5}), "refuses its parameters"),
        (_plan("xgboost", params={"max_depth": -5}), "refuses its parameters"),
        (_plan("forest"), "no estimator 'forest'.*random_forest"),
        (_plan("linear"), "cannot do a binary task: use 'logistic'"),
        (_plan("logistic", "spend"), "cannot do a regression task: use 'linear'"),
        (_plan("linear", "spend", recalibration=Recalibration.SIGMOID), "regression has none"),
        (_plan("linear", "spend", threshold=Threshold(goal=Goal.F1)), "has no threshold"),
        (_plan("nowhere:factory"), "nowhere cannot be imported"),
        (_plan("mine:absent"), "no function or class absent"),
        (_plan("mine:factory", params={"k": 1}), "failed with"),
        (_plan("mine:lacking"), "without fit, get_params, predict_proba"),
        (_plan("broken:factory"), "ZeroDivisionError"),
    ],
)
def test_a_plan_that_cannot_be_followed_is_refused_and_leaves_nothing(project, plan, words):
    _own_estimator(project)

    with pytest.raises(InvalidConfiguration, match=words):
        _train(project, plan)

    assert not (project / "staging").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no file"),
        ("", "is empty"),
        ("x,churn\n", "no rows"),
        ("x,churn\n1,yes\n", "1 usable rows"),
        ("x,x,churn\n" + "1,2,yes\n3,4,no\n" * 20, "more than one column named x"),
        ("x,churned\n" + "1,yes\n3,no\n" * 20, "target names column 'churn'"),
        ("x,churn\n" + "1,yes\n3,yes\n" * 20, "'yes' in all 40 rows"),
        ("x,churn\n" + "1,\n3,\n" * 20, "no value in any"),
        ("x,churn\n" + "1,yes\n1,no\n" * 20, "'x' was left out"),
        ("x,churn\n" + ",yes\n,no\n" * 20, "'x' was left out"),
        ("x,churn\n" + "inf,yes\n1,no\n" * 20, "'x' is infinite in 20 of 40 rows"),
        ("x,churn\n" + "1,yes\n2,no\n3,no\nno idea,yes\n" * 20, "'x' mixes numbers and text: 20 of 80"),
        ("x,churn\n" + "1,yes\n2,no\n" * 20 + "1,no\n2,no\n" * 20, "all 20 holdout rows"),
    ],
)
def test_bad_data_is_refused_and_leaves_nothing(tmp_path, content, words):
    if content is not None:
        (tmp_path / "data.csv").write_text(content)

    with pytest.raises(InvalidData, match=words):
        _train(tmp_path, ModelPlan("m", Source(path="data.csv"), "churn", time="row_order"))

    assert not (tmp_path / "staging").exists()


def test_a_changed_factory_is_read_anew(project):
    _own_estimator(project)
    first = _model(_train(project, _plan("mine:factory")))
    source = (project / "mine.py").read_text()
    (project / "mine.py").write_text(source.replace("bias = 0.0", "bias = 0.25"))

    second = _model(_train(project, _plan("mine:factory")))

    assert first.steps[-1][1].bias == 0.0
    assert second.steps[-1][1].bias == 0.25


def test_a_factory_pipeline_gets_the_frame_itself(project):
    _own_estimator(project)

    model = _model(_train(project, _plan("mine:whole")))

    assert [name for name, _ in model.steps] == ["pick", "learn"]


def test_a_factory_is_searched_over_its_own_space(project):
    _own_estimator(project)

    training = _train(project, _plan("mine:forest"), search=True)

    assert {trial.params.get("max_depth") for trial in training.trials} == {None, 1, 2}


def _own_estimator(folder):
    (folder / "mine.py").write_text(
        "import numpy as np\n"
        "from sklearn.base import BaseEstimator, ClassifierMixin\n"
        "from sklearn.compose import ColumnTransformer\n"
        "from sklearn.ensemble import RandomForestClassifier\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "from sklearn.pipeline import Pipeline\n"
        "search_space = {'max_depth': [1, 2]}\n"
        "class Prior(ClassifierMixin, BaseEstimator):\n"
        "    bias = 0.0\n"
        "    def fit(self, X, y):\n"
        "        self.classes_ = np.unique(y)\n"
        "        self.share_ = np.bincount(y) / len(y)\n"
        "        return self\n"
        "    def predict_proba(self, X):\n"
        "        return np.tile(self.share_, (len(X), 1))\n"
        "    def predict(self, X):\n"
        "        return np.zeros(len(X), dtype=int)\n"
        "def factory():\n"
        "    return Prior()\n"
        "def forest(max_depth=None):\n"
        "    return RandomForestClassifier(5, max_depth=max_depth)\n"
        "def whole():\n"
        "    return Pipeline([('pick', ColumnTransformer([('n', 'passthrough', ['visits'])])), ('learn', LogisticRegression())])\n"
        "def lacking():\n"
        "    return object()\n"
    )
    (folder / "broken.py").write_text("1 / 0\n")
