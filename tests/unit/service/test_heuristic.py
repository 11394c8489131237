import math
from pathlib import Path

import numpy as np
import pytest

from driftgate.lifecycle.errors import InvalidConfiguration, InvalidData
from driftgate.lifecycle.instances import Instance
from driftgate.lifecycle.payloads import Output
from driftgate.lifecycle.schema import Column, ColumnKind, Task
from driftgate.service.heuristic import load_heuristic
from driftgate.service.settings_traffic import HeuristicTable
from tests.builders import a_schema

REGRESSION = a_schema(Task.REGRESSION)
ROWS = [Instance({"score": 0.2, "plan": "basic"}), Instance({"score": None, "plan": "pro"}), Instance({"score": 0.9, "plan": "pro"})]


def rules(folder: Path, code: str, name: str = "rules") -> HeuristicTable:
    (folder / f"{name}.py").write_text(f"import numpy as np\nimport pandas as pd\n\n\ndef rule(frame):\n    {code}\n", encoding="utf-8")
    return HeuristicTable(function=f"{name}:rule")


# Constants


@pytest.mark.parametrize("constant", ["no", "yes"])
def test_a_constant_label_is_every_row_s_prediction_without_probabilities(constant: str, tmp_path: Path) -> None:
    heuristic = load_heuristic(HeuristicTable(constant=constant), tmp_path, a_schema())

    assert heuristic.outputs(ROWS) == [Output(constant, ())] * 3


def test_a_constant_number_is_every_row_s_prediction(tmp_path: Path) -> None:
    heuristic = load_heuristic(HeuristicTable(constant=3), tmp_path, REGRESSION)

    assert heuristic.outputs(ROWS[:1]) == [Output(3.0)]


def test_a_whole_number_names_the_class_that_reads_like_it(tmp_path: Path) -> None:
    heuristic = load_heuristic(HeuristicTable(constant=1), tmp_path, a_schema(classes=("0", "1")))

    assert heuristic.outputs(ROWS[:1]) == [Output("1")]


@pytest.mark.parametrize(("constant", "schema"), [("maybe", a_schema()), (1, a_schema()), ("1.5", REGRESSION), (10**400, REGRESSION)])
def test_a_constant_that_the_model_could_never_predict_is_a_configuration_error(constant: str | int, schema, tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration) as raised:
        load_heuristic(HeuristicTable(constant=constant), tmp_path, schema)

    assert raised.value.field == "heuristic.constant"


# Columns


def test_a_column_s_number_is_the_prediction_and_a_missing_one_costs_its_own_row_only(tmp_path: Path) -> None:
    heuristic = load_heuristic(HeuristicTable(column="score"), tmp_path, REGRESSION)

    answers = heuristic.answers(ROWS)

    assert [answers[0], answers[2]] == [Output(0.2), Output(0.9)]
    assert isinstance(answers[1], InvalidData)
    with pytest.raises(InvalidData, match="'score' has no value"):
        heuristic.outputs(ROWS)


def test_a_column_s_text_is_the_label_where_it_is_a_class(tmp_path: Path) -> None:
    schema = a_schema(columns=(Column("last", ColumnKind.CATEGORICAL, levels=("maybe", "yes")),))
    heuristic = load_heuristic(HeuristicTable(column="last"), tmp_path, schema)

    answers = heuristic.answers([Instance({"last": "yes"}), Instance({"last": "maybe"})])

    assert answers[0] == Output("yes")
    assert isinstance(answers[1], InvalidData)
    assert "'maybe', which is not one of the classes no, yes" in answers[1].message


@pytest.mark.parametrize("column", ["nothing", "plan"])
def test_a_column_that_can_give_no_number_is_a_configuration_error(column: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration) as raised:
        load_heuristic(HeuristicTable(column=column), tmp_path, REGRESSION)

    assert raised.value.field == "heuristic.column"


# Functions


