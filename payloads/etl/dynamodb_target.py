"""DynamoDB as the target: one item per payload, and one that says how far each source has been loaded."""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from driftgate.lifecycle.errors import InvalidData, InvalidRequest, StoreUnavailable
from driftgate.payloads.etl.dynamodb_items import KEY, OWN, Item, item
from driftgate.payloads.etl.found import Batch, Problem, Taken, Target

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BATCH = 25
"""The most items of one batch write."""

ATTEMPTS = 12
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 10.0
REMEMBERED = 128 * 1024
"""The most characters of keys that could not be read: they are kept in the watermark item, which has a size limit."""

INVALID = "ValidationException"
THROTTLED = ("ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException")


class DynamoTarget(Target):
    """The port over a table whose only key is `prediction_id`, text.

    `source` and `scope` name the watermark item. Payloads are written first and the watermark after them: a run that dies
    between is repeated in part, and puts the same items again. `pause` sleeps between attempts.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        source: str,
        scope: str = "",
        *,
        workers: int = 16,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client, self._table, self._workers, self._pause = client, table, workers, pause
        self._mark = OWN + (f"{source}#{scope}" if scope else source)
        self._held: dict[str, str] | None = None
        self._failed: list[str] = []

    def prepare(self, *, create: bool) -> None:
        """The table is there and has the right key. Raises InvalidRequest where not; with `create` it is made."""
        with _answering():
            try:
                found = self._client.describe_table(TableName=self._table)["Table"]
            except self._client.exceptions.ResourceNotFoundException as error:
                if not create:
                    raise InvalidRequest(
                        f"there is no DynamoDB table {self._table}: create it with the key {KEY} (text), or give --create-table",
                        field="table",
                    ) from error
                self._create()
                return
        keys = {(key["AttributeName"], key["KeyType"]) for key in found["KeySchema"]}
        kinds = {one["AttributeName"]: one["AttributeType"] for one in found["AttributeDefinitions"]}
        if keys != {(KEY, "HASH")} or kinds.get(KEY) != "S":
            raise InvalidRequest(f"the DynamoDB table {self._table} must have {KEY} (text) as its only key", field="table")

    def marks(self) -> Mapping[str, str]:
        """See the port: one read of the watermark item."""
        return dict(self._state())

    def failed(self) -> Sequence[str]:
        """See the port."""
        self._state()
        return tuple(self._failed)

    def unknown(self, keys: Sequence[str]) -> Sequence[str]:
        """See the port: the table knows marks, no single objects."""
        return keys

    def take(self, batch: Batch) -> Taken:
        """See the port. Raises StoreUnavailable where the table goes on refusing items."""
        items, refused = self._items(batch)
        unfit = len(refused)
        chunks = [items[start : start + BATCH] for start in range(0, len(items), BATCH)]
        with ThreadPoolExecutor(min(self._workers, len(chunks) or 1), thread_name_prefix="dynamodb") as pool:
            for problems in pool.map(self._write, chunks):
                refused += problems
        if batch.marks or batch.failed or set(self._failed) & set(batch.loaded):
            self._remember(batch)
        return Taken(len(items) - (len(refused) - unfit), refused)

    def _items(self, batch: Batch) -> tuple[list[Item], list[Problem]]:
        made: dict[str, Item] = {}
        refused = []
        for row in batch.rows():
            try:
                # A batch write takes no key twice; the first of an id counts.
                made.setdefault(row.prediction_id, item(row))
            except InvalidData as error:
                refused.append(Problem(f"payload {row.prediction_id}", error.message))
        return list(made.values()), refused

    def _write(self, items: Sequence[Item]) -> list[Problem]:
        """The items that the table never takes; all others are in."""
        from botocore.exceptions import ClientError

        try:
            self._put_all([{"PutRequest": {"Item": one}} for one in items])
        except ClientError as error:
            # One item of the batch is not valid for DynamoDB, which does not say which.
            if len(items) > 1:
                return [problem for one in items for problem in self._write([one])]
            return [Problem(f"payload {items[0][KEY]['S']}", f"DynamoDB refuses it: {error.response['Error'].get('Message', error)}")]
        return []

    def _put_all(self, waiting: Any) -> None:
        for attempt in range(ATTEMPTS):
            if attempt:
                longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt)
                self._pause(random.uniform(longest / 2, longest))  # noqa: S311 - spreads retries, hides nothing
            waiting = self._put(waiting)
            if not waiting:
                return
        raise StoreUnavailable(
            f"the DynamoDB table {self._table} still refuses {len(waiting)} items after {ATTEMPTS} attempts: "
            "give it more write capacity, or use fewer --workers"
        )

    def _put(self, requests: Any) -> Any:
        """The requests that were not taken. Raises boto's ClientError where one of them is not valid."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.batch_write_item(RequestItems={self._table: requests})
        except BotoCoreError as error:
            raise StoreUnavailable(f"DynamoDB did not answer: {error}") from error
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code == INVALID:
                raise
            if code not in THROTTLED:
                raise StoreUnavailable(f"DynamoDB did not answer: {error}") from error
            return requests
        return answer.get("UnprocessedItems", {}).get(self._table, [])

    def _state(self) -> dict[str, str]:
        if self._held is None:
            with _answering():
                answer = self._client.get_item(TableName=self._table, Key={KEY: {"S": self._mark}}, ConsistentRead=True)
            kept = json.loads(answer.get("Item", {}).get("state", {}).get("S", "{}"))
            self._held, self._failed = kept.get("marks", {}), kept.get("failed", [])
        return self._held

    def _remember(self, batch: Batch) -> None:
        held = {name: value for name, value in {**self._state(), **batch.marks}.items() if value}
        failed = sorted({*self._failed, *batch.failed} - set(batch.loaded))
        if sum(map(len, failed)) > REMEMBERED:
            raise InvalidRequest(
                f"{len(failed)} objects cannot be read, too many to remember: mend or remove them, or check --layout; "
                f"the first is {failed[0]}",
                field="layout",
            )
        state = json.dumps({"marks": held, "failed": failed}, separators=(",", ":"))
        with _answering():
            self._client.put_item(TableName=self._table, Item={KEY: {"S": self._mark}, "state": {"S": state}})
        self._held, self._failed = held, failed

    def _create(self) -> None:
        self._client.create_table(
            TableName=self._table,
            KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": KEY, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self._client.get_waiter("table_exists").wait(TableName=self._table, WaiterConfig={"Delay": 1, "MaxAttempts": 120})


@contextmanager
def _answering() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError, WaiterError

    try:
        yield
    except (BotoCoreError, ClientError, WaiterError) as error:
        raise StoreUnavailable(f"DynamoDB did not answer: {error}") from error
