"""The drift report with its page: Evidently's HTML and JSON, showing our scores and verdicts."""

import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.measurements import ColumnDrift, DriftMeasurement
from driftgate.lifecycle.schema import ColumnKind, Schema
from driftgate.reports.drift import document
from driftgate.reports.drift.measure import strongest
from driftgate.reports.drift.page import headed
from driftgate.reports.drift.plotted import Outputs, Sides, outputs, read

PLOTTED_ROWS = 5_000
"""Rows a side that plots are drawn from; scores come from all rows."""
HTML_NAME = "drift.html"
BARE_PAGE = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Drift</title></head><body></body></html>'
HARMLESS = str.maketrans("<>", "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}")
STAT_TESTS = {
    "normalised_wasserstein": "Driftgate: Wasserstein distance in reference deviations, all rows",
    "total_variation": "Driftgate: total variation of level shares, all rows",
    "missing_rate": "Driftgate: change of the missing rate, all rows",
    "unseen_mass": "Driftgate: share of unseen levels, all rows",
    "out_of_range": "Driftgate: share of values beyond one end of the reference's, all rows",
}

# Evidently keeps stat tests in a registry of the process, so one report is made at a time.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A column to draw: its result, its kind and the plotted values of both sides."""

    result: ColumnDrift
    numeric: bool
    reference: pd.Series
    current: pd.Series


def write(
    measurement: DriftMeasurement,
    reference: pd.DataFrame,
    current: pd.DataFrame,
    schema: Schema,
    folder: Path,
    *,
    holdout_outputs: Outputs | None = None,
    current_outputs: Outputs | None = None,
) -> Mapping[str, str]:
    """File names below the folder by format, `json` and `html`.

    Columns that Evidently could not draw are left off the page and said in the document's `problems`, after the measurement's; the report
    is made all the same. The arguments are those that the measurement was made of.
    """
    folder.mkdir(parents=True, exist_ok=True)
    columns, undrawable = _columns(measurement, reference, current, schema, holdout_outputs, current_outputs)
    snapshot, failed = _run(columns)
    said = [*measurement.problems, *undrawable, *failed]
    (folder / HTML_NAME).write_text(headed(BARE_PAGE if snapshot is None else _page(snapshot), measurement, said), encoding="utf-8")
    evidently = None if snapshot is None else json.loads(snapshot.json())
    return {**document.write(measurement, folder, evidently, said), "html": HTML_NAME}


def _columns(
    measurement: DriftMeasurement,
    reference: pd.DataFrame,
    current: pd.DataFrame,
    schema: Schema,
    holdout_outputs: Outputs | None,
    current_outputs: Outputs | None,
) -> tuple[list[_Drawn], list[str]]:
    """What can be drawn, drifted first, and why the rest cannot."""
    rng = np.random.default_rng((measurement.seed, 2))
    pairs = [(result, read(schema.column(result.name), reference, current)) for result in measurement.columns]
    if measurement.prediction and holdout_outputs is not None and current_outputs is not None:
        pairs += _prediction(measurement.prediction, outputs(schema, holdout_outputs, current_outputs))
    drawn, problems = [], []
    for result, sides in pairs:
        reason = _undrawable(result, sides)
        if reason:
            problems.append(f"column {sides.name!r} is not in the HTML: {reason}")
        else:
            clash = result is measurement.prediction and sides.name in schema.features
            drawn.append(_drawn(result, sides, rng, f"{sides.name} (model output)" if clash else sides.name))
    return sorted(drawn, key=lambda column: not column.result.drifted), problems


def _prediction(result: ColumnDrift, every: Sequence[Sides]) -> list[tuple[ColumnDrift, Sides]]:
    """The output that the prediction's score was taken from: of several classes, the one named in its findings."""
    return [(result, sides) for sides in every if len(every) == 1 or strongest(sides.name) in result.findings][:1]


def _undrawable(result: ColumnDrift, sides: Sides) -> str | None:
    if result.score is None or result.limit is None:
        return "it could not be measured"
    for side, values in (("window", sides.current), ("reference", sides.reference)):
        if not pd.notna(values).any():
            return f"all its values in the {side} are missing"
    return None


