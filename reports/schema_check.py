"""Whether a version can serve, and what a caller would notice of its schema."""

import math

from driftgate.lifecycle.measurements import SchemaCheck
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task


def check(candidate: Schema, champion: Schema | None = None) -> SchemaCheck:
    """What is wrong with the candidate's schema by itself, and its differences from the champion's."""
    return SchemaCheck(tuple(_problems(candidate)), tuple(_changes(candidate, champion)) if champion is not None else ())


def _problems(schema: Schema) -> list[str]:
    problems = [] if schema.columns else ["the version has no features"]
    names = schema.features
    problems += [f"the feature {name} is named twice" for name in sorted({name for name in names if names.count(name) > 1})]
    for role, name in (("target", schema.target), ("entity", schema.entity), ("time column", schema.time)):
        if name is not None and name in names:
            problems.append(f"the {role} {name} is also a feature: what is predicted or who is meant must not be an input")
    problems += [f"the feature {column.name} {problem}" for column in schema.columns if (problem := _column_problem(column))]
    return problems + _class_problems(schema)


def _column_problem(column: Column) -> str | None:
    if column.kind is ColumnKind.CATEGORICAL:
        if not column.levels:
            return "was missing in every training row: drop it"
        return (
            f"had the one value {column.levels[0]!r} in every training row: drop it"
            if len(column.levels) == 1 and not column.nullable
            else None
        )
    if column.low is None or column.high is None:
        return "was missing in every training row: drop it"
    if not (math.isfinite(column.low) and math.isfinite(column.high)):
        return f"ranges from {column.low} to {column.high} in training: its values must be finite"
    return f"had the one value {column.low:g} in every training row: drop it" if column.low == column.high and not column.nullable else None


def _class_problems(schema: Schema) -> list[str]:
    count = len(schema.classes)
    if schema.task is Task.REGRESSION:
        return [f"a regression version names {count} classes: it must have none"] if count else []
    if len(set(schema.classes)) != count:
        return ["a class is named twice"]
    least = 2 if schema.task is Task.BINARY else 3
    if count < least or (schema.task is Task.BINARY and count != least):
        return [f"a {schema.task} version needs {'exactly' if least == 2 else 'at least'} {least} classes, and has {count}"]  # noqa: PLR2004 - binary
    return []


def _changes(candidate: Schema, champion: Schema) -> list[str]:
    changes = []
    for role, new, old in (
        ("task", candidate.task, champion.task), ("target", candidate.target, champion.target),
        ("entity", candidate.entity, champion.entity), ("time column", candidate.time, champion.time),
    ):  # fmt: skip
        if new != old:
            changes.append(f"the {role} was {old or 'not named'} and is {new or 'not named'}")
    if candidate.classes != champion.classes:
        changes.append(f"the classes were {', '.join(champion.classes) or 'none'} and are {', '.join(candidate.classes) or 'none'}")
    before = {column.name: column for column in champion.columns}
    now = {column.name: column for column in candidate.columns}
    changes += [f"the feature {name} is new: callers must send it" for name in now if name not in before]
    changes += [f"the feature {name} is gone: callers who send it are refused" for name in before if name not in now]
    for name, column in now.items():
        if name in before:
            changes += _column_changes(column, before[name])
    return changes


def _column_changes(now: Column, before: Column) -> list[str]:
    if now.kind is not before.kind:
        return [f"the feature {now.name} was {before.kind} and is {now.kind}"]
    changes = []
    if before.nullable and not now.nullable:
        changes.append(f"the feature {now.name} may no longer be missing")
    gone = sorted(set(before.levels) - set(now.levels))
    if gone:
        changes.append(f"the feature {now.name} no longer knows {', '.join(gone[:5])}{' and others' if len(gone) > 5 else ''}")  # noqa: PLR2004 - a list for people
    return changes
