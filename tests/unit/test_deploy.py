"""What deploy/ asks of Prometheus is what the service tells it: names and labels, in rules, their tests and the dashboard."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from driftgate.lifecycle.payloads import Arm, Output
from driftgate.service.monitoring.exposition import MonitoringSeries
from driftgate.service.serving.metrics import Limits, Metrics
from driftgate.service.settings_monitoring import MonitoringTable
from tests.builders import MODEL, a_payload, a_schema
from tests.unit.service.monitoring.told import Book, every_monitor
from tests.unit.service.serving.test_metrics import Outbox

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
RULES = yaml.safe_load((DEPLOY / "prometheus/rules.yml").read_text(encoding="utf-8"))
RULES_TEST = yaml.safe_load((DEPLOY / "prometheus/rules_test.yml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((DEPLOY / "grafana/driftgate.json").read_text(encoding="utf-8"))
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]

SERIES = re.compile(r"\b(driftgate_\w+)(?:\{([^}]*)\})?")
SCRAPED = {"instance", "job"}
"""Labels that Prometheus itself adds."""


@cache
def told() -> dict[str, set[str]]:
    """Every series of a service that has seen everything, with its labels."""
    watched = MonitoringSeries(Book([every_monitor()]), {MODEL: MonitoringTable(schedule="0 6 * * *")}, patience=10)
    metrics = Metrics(lambda _: a_schema(), {MODEL: Limits(low_confidence=0.9)}, Outbox(passed=1), [watched])
    metrics.begun()
    metrics.answered("POST", "/v1/models/{model}/predict", 200, 0.01)
    metrics.scored(MODEL, Arm.CHAMPION, 2, 0.01)
    metrics.fell_back(MODEL, Arm.CHALLENGER, 1)
    odd = {"score": 7.0, "plan": "gold"}
    metrics.logged([a_payload("a", features=odd, output=Output("yes", (0.5, 0.5))), a_payload("b", output=Output(float("nan")))])
    metrics.serving({MODEL: 3}, {})
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def asked(expression: str) -> Iterator[tuple[str, set[str]]]:
    """The series that an expression names, each with the labels that it is matched by."""
    for name, matchers in SERIES.findall(expression):
        yield name, set(re.findall(r"(\w+)\s*[=!]", matchers))


def queries(panels: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Title and expression of every query of the panels."""
    for panel in panels:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


EXPRESSIONS = [*((rule["alert"], rule["expr"]) for rule in ALERTS), *queries(DASHBOARD["panels"])]


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS)
def test_every_series_that_is_asked_for_is_told(where: str, expression: str) -> None:
    for name, labels in asked(expression):
        assert name in told(), f"{where}: the service tells nothing called {name}"
        assert labels - {"le"} <= told()[name] | SCRAPED, f"{where}: {name} has no such labels"


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS)
def test_what_is_grouped_by_is_a_label_of_something_in_the_expression(where: str, expression: str) -> None:
    known = SCRAPED.union(*(told()[name] for name, _ in asked(expression)))
    grouped = {label.strip() for group in re.findall(r"(?:by|on)\s*\(([^)]*)\)", expression) for label in group.split(",")}

    assert grouped <= known, where


def test_the_series_that_promtool_plays_are_told_with_those_labels() -> None:
    played = [line["series"] for test in RULES_TEST["tests"] for line in test["input_series"]]

    for name, labels in (found for series in played for found in asked(series)):
        assert labels <= told()[name] | SCRAPED, name


def test_every_alarm_is_seen_to_come_and_seen_not_to_come_early() -> None:
    played = [step for test in RULES_TEST["tests"] for step in test["alert_rule_test"]]

    raised = {step["alertname"] for step in played if step["exp_alerts"]}
    assert raised == {rule["alert"] for rule in ALERTS}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alarm_says_what_it_is_and_where_to_read_on(rule: dict[str, Any]) -> None:
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert anchor == rule["alert"].lower()
    assert rule["alert"] in headings


def test_the_runbook_explains_no_alarm_that_there_is_not() -> None:
    page = (DEPLOY.parent / "docs/how-to/prometheus.md").read_text(encoding="utf-8")

    assert set(re.findall(r"^### (Driftgate\w+)$", page, flags=re.MULTILINE)) == {rule["alert"] for rule in ALERTS}


def test_accuracy_below_nine_tenths_for_an_hour_is_an_alarm() -> None:
    (rule,) = [rule for rule in ALERTS if rule["alert"] == "DriftgateAccuracyLow"]

    assert rule["expr"].endswith('(driftgate_performance{metric="accuracy"}) < 0.9')
    assert timedelta(hours=int(rule["for"].removesuffix("h"))) == timedelta(hours=1)


def test_every_panel_asks_the_chosen_data_source_and_panels_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]
    taken = [
        (panel["gridPos"]["y"] + down, panel["gridPos"]["x"] + right)
        for panel in panels
        for down in range(panel["gridPos"]["h"])
        for right in range(panel["gridPos"]["w"])
    ]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len(taken) == len(set(taken))
    assert {panel["datasource"]["uid"] for panel in panels if panel["type"] != "row"} == {"${datasource}"}
    assert [variable["name"] for variable in DASHBOARD["templating"]["list"]] == ["datasource", "model"]


@pytest.mark.parametrize("topic", ["Traffic", "drift", "Performance", "Impact", "Alarms"])
def test_the_dashboard_has_a_row_for(topic: str) -> None:
    assert any(topic in panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row")
