"""A running service, as the command line talks to it."""

import os
import time
from typing import Any

import httpx

from driftgate.lifecycle import errors
from driftgate.lifecycle.errors import DriftgateError, InvalidRequest, Unavailable
from driftgate.service.documents import Document

POLL_SECONDS = 0.3
TOKEN_VARIABLE = "DRIFTGATE_TOKEN"  # noqa: S105 - the variable's name, not a token


class Remote:
    """The service at an address, spoken to with the token in DRIFTGATE_TOKEN."""

    def __init__(self, url: str) -> None:
        token = os.environ.get(TOKEN_VARIABLE)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._url = url.rstrip("/")
        try:
            self._client = httpx.Client(base_url=self._url, headers=headers, timeout=60.0)
        except httpx.InvalidURL as error:
            raise InvalidRequest(f"{url!r} is not the address of a service, such as http://127.0.0.1:8000: {error}", field="url") from error

    def get(self, path: str) -> Document:
        """The document at the path. Raises DriftgateError with the service's own words."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: Document | None) -> Document:
        """The answer to the body."""
        return self._ask("POST", path, body)

    def job(self, path: str, body: Document | None) -> Document:
        """The result of the job that the post starts, once it is done."""
        job_id = self.post(path, body)["job_id"]
        while True:
            job = self.get(f"/v1/jobs/{job_id}")
            if job["state"] == "done":
                result: Document = job["result"]
                return result
            if job["state"] == "failed":
                raise DriftgateError(job["error"])
            time.sleep(POLL_SECONDS)

    def champion(self, model: str) -> int | None:
        """The champion as the service names it."""
        models: list[dict[str, Any]] = self.get("/v1/status")["models"]
        return next((each["champion"] for each in models if each["model"] == model), None)

    def promote(
        self, model: str, version: int, expected: int | None, comment: str, standard: str | None = None, *, by_force: bool = False
    ) -> Document:
        """The promotion, once it stands still. `by_force`: without gates."""
        body: Document = {"version": version, "expected_champion": expected, "comment": comment, "standard": standard}
        if by_force:
            body["break_glass"] = True
        return self._settled(model, self.post(f"/v1/models/{model}/promotions", body)["promotion_id"])

    def roll_back(self, model: str, to: int | None, comment: str) -> Document:
        """The rollback, once it stands still."""
        return self._settled(model, self.post(f"/v1/models/{model}/rollback", {"to": to, "comment": comment})["promotion_id"])

    def answer(self, model: str, promotion_id: str, answer: str, comment: str) -> Document:
        """The promotion, approved or rejected, once it stands still."""
        self.post(f"/v1/models/{model}/promotions/{promotion_id}/{answer}", {"comment": comment})
        return self._settled(model, promotion_id)

    def _settled(self, model: str, promotion_id: str) -> Document:
        while True:
            promotion = self.get(f"/v1/models/{model}/promotions/{promotion_id}")
            if promotion["state"] != "running":
                return promotion
            time.sleep(POLL_SECONDS)

    def _ask(self, method: str, path: str, body: Document | None) -> Document:
        try:
            response = self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise Unavailable(f"the service at {self._url} does not answer; is `driftgate up` running there?") from error
        if response.is_error:
            raise _refusal(response)
        try:
            document: Document = response.json()
        except ValueError as error:
            raise DriftgateError(f"what answers at {self._url} is not Driftgate: it sent {response.headers.get('content-type')}") from error
        return document


def _refusal(response: httpx.Response) -> DriftgateError:
    """The service's own error: of its class, where that is one of ours, so that the exit code is the one of a local command."""
    try:
        problem = response.json()
        title, words = str(problem["title"]), f"{problem['detail']} ({response.status_code} {problem['title']})"
    except (ValueError, KeyError, TypeError):
        return DriftgateError(f"the service answered {response.status_code}: {response.text[:200]}")
    kind = getattr(errors, title, None)
    if not (isinstance(kind, type) and issubclass(kind, DriftgateError)):
        return DriftgateError(words)
    return kind(words, field=problem.get("field"))
