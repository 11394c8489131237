"""Requests made from the API's own OpenAPI document, good ones and bad ones, against real parts: nothing answers 5xx, and nobody gets
anything without a token but health.

`DRIFTGATE_SOAK=1` sends at least 5,000 of them.
"""

import os
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import Case, GenerationMode

from driftgate.service.tokens import Role
from tests.integration.service.served import Served, served

SEED = 20_261_126
OPEN = {"GET /healthz", "GET /readyz", "GET /ping", "GET /health", "GET /version"}
SOAK = os.environ.get("DRIFTGATE_SOAK") == "1"
CASES = 100 if SOAK else 4
"""For each operation and way of making cases; each is sent with and without a token."""

LEAST = 5_000 if SOAK else 200


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    limits = "requests_per_minute = 10000000\nfailed_sign_ins_per_minute = 10000000\nmax_body_mb = 0.1"
    with served(tmp_path_factory.mktemp("cases"), limits) as running:
        yield running


THERE: dict[str, list[Any]] = {"version": [1, 2, 3], "job_id": ["j1"], "promotion_id": ["p1"], "report_id": ["r1"]}


def document(api: Served) -> dict[str, Any]:
    """The API's document; names in paths are often those of what is there, or no case would get past 404."""
    content: dict[str, Any] = deepcopy(api.app.openapi())
    operations = [operation for methods in content["paths"].values() for operation in methods.values()]
    for parameter in (each for operation in operations for each in operation.get("parameters", ()) if each["in"] == "path"):
        known = {"enum": THERE.get(parameter["name"], [api.model])}
        parameter["schema"] = known if parameter["name"] == "model" else {"anyOf": [known, parameter["schema"]]}
    return content


def takes_nothing(operation: Any) -> bool:
    """Whether the operation has no input, so that there is no bad one."""
    raw = operation.definition.raw
    return not raw.get("parameters") and "requestBody" not in raw


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
def test_no_case_is_answered_5xx_or_without_a_token_2xx(api: Served, mode: GenerationMode) -> None:
    operations = [found.ok() for found in schemathesis.openapi.from_dict(document(api)).get_all_operations()]
    statuses: dict[str, set[int]] = {}
    sent = 0

    def check(operation: Any) -> None:
        @seed(SEED)
        @settings(max_examples=CASES, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def cases(case: Case) -> None:
            nonlocal sent
            for headers in ({}, api.header(Role.ADMIN)):
                answer = case.call(base_url=api.url, session=session, headers=headers, timeout=60)
                sent += 1
                told = f"{case.as_curl_command(headers=headers)}\n{answer.status_code} {answer.text[:500]}"
                assert answer.status_code < 500, told
                assert headers or operation.label in OPEN or not 200 <= answer.status_code < 300, told
                if headers:
                    statuses.setdefault(operation.label, set()).add(answer.status_code)

        if mode is GenerationMode.POSITIVE or not takes_nothing(operation):
            cases()

    with requests.Session() as session:
        session.trust_env = False
        for operation in operations:
            check(operation)

    assert sent >= LEAST
    if mode is GenerationMode.POSITIVE:
        # Cases that are all refused would prove nothing.
        reached = {label for label, seen in statuses.items() if any(200 <= status < 300 for status in seen)}
        assert len(reached) > len(operations) / 2, statuses
