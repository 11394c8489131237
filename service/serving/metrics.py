"""What is counted of live predictions, for Prometheus."""

import math
import os
from collections import Counter as Tally
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from driftgate.lifecycle.instances import as_text
from driftgate.lifecycle.payloads import Arm, Payload
from driftgate.lifecycle.schema import ColumnKind, Schema

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable that makes prometheus-client share counts between processes; it has to be set before its import."""


class Lag(Protocol):
    """What a sink has not taken."""

    @property
    def payloads(self) -> int:
        """How many payloads."""
        ...

    @property
    def seconds(self) -> float:
        """For how long the oldest of them has waited."""
        ...


class Backlog(Protocol):
    """What waits to be shipped."""

    @property
    def sinks(self) -> Sequence[str]:
        """Where payloads go."""
        ...

    def backlog(self) -> int:
        """Payloads that some sink has not taken."""
        ...

    def age(self) -> float:
        """Seconds for which the oldest of them has waited."""
        ...

    def lag(self, sink: str) -> Lag:
        """What the sink has not taken."""
        ...

    def refused(self, sink: str) -> int:
        """Payloads that the sink refused for what they hold."""
        ...

    def unlogged(self) -> int:
        """Predictions that this process answered without a log, as the policy for a full outbox says."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What counts as odd for one model.

    `low_confidence`: an answer whose most likely class is less likely than this is unsure. `hidden`: features that are not
    logged as they are, so that nothing can be said of their values.
    """

    low_confidence: float = 0.0
    hidden: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Watched:
    """What a model's inputs and outputs are held against."""

    schema: Schema
    ranges: tuple[tuple[str, float, float], ...]
    levels: tuple[tuple[str, frozenset[str]], ...]

    @classmethod
    def of(cls, schema: Schema, hidden: Collection[str]) -> "Watched":
        """The ranges and levels that the snapshot's profile keeps in the schema, without those of `hidden` features."""
        columns = [column for column in schema.columns if column.name not in hidden]
        numeric = [c for c in columns if c.kind is ColumnKind.NUMERIC and c.low is not None and c.high is not None]
        return cls(
            schema,
            tuple((c.name, float(c.low or 0.0), float(c.high or 0.0)) for c in numeric),
            tuple((c.name, frozenset(c.levels)) for c in columns if c.kind is ColumnKind.CATEGORICAL),
        )

    def outside(self, payload: Payload) -> list[str]:
        """The numeric features whose value lies outside what the snapshot showed."""
        get = payload.features.get
        return [name for name, low, high in self.ranges if isinstance(value := get(name), int | float) and not low <= value <= high]

    def unseen(self, payload: Payload) -> list[str]:
        """The categorical features whose value the snapshot never showed."""
        get = payload.features.get
        return [name for name, levels in self.levels if (value := get(name)) is not None and as_text(value) not in levels]


ANY = Limits()


