"""Discovery by Amazon Athena: a query over the partitioned table names the objects stored since the last run."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from driftgate.lifecycle.errors import InvalidRequest, StoreUnavailable
from driftgate.payloads.etl.found import Found, Layout, Mark, Step, Target

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient

ATHENA = "athena"
"""The mark: when the last complete query began."""

OVERLAP = timedelta(minutes=15)
"""Objects stored shortly before the last query are asked for again: clocks differ, and an upload is seen after it began."""

FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.5, 10.0, 1.6


@dataclass(frozen=True)
class Query:
    """The table that lies over the parts, where Athena may put results, and how long an answer may take."""

    database: str
    table: str
    output: str | None = None
    workgroup: str | None = None
    deadline_seconds: float = 900.0


class AthenaSearch:
    """Objects below `root` (s3://bucket/prefix), as Athena knows them.

    `pause` sleeps between polls and `clock` is monotonic seconds: tests replace both.
    """

    def __init__(
        self,
        client: "AthenaClient",
        query: Query,
        root: str,
        target: Target,
        *,
        model: str | None = None,
        full: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._query, self._root, self._target = client, query, root.rstrip("/") + "/", target
        self._model, self._full = model, full
        self._now, self._pause, self._clock = now, pause, clock

    def steps(self) -> Iterator[Step]:
        """Objects that could not be read before, then those that the query names and the target does not know.

        Raises StoreUnavailable where the query fails, is cancelled or takes too long, with Athena's reason; InvalidRequest
        where the table lies elsewhere than the source.
        """
        marks = {} if self._full else self._target.marks()
        if not self._full:
            yield from (Found(key) for key in self._target.failed() if key.endswith(Layout.PARTS.ending))
        started = self._now()
        since = datetime.fromisoformat(marks[ATHENA]) - OVERLAP if ATHENA in marks else None
        for keys in self._pages(self._finished(self._started(since))):
            yield from (Found(key) for key in (keys if self._full else self._target.unknown(keys)))
        yield Mark(ATHENA, started.isoformat())

    def sql(self, since: datetime | None) -> str:
        """The query: the table's objects stored since then, of the model, if one is meant."""
        conditions = []
        if self._model is not None:
            # Some catalogues keep a partition's value as it stands in the path.
            names = ", ".join(_text(name) for name in dict.fromkeys((self._model, quote(self._model, safe=""))))
            conditions.append(f"model IN ({names})")
        if since is not None:
            conditions.append(f"\"$file_modified_time\" >= from_iso8601_timestamp('{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}')")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return f'SELECT DISTINCT "$path" FROM {_name(self._query.database)}.{_name(self._query.table)}{where} ORDER BY 1'  # noqa: S608 - quoted above

    def _started(self, since: datetime | None) -> str:
        options: dict[str, Any] = {"QueryString": self.sql(since), "QueryExecutionContext": {"Database": self._query.database}}
        if self._query.output is not None:
            options["ResultConfiguration"] = {"OutputLocation": self._query.output}
        if self._query.workgroup is not None:
            options["WorkGroup"] = self._query.workgroup
        with _answering():
            return self._client.start_query_execution(**options)["QueryExecutionId"]

    def _finished(self, query: str) -> str:
        deadline, pause = self._clock() + self._query.deadline_seconds, FIRST_PAUSE
        while True:
            with _answering():
                status: Mapping[str, Any] = self._client.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
            state = status["State"]
            if state == "SUCCEEDED":
                return query
            if state in ("FAILED", "CANCELLED"):
                reason = status.get("StateChangeReason") or "Athena gives no reason"
                raise StoreUnavailable(f"Athena's query {query} is {state}: {reason}")
            if self._clock() >= deadline:
                with _answering():
                    self._client.stop_query_execution(QueryExecutionId=query)
                raise StoreUnavailable(
                    f"Athena's query {query} was still {state} after {self._query.deadline_seconds:.0f} seconds and was stopped: "
                    "try again, or use --discover listing"
                )
            # Up to a half more, so that many loaders do not ask in step.
            self._pause(pause * random.uniform(1.0, 1.5))  # noqa: S311 - spreads requests, hides nothing
            pause = min(LONGEST_PAUSE, pause * GROWTH)

    def _pages(self, query: str) -> Iterator[list[str]]:
        asked: Any = {"QueryExecutionId": query}
        while True:
            with _answering():
                page = self._client.get_query_results(**asked)
            paths = [row["Data"][0].get("VarCharValue", "") for row in page["ResultSet"]["Rows"] if row.get("Data")]
            # The first row of the first page is the heading.
            yield [self._key(path) for path in paths if path.startswith("s3://")]
            if "NextToken" not in page:
                return
            asked["NextToken"] = page["NextToken"]

    def _key(self, path: str) -> str:
        if not path.startswith(self._root):
            raise InvalidRequest(
                f"the table {self._query.table} holds {path}, which is not below the source {self._root}: "
                "name the source that the table lies over",
                field="source",
            )
        return path.removeprefix(self._root)


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


@contextmanager
def _answering() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable(f"Athena did not answer: {error}") from error
