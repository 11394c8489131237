"""What a pass asks of each monitor that settings, arms or schema decide about: by settings and ledger only, never by what was measured."""

from collections.abc import Iterator

from driftgate.lifecycle.findings import Asked, Monitor
from driftgate.lifecycle.judging import duels
from driftgate.lifecycle.judging.impact import DECAY, HEURISTIC
from driftgate.lifecycle.ledger import Challenge
from driftgate.lifecycle.schema import Schema
from driftgate.service.settings_models import ModelTable


def asked(schema: Schema, table: ModelTable, challenge: Challenge | None) -> tuple[Asked, ...]:
    """Every monitor whose findings may fall away while the version serves. `schema`: the version's, without what the log hides."""
    return tuple(_asked(schema, table, None if challenge is None else challenge.version))


def _asked(schema: Schema, table: ModelTable, challenger: int | None) -> Iterator[Asked]:
    if table.monitoring.silence_hours is None:
        yield Asked(Monitor.TRAFFIC, ("clocks",), "no silence is limited (monitoring.silence_hours)")
    hidden = "the log does not hold such a column of the version as it is (payloads.redact, payloads.hash)"
    yield Asked(Monitor.DATA_DRIFT, tuple(schema.features), hidden)
    limits = (*sorted(table.monitoring.limits), "loss_growth", "outcomes")
    yield Asked(Monitor.PERFORMANCE, limits, "no limit is set for it (monitoring.limits)")
    arms = (HEURISTIC, DECAY) if table.arms.heuristic > 0 else ()
    yield Asked(Monitor.IMPACT, arms, "the heuristic gets no traffic (arms.heuristic)")
    if challenger is None:
        yield Asked(Monitor.CHALLENGER, (), "no version challenges")
    else:
        yield Asked(Monitor.CHALLENGER, duels.names(challenger), f"version {challenger} challenges now")