class Metrics:
    """The counters of one process; `render` gives those of all processes that share a folder (see SHARED_FOLDER).

    `schemas(model)`: the schema that a model's rows are held against. `beside`: what belongs to no process, and is told as it is.
    """

    def __init__(
        self,
        schemas: Callable[[str], Schema | None],
        limits: Mapping[str, Limits],
        backlog: Backlog | None = None,
        beside: Sequence[Collector] = (),
    ) -> None:
        self._schemas, self._limits, self._backlog = schemas, dict(limits), backlog
        self._beside = [*beside, *([] if backlog is None else [_Outbox(backlog)])]
        self._watched: dict[str, Watched] = {}
        self.registry = CollectorRegistry()
        own = self.registry
        self._requests = Counter("driftgate_requests", "HTTP requests answered.", ("method", "route", "status"), registry=own)
        self._seconds = Histogram("driftgate_request_seconds", "Time to answer a request.", ("route",), buckets=SECONDS, registry=own)
        self._flying = 0
        self._in_flight = Gauge("driftgate_requests_in_flight", "Requests being answered.", registry=own, multiprocess_mode="livesum")
        self._rows = Histogram("driftgate_batch_rows", "Rows in one call of a model.", ("model", "arm"), buckets=ROWS, registry=own)
        self._scoring = Histogram("driftgate_scoring_seconds", "Time of one call.", ("model", "arm"), buckets=SECONDS, registry=own)
        self._predictions = Counter("driftgate_predictions", "Predictions logged.", ("model", "arm", "version"), registry=own)
        self._fallbacks = Counter("driftgate_arm_fallbacks", "Rows left to the champion.", ("model", "arm"), registry=own)
        self._nulls = Counter("driftgate_null_outputs", "Predictions without a value.", ("model", "arm"), registry=own)
        self._unsure = Counter("driftgate_low_confidence_outputs", "Predictions below the model's limit.", ("model", "arm"), registry=own)
        self._unlogged = Counter("driftgate_unlogged_predictions", "Answered without a log: the outbox was full.", registry=own)
        self._unlogged_before = 0
        self._unseen = Counter("driftgate_unseen_categories", "Values the snapshot never showed.", ("model", "feature"), registry=own)
        self._outside = Counter("driftgate_out_of_range", "Numbers outside the snapshot's range.", ("model", "feature"), registry=own)
        self._champion = Gauge("driftgate_serving_version", "Version that serves.", ("model",), registry=own, multiprocess_mode="livemax")
        self._problem = Gauge(
            "driftgate_serving_problem", "1 where the version that the ledger names is not loaded.", ("model",),
            registry=own, multiprocess_mode="livemax",
        )  # fmt: skip

    def begun(self) -> None:
        """A request that came in."""
        self._flying += 1

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """An HTTP request that was answered."""
        self._flying -= 1
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def scored(self, model: str, arm: Arm, rows: int, seconds: float) -> None:
        """A call of the model."""
        self._rows.labels(model, arm.value).observe(rows)
        self._scoring.labels(model, arm.value).observe(seconds)

    def fell_back(self, model: str, arm: Arm, rows: int) -> None:
        """Rows that an arm could not answer, and the champion did."""
        self._fallbacks.labels(model, arm.value).inc(rows)

    def logged(self, payloads: Sequence[Payload]) -> None:
        """Payloads that were logged: how many of each arm, and what was odd about them."""
        by_arm: Tally[tuple[str, str, str]] = Tally()
        odd: Tally[tuple[Counter, str, str]] = Tally()
        for payload in payloads:
            by_arm[payload.model, payload.arm.value, str(payload.version or "none")] += 1
            for name in self._oddities(payload):
                odd[name] += 1
        if self._backlog is not None:
            unlogged = self._backlog.unlogged()
            self._unlogged.inc(unlogged - self._unlogged_before)
            self._unlogged_before = unlogged
        self._in_flight.set(self._flying)
        for labels, count in by_arm.items():
            self._predictions.labels(*labels).inc(count)
        for (counter, model, label), count in odd.items():
            counter.labels(model, label).inc(count)

    def serving(self, served: Mapping[str, int | None], problems: Mapping[str, str]) -> None:
        """What serves now."""
        for model, number in served.items():
            self._champion.labels(model).set(number or 0)
            self._problem.labels(model).set(model in problems)

    def render(self) -> bytes:
        """The page for Prometheus."""
        self._in_flight.set(self._flying)
        shown = self.registry
        if os.environ.get(SHARED_FOLDER):
            shown = CollectorRegistry()
            MultiProcessCollector(shown)  # type: ignore[no-untyped-call]
        others = CollectorRegistry()
        for collector in self._beside:
            others.register(collector)
        return generate_latest(shown) + generate_latest(others)

    def _oddities(self, payload: Payload) -> Iterable[tuple[Counter, str, str]]:
        model, output = payload.model, payload.output
        if isinstance(output.prediction, float) and math.isnan(output.prediction):
            yield self._nulls, model, payload.arm.value
        if output.probabilities and max(output.probabilities) < self._limits.get(model, ANY).low_confidence:
            yield self._unsure, model, payload.arm.value
        watched = self._held_against(model)
        if watched is not None:
            for name in watched.unseen(payload):
                yield self._unseen, model, name
            for name in watched.outside(payload):
                yield self._outside, model, name

    def _held_against(self, model: str) -> Watched | None:
        schema = self._schemas(model)
        if schema is None:
            return None
        known = self._watched.get(model)
        if known is None or known.schema is not schema:
            known = self._watched[model] = Watched.of(schema, self._limits.get(model, ANY).hidden)
        return known


def forget_dead_processes() -> None:
    """Drops what processes that died said of the present, such as their requests in flight: they cannot take it back."""
    folder = os.environ.get(SHARED_FOLDER)
    for file in Path(folder).glob("gauge_live*.db") if folder else ():
        process = int(file.stem.rpartition("_")[2])
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            # Another process that starts may be doing the same.
            with suppress(FileNotFoundError):
                mark_process_dead(process, folder)  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True, eq=False)
class _Outbox(Collector):
    """What waits, asked for when Prometheus asks: it belongs to the host, not to a process."""

    backlog: Backlog

    def collect(self) -> Iterable[Metric]:
        """The metrics of the outbox."""
        yield GaugeMetricFamily("driftgate_outbox_payloads", "Payloads that some sink has not taken.", self.backlog.backlog())
        yield GaugeMetricFamily("driftgate_outbox_age_seconds", "Wait of the oldest of them.", self.backlog.age())
        waiting = GaugeMetricFamily("driftgate_sink_lag_payloads", "Payloads the sink has not taken.", labels=["sink"])
        seconds = GaugeMetricFamily("driftgate_sink_lag_seconds", "Wait of the oldest of them.", labels=["sink"])
        refused = GaugeMetricFamily("driftgate_sink_refused_payloads", "Payloads the sink refused for what they hold.", labels=["sink"])
        for sink in self.backlog.sinks:
            lag = self.backlog.lag(sink)
            waiting.add_metric([sink], lag.payloads)
            seconds.add_metric([sink], lag.seconds)
            refused.add_metric([sink], self.backlog.refused(sink))
        yield from (waiting, seconds, refused)