def _drawn(result: ColumnDrift, sides: Sides, rng: np.random.Generator, name: str) -> _Drawn:
    """The column with at most PLOTTED_ROWS values a side, missing ones left out, as types that Evidently does not lose."""
    numeric = sides.kind is ColumnKind.NUMERIC
    plotted = []
    for values in (sides.reference, sides.current):
        held = values[pd.notna(values)] if numeric else _harmless(values[pd.notna(values)])
        held = held if len(held) <= PLOTTED_ROWS else held[np.sort(rng.choice(len(held), PLOTTED_ROWS, replace=False))]
        plotted.append(pd.Series(held, name=name.translate(HARMLESS), dtype=np.float64 if numeric else object))
    return _Drawn(result, numeric, *plotted)


def _harmless(levels: npt.NDArray[Any]) -> npt.NDArray[np.object_]:
    """The levels with brackets that no browser reads as markup: Evidently writes them into its page's scripts as they are."""
    return np.array([str(level).translate(HARMLESS) for level in levels], dtype=object)


def _run(columns: Sequence[_Drawn]) -> tuple[Any, list[str]]:
    """Evidently's snapshot (None where nothing could be drawn), and why a column is not in it."""
    with _ONE_AT_A_TIME, evidently_quietly():
        try:
            return (_snapshot(columns) if columns else None), []
        except Exception:  # noqa: BLE001 - Evidently raises anything; the columns are tried one by one to find whose fault it was
            return _without_failing(columns)


def _page(snapshot: Any) -> str:
    with _ONE_AT_A_TIME, evidently_quietly():
        return str(snapshot.get_html_str(as_iframe=False))


def _without_failing(columns: Sequence[_Drawn]) -> tuple[Any, list[str]]:
    kept, problems = [], []
    for column in columns:
        try:
            _snapshot([column])
            kept.append(column)
        except Exception as error:  # noqa: BLE001 - a bad column costs that column, whatever Evidently makes of it
            problems.append(f"column {column.reference.name!r} is not in the HTML: Evidently could not draw it ({error})")
    return (_snapshot(kept) if kept else None), problems


def _snapshot(columns: Sequence[_Drawn]) -> Any:
    """Evidently's result, in which every column is present with our score. Raises whatever Evidently raises, and ValueError."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    methods = _registered(columns)
    definition = DataDefinition(
        numerical_columns=[str(column.reference.name) for column in columns if column.numeric],
        categorical_columns=[str(column.reference.name) for column in columns if not column.numeric],
    )
    sides = [
        Dataset.from_pandas(pd.concat([getattr(column, side) for column in columns], axis=1), data_definition=definition)
        for side in ("current", "reference")
    ]
    metrics = [
        ValueDrift(column=str(column.reference.name), method=methods[column.result.method], threshold=column.result.limit)
        for column in columns
    ]
    snapshot = Report(metrics, include_tests=True).run(*sides)
    _assert_complete(snapshot.dict(), columns)
    return snapshot


def _registered(columns: Sequence[_Drawn]) -> dict[str, str]:
    """Names of stat tests, by our method, that answer with our score and verdict for the columns given."""
    from evidently.legacy.calculations.stattests import StatTest, register_stattest
    from evidently.legacy.core import ColumnType

    results = {str(column.reference.name): column.result for column in columns}

    def ours(reference: pd.Series, _current: pd.Series, _kind: object, _threshold: float) -> tuple[float, bool]:
        result = results[str(reference.name)]
        return float(result.score or 0.0), result.drifted

    for method, display in STAT_TESTS.items():
        kinds = [ColumnType.Numerical, ColumnType.Categorical]
        register_stattest(StatTest(f"driftgate_{method}", display, kinds, 0.0), ours)
    return {method: f"driftgate_{method}" for method in STAT_TESTS}


def _assert_complete(found: Mapping[str, Any], columns: Sequence[_Drawn]) -> None:
    values = {metric["config"]["column"]: float(metric["value"]) for metric in found["metrics"]}
    for column in columns:
        name = str(column.reference.name)
        if name not in values:
            raise ValueError(f"Evidently left column {name!r} out of its result")
        if values[name] != column.result.score:
            raise ValueError(f"Evidently shows {values[name]} for column {name!r}, where {column.result.score} was measured")


@contextmanager
def evidently_quietly() -> Iterator[None]:
    """Silences what Evidently and its web framework say about their own code; nothing in it is about the data at hand."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
