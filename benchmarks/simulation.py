"""What the degradation simulation costs, beside the calls of `predict_proba` that it cannot do without.

Run: `python -m benchmarks.simulation`. Both sides are measured in turn in the same process: ours builds the perturbed rows, scores them
and computes loss, lift, growth and bounds; the bare side calls `predict_proba` once per scenario on rows that were perturbed beforehand,
and on no row that the scenario does not touch. The envelope asks for every number x 8 factors x 5 shares of the rows, and every category
unseen in each share: beside one call for each number's factor and each category. A verdict is a promotion of a real project, from its
request on: `benchmarks/verdict.py`. The last line is one JSON object.
"""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.verdict import docket
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.reports import degradation, losses, perturbing, scenarios
from driftgate.reports.scenarios import Kind, Scenario

HOLDOUT = 4_000
TRAIN = 12_000
NUMERIC, CATEGORICAL = 15, 5
ROUNDS = 11
MODELS = ("hist_gradient_boosting", "logistic")
EIGHT = ("small", "moderate", "strong", "very_strong")
FACTORS = (0.5, 0.8, 0.9, 0.95, 1.05, 1.1, 1.25, 2.0)
SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)
REQUIRED = {"scenarios": 1.5, "envelope": 1.3, "verdict": 2.0}


@dataclass(frozen=True)
class Fitted:
    """The Scorer port over a fitted pipeline."""

    schema: Schema
    model: Any

    def score(self, frame: Any) -> Any:
        """Probabilities of the rows."""
        return self.model.predict_proba(frame)


@dataclass(frozen=True)
class Case:
    """One model with the holdout it is simulated on, and the calls its scenarios need."""

    scorer: Fitted
    holdout: pd.DataFrame
    y: Any
    chosen: tuple[Scenario, ...]
    calls: tuple[pd.DataFrame, ...]


def generated(seed: int = 0) -> tuple[pd.DataFrame, Schema]:
    """Mixed columns with a churn-like outcome (about 20 % positive) that depends on half of them."""
    rng = np.random.default_rng(seed)
    rows = TRAIN + HOLDOUT
    numbers = {f"number_{column}": rng.lognormal(0.0, 0.5, rows) * 10 for column in range(NUMERIC)}
    texts = {f"text_{column}": rng.choice(np.array(list("abcdefgh")[: column + 3], dtype=object), rows) for column in range(CATEGORICAL)}
    signal = sum(np.log(numbers[f"number_{column}"]) - np.log(10) for column in range(7)) + 0.8 * (texts["text_0"] == "a")
    y = rng.random(rows) < 1 / (1 + np.exp(1.8 - signal))
    frame = pd.DataFrame({**numbers, **{name: pd.Series(values, dtype=object) for name, values in texts.items()}})
    frame["churned"] = pd.Series(np.where(y, "yes", "no"), dtype=object)
    columns = [Column(name, ColumnKind.NUMERIC, low=float(values.min()), high=float(values.max())) for name, values in numbers.items()]
    columns += [Column(name, ColumnKind.CATEGORICAL, levels=tuple(sorted(set(values)))) for name, values in texts.items()]
    return frame, Schema(Task.BINARY, "churned", tuple(columns), ("no", "yes"))


