"""Measurements read back from the JSON that they were kept as."""

import json
from collections.abc import Mapping
from typing import Any

from driftgate.lifecycle.canonical import plain
from driftgate.lifecycle.measurements import Degradation, ScenarioOutcome
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports.cards.facts import Measured, Metric


def degradation(document: Mapping[str, Any]) -> Degradation:
    """The envelope that `plain` wrote. Raises KeyError, TypeError or ValueError for what is no envelope."""
    return Degradation(
        loss=str(document["loss"]),
        rows=int(document["rows"]),
        seed=int(document["seed"]),
        confidence=float(document["confidence"]),
        base=_outcome(document["base"]),
        scenarios=tuple(_outcome(each) for each in document["scenarios"]),
        breaks_at={str(name): _maybe(value) for name, value in document["breaks_at"].items()},
        break_limit=float(document["break_limit"]),
        champion_breaks_at={str(name): _maybe(value) for name, value in document.get("champion_breaks_at", {}).items()},
    )


def _outcome(document: Mapping[str, Any]) -> ScenarioOutcome:
    return ScenarioOutcome(
        scenario=str(document["scenario"]),
        kind=str(document["kind"]),
        magnitude=float(document["magnitude"]),
        features=tuple(document["features"]),
        rows=int(document["rows"]),
        loss=float(document["loss"]),
        growth=estimate(document["growth"]),
        lift=_maybe(document["lift"]),
        rmse=_maybe(document["rmse"]),
        worse_than_champion=_estimated(document["worse_than_champion"]),
        champion_growth=_estimated(document["champion_growth"]),
        over_champion_now=_estimated(document.get("over_champion_now")),
        problem=document["problem"],
    )


def estimate(document: Mapping[str, Any]) -> Estimate:
    """The estimate that `plain` wrote."""
    return Estimate(float(document["value"]), _maybe(document["lower"]), _maybe(document["upper"]))


def _estimated(document: Mapping[str, Any] | None) -> Estimate | None:
    return None if document is None else estimate(document)


def _maybe(value: Any) -> float | None:
    return None if value is None else float(value)


def as_json(found: Measured) -> bytes:
    """The measurement as JSON, which `measured` reads."""
    return json.dumps(plain(found), indent=1).encode()


def measured(text: bytes) -> Measured | None:
    """The measurement; None where the text is none."""
    try:
        document = json.loads(text)
        metrics = tuple(Metric(str(each["name"]), estimate(each["estimate"])) for each in document["metrics"])
        return Measured(
            int(document["rows"]),
            float(document["confidence"]),
            str(document["units"]),
            int(document["groups"]),
            metrics,
            document["problem"],
        )
    except (KeyError, TypeError, ValueError):
        return None
