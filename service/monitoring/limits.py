"""From which drift of a column on it matters: by the settings, by what it costs, or by what the snapshot does by itself."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from driftgate.lifecycle.plan import ROW_ORDER
from driftgate.lifecycle.schema import ColumnKind, Schema
from driftgate.service.monitoring.references import Reference

if TYPE_CHECKING:
    from driftgate.lifecycle.measurements_shift import EnvelopePoint


def limits(reference: Reference, schema: Schema, window_rows: int) -> Mapping[str, float]:
    """The least effect that matters of each column that has a limit of its own; the rest have the settings'.

    With `materiality_by = "loss"` the drift at which the version's envelope passes the tolerated loss, or the furthest that was simulated
    where none does. With `own_windows` no limit is below what the snapshot's own windows of that length differ by.
    """
    table, found = reference.table, dict[str, float]()
    if table.drift.materiality_by == "loss":
        found |= _by_loss(reference.points, schema, table.monitoring.loss_growth)
    if table.drift.own_windows:
        fixed = {ColumnKind.NUMERIC: table.drift.normalised_wasserstein, ColumnKind.CATEGORICAL: table.drift.total_variation}
        for name, effect in _by_season(reference, schema, window_rows).items():
            found[name] = max(effect, found.get(name, fixed[schema.column(name).kind]))
    return found


def _by_loss(points: "Sequence[EnvelopePoint]", schema: Schema, tolerated: float) -> dict[str, float]:
    from driftgate.reports.shift.envelope import furthest, limit_for

    either = {name: limit_for(name, points, tolerated) or furthest(name, points) for name in schema.features}
    return {name: limit for name, limit in either.items() if limit is not None}


def _by_season(reference: Reference, schema: Schema, window_rows: int) -> Mapping[str, float]:
    from driftgate.reports.drift.ordinary import ordinary

    rows, time = reference.rows, reference.version.schema.time
    if time is not None and time in rows.columns:
        return ordinary(rows.sort_values(time, kind="stable"), schema, window_rows)
    return ordinary(rows, schema, window_rows) if reference.plan.time == ROW_ORDER else {}
