from dataclasses import replace

import pytest

from driftgate.lifecycle.schema import Column, ColumnKind, Task
from driftgate.reports.schema_check import check
from tests.builders import a_schema

SCORE, PLAN = a_schema().columns


def test_a_sound_schema_has_no_problems_and_no_changes_from_itself():
    assert check(a_schema(), a_schema()) == check(a_schema())
    assert check(a_schema()).problems == check(a_schema()).changes == ()


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ((), "no features"),
        ((SCORE, replace(SCORE, nullable=False, high=0.0)), "named twice"),
        ((replace(SCORE, nullable=False, high=0.0),), "score had the one value 0"),
        ((replace(SCORE, low=None, high=None),), "score was missing in every"),
        ((replace(SCORE, high=float("inf")),), "must be finite"),
        ((replace(PLAN, levels=("basic",)),), "plan had the one value 'basic'"),
        ((replace(PLAN, levels=()),), "plan was missing in every"),
        ((Column("churned", ColumnKind.NUMERIC, low=0.0, high=1.0),), "target churned is also a feature"),
    ],
)
def test_a_column_that_cannot_serve_is_a_problem(columns, words):
    assert any(words in problem for problem in check(a_schema(columns=columns)).problems)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (a_schema(classes=("yes",)), "exactly 2"),
        (a_schema(Task.MULTICLASS, classes=("a", "b")), "at least 3"),
        (a_schema(Task.REGRESSION, classes=("a",)), "must have none"),
        (a_schema(classes=("yes", "yes")), "named twice"),
    ],
)
def test_classes_that_do_not_suit_the_task_are_a_problem(schema, words):
    assert words in check(schema).problems[0]


def test_what_a_caller_would_notice_is_named():
    champion = a_schema(
        columns=(SCORE, replace(PLAN, levels=("basic", "gold", "pro")), Column("old", ColumnKind.NUMERIC, low=0.0, high=1.0))
    )
    candidate = a_schema(
        target="left",
        classes=("no", "YES"),
        columns=(replace(SCORE, nullable=False), PLAN, Column("new", ColumnKind.NUMERIC, low=0.0, high=1.0)),
    )

    changes = check(candidate, champion).changes

    assert changes == (
        "the target was churned and is left",
        "the classes were no, yes and are no, YES",
        "the feature new is new: callers must send it",
        "the feature old is gone: callers who send it are refused",
        "the feature score may no longer be missing",
        "the feature plan no longer knows gold",
    )


def test_another_kind_of_column_is_one_change():
    champion = a_schema(columns=(SCORE, replace(PLAN, name="score2")))
    candidate = a_schema(columns=(SCORE, Column("score2", ColumnKind.NUMERIC, low=0.0, high=1.0)))

    assert check(candidate, champion).changes == ("the feature score2 was categorical and is numeric",)