def pipeline(name: str, schema: Schema) -> Any:
    """The kind of pipeline that training builds: encoders for text, then the learner."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    numeric, text = list(schema.named(ColumnKind.NUMERIC)), list(schema.named(ColumnKind.CATEGORICAL))
    if name == "logistic":
        prepared = make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), numeric), (OneHotEncoder(handle_unknown="ignore"), text)
        )
        return make_pipeline(prepared, LogisticRegression(max_iter=1_000))
    prepared = make_column_transformer(
        ("passthrough", numeric), (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), text)
    )
    return make_pipeline(prepared, HistGradientBoostingClassifier(random_state=0))


def fitted(name: str, seed: int = 0) -> tuple[Fitted, pd.DataFrame, pd.DataFrame]:
    """The version, and the rows that it was trained on and is judged on."""
    frame, schema = generated(seed)
    train, holdout = frame.iloc[:TRAIN], frame.iloc[TRAIN:].reset_index(drop=True)
    model = pipeline(name, schema).fit(train[list(schema.features)], losses.encode(train["churned"], schema))
    return Fitted(schema, model), train, holdout


def full_envelope(schema: Schema) -> tuple[Scenario, ...]:
    """Every number by every factor and every category unseen, each on every share of the rows."""
    scaled = [(Kind.SCALE, name, size) for name in schema.named(ColumnKind.NUMERIC) for size in FACTORS]
    unseen = [(Kind.UNSEEN, name, 1.0) for name in schema.named(ColumnKind.CATEGORICAL)]
    return tuple(
        Scenario(f"{name} {kind} {size} in {share}", kind, (name,), size, share=share)
        for kind, name, size in (*scaled, *unseen)
        for share in SHARES
    )


def case(scorer: Fitted, holdout: pd.DataFrame, chosen: tuple[Scenario, ...]) -> Case:
    """The scenarios, with the frame of each bare call: the base case, and each perturbation on the most rows that a scenario touches."""
    source = perturbing.table(holdout, scorer.schema)
    order = np.random.default_rng(0).permutation(len(holdout))
    calls = [holdout[list(scorer.schema.features)]]
    largest = {(one.kind, one.features, one.magnitude): one for one in sorted(chosen, key=lambda one: one.touched(len(holdout)))}
    for scenario in largest.values():
        touched = scenario.touched(len(holdout))
        if scenario.kind is not Kind.REWEIGHT:
            rows = None if touched == len(holdout) else order[:touched]
            copy = perturbing.perturbed(source, scenario.kind, scenario.features, scenario.magnitude, rows)
            calls.append(perturbing.stacked(source, [copy]))
    return Case(scorer, holdout, losses.encode(holdout["churned"], scorer.schema), chosen, tuple(calls))


def simulated(one: Case) -> None:
    """Ours: the whole simulation."""
    degradation.simulate(one.scorer, one.holdout, one.y, one.chosen)


def predicted(one: Case) -> None:
    """The bare calls."""
    for frame in one.calls:
        one.scorer.score(frame)


def paired(ours: Callable[[], None], bare: Callable[[], None], rounds: int = ROUNDS) -> tuple[float, float, float]:
    """Median seconds of both, and the median of their ratio over rounds in which one follows the other."""
    # The first call of each pays for imports and caches.
    ours()
    bare()
    pairs = []
    for turn in range(rounds):
        first, second = (ours, bare) if turn % 2 else (bare, ours)
        spent = {}
        for run in (first, second):
            start = time.perf_counter()
            run()
            spent[run] = time.perf_counter() - start
        pairs.append((spent[ours], spent[bare]))
    medians = [statistics.median(column) for column in zip(*pairs, strict=True)]
    return medians[0], medians[1], statistics.median(our / their for our, their in pairs)


def measured(name: str) -> dict[str, tuple[float, float, float]]:
    """Seconds and ratio of each question for one kind of model."""
    scorer, _, holdout = fitted(name)
    first = scorer.schema.features[0]
    every = scenarios.standard(scorer.schema, len(holdout))
    eight = tuple(one for one in every if one.name in EIGHT or (one.kind is Kind.SCALE and one.features == (first,)))
    small, large = case(scorer, holdout, eight), case(scorer, holdout, full_envelope(scorer.schema))
    found = {
        "scenarios": paired(lambda: simulated(small), lambda: predicted(small)),
        "envelope": paired(lambda: simulated(large), lambda: predicted(large), rounds=5),
    }
    with docket(name, generated()[0]) as real:
        found["verdict"] = paired(real.judged, real.predicted, rounds=3)
    return found


def main() -> None:
    """Prints each model's lines as they are measured and, last, the largest ratio of each question over the models."""
    print(f"{HOLDOUT:,} holdout rows x {NUMERIC + CATEGORICAL} features, median of paired rounds")
    print(f"{'model':24}{'question':12}{'ours':>10}{'predict_proba':>16}{'ratio':>8}{'at most':>10}", flush=True)
    results = {}
    for model in MODELS:
        results[model] = measured(model)
        for question, (ours, bare, share) in results[model].items():
            print(f"{model:24}{question:12}{ours * 1e3:>7.0f} ms{bare * 1e3:>13.0f} ms{share:>8.2f}{REQUIRED[question]:>10}", flush=True)
    print(json.dumps({f"{key}_vs_predicts_share": round(max(one[key][2] for one in results.values()), 3) for key in REQUIRED}))


if __name__ == "__main__":
    main()