@pytest.mark.parametrize(
    "code",
    [
        "return ['yes' if score > 0.5 else 'no' for score in frame['score']]",
        "return np.where(frame['score'] > 0.5, 'yes', 'no')",
        "return pd.Series(np.where(frame['score'] > 0.5, 'yes', 'no'), index=frame.index[::-1])",
        "yield from ('yes' if score > 0.5 else 'no' for score in frame['score'])",
    ],
)
def test_a_function_gets_the_conformed_rows_and_answers_each_in_order(code: str, tmp_path: Path) -> None:
    heuristic = load_heuristic(rules(tmp_path, code), tmp_path, a_schema())

    assert heuristic.outputs(ROWS) == [Output("no"), Output("no"), Output("yes")]


def test_a_function_gets_the_features_in_schema_order_with_missing_numbers_as_nan(tmp_path: Path) -> None:
    code = "return frame['score'].fillna(7.0) if list(frame.columns) == ['score', 'plan'] else None"
    heuristic = load_heuristic(rules(tmp_path, code), tmp_path, REGRESSION)

    assert heuristic.outputs([Instance({"plan": "pro"}), *ROWS]) == [Output(7.0), Output(0.2), Output(7.0), Output(0.9)]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise KeyError('age')", "failed: KeyError: 'age'"),
        ("yield 1 / 0", "failed: ZeroDivisionError"),
        ("return [1.0]", "returned 1 predictions for 3 rows"),
        ("return 1.0", "must return one prediction per row"),
        ("return 'yes'", "must return one prediction per row"),
        ("return frame", "must return one prediction per row"),
        ("return None", "must return one prediction per row"),
        ("return [None, 1.0, 1.0]", "has no value for this row"),
        ("return [np.nan] * 3", "has no value for this row"),
        ("return [np.inf] * 3", "a finite number is needed"),
        ("return [10**400] * 3", "a finite number is needed"),
        ("return ['1'] * 3", "a finite number is needed"),
        ("return [True] * 3", "a finite number is needed"),
    ],
)
def test_what_a_function_gets_wrong_is_said_with_its_name(code: str, reason: str, tmp_path: Path) -> None:
    heuristic = load_heuristic(rules(tmp_path, code), tmp_path, REGRESSION)

    with pytest.raises(InvalidData) as raised:
        heuristic.outputs(ROWS)

    assert "rules:rule" in raised.value.message
    assert reason in raised.value.message


def test_one_bad_answer_of_a_function_costs_its_own_row_only(tmp_path: Path) -> None:
    heuristic = load_heuristic(rules(tmp_path, "return ['yes', 'perhaps', np.str_('no')]"), tmp_path, a_schema())

    answers = heuristic.answers(ROWS)

    assert [answers[0], answers[2]] == [Output("yes"), Output("no")]
    assert isinstance(answers[1], InvalidData)


def test_a_function_is_not_called_without_rows(tmp_path: Path) -> None:
    heuristic = load_heuristic(rules(tmp_path, "raise RuntimeError"), tmp_path, a_schema())

    assert heuristic.outputs([]) == []


@pytest.mark.parametrize("name", ["rules:absent", "nowhere:rule", "rules.deeper:rule"])
def test_a_function_that_cannot_be_imported_is_a_configuration_error(name: str, tmp_path: Path) -> None:
    rules(tmp_path, "return []")

    with pytest.raises(InvalidConfiguration) as raised:
        load_heuristic(HeuristicTable(function=name), tmp_path, a_schema())

    assert raised.value.field == "heuristic.function"
    assert "estimator" not in raised.value.message


def test_predictions_are_plain_python_values(tmp_path: Path) -> None:
    heuristic = load_heuristic(rules(tmp_path, "return np.arange(3, dtype=np.float32)"), tmp_path, REGRESSION)

    outputs = heuristic.outputs(ROWS)

    assert [type(output.prediction) for output in outputs] == [float] * 3
    assert not any(isinstance(output.prediction, np.generic) for output in outputs)
    assert math.fsum(float(output.prediction) for output in outputs) == 3.0
