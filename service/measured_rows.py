"""The rows that drift is measured of: a frame, or logged payloads, which become one only where somebody needs it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.payloads import Payload, Window
from driftgate.lifecycle.plan import Scalar
from driftgate.lifecycle.schema import Schema, Task
from driftgate.lifecycle.versions import Version
from driftgate.service.monitoring.columns import entities

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from driftgate.reports.profiles.frame import FrameProfile

    Outputs = npt.NDArray[np.float64]


class Rows(Protocol):
    """Raw rows, one a call of the version."""

    def __len__(self) -> int:
        """Their number."""
        ...

    @property
    def names(self) -> Collection[str]:
        """What their columns are called."""
        ...

    @property
    def frame(self) -> "pd.DataFrame":
        """Them as a frame."""
        ...

    def profile(self, schema: Schema, seed: int) -> "FrameProfile":
        """Their profile, read by the schema."""
        ...

    def outputs_profile(self, schema: Schema, outputs: "Outputs", seed: int) -> "FrameProfile":
        """The profile of a version's outputs for them."""
        ...


@dataclass(frozen=True)
class FrameRows(Rows):
    """Rows of a file or a query."""

    whole: "pd.DataFrame"

    def __len__(self) -> int:
        return len(self.whole)

    @property
    def names(self) -> Collection[str]:
        """See `Rows`."""
        return list(self.whole.columns)

    @property
    def frame(self) -> "pd.DataFrame":
        """See `Rows`."""
        return self.whole

    def profile(self, schema: Schema, seed: int) -> "FrameProfile":
        """See `Rows`."""
        from driftgate.reports.profiles.frame import profile

        return profile(self.whole, schema, seed=seed)

    def outputs_profile(self, schema: Schema, outputs: "Outputs", seed: int) -> "FrameProfile":
        """See `Rows`."""
        from driftgate.reports.profiles.frame import outputs_profile

        whose = self.whole[schema.entity] if schema.entity in self.whole.columns else None
        return outputs_profile(schema, outputs, entities=whose, seed=seed)


@dataclass(frozen=True)
class LoggedRows(Rows):
    """The features of payloads; the entity is one of them where the schema names one. `apart`: names that are no columns."""

    records: Sequence[Mapping[str, Scalar]]
    apart: frozenset[str] = frozenset()

    @classmethod
    def of(cls, payloads: Sequence[Payload], window: Window, entity: str | None = None, apart: Collection[str] = ()) -> "LoggedRows":
        """The rows of the payloads. Raises InvalidData where there are none."""
        if not payloads:
            raise InvalidData(
                f"no payloads were logged between {window.start:%Y-%m-%d %H:%M} and {window.end:%Y-%m-%d %H:%M} UTC", field="since"
            )
        records = [payload.features for payload in payloads]
        if entity is not None:
            records = [{**features, entity: whom} for features, whom in zip(records, entities(payloads), strict=True)]
        return cls(records, frozenset(apart))

    def __len__(self) -> int:
        return len(self.records)

    @cached_property
    def names(self) -> Collection[str]:
        """See `Rows`."""
        return [name for name in dict.fromkeys(name for record in self.records for name in record) if name not in self.apart]

    @cached_property
    def frame(self) -> "pd.DataFrame":
        """See `Rows`."""
        import pandas as pd

        return pd.DataFrame([dict(record) for record in self.records])[self.names]

    def profile(self, schema: Schema, seed: int) -> "FrameProfile":
        """See `Rows`."""
        from driftgate.reports.profiles.frame import profile_records

        return profile_records(self.records, schema, but=self.apart, seed=seed)

    def outputs_profile(self, schema: Schema, outputs: "Outputs", seed: int) -> "FrameProfile":
        """See `Rows`."""
        from driftgate.reports.profiles.frame import outputs_profile

        whose = None if schema.entity is None else [record.get(schema.entity) for record in self.records]
        return outputs_profile(schema, outputs, entities=whose, seed=seed)


def logged_outputs(payloads: Sequence[Payload], version: Version) -> "Outputs | None":
    """What the version answered, as it was logged: shape (rows, classes), of a regression (rows,).

    None where another version or the heuristic answered any of them, or a probability is not in the log: then all have to be scored.
    """
    import numpy as np

    if any(payload.version != version.number for payload in payloads):
        return None
    if version.schema.task is Task.REGRESSION:
        values = [payload.output.prediction for payload in payloads]
        return np.array(values, dtype=np.float64) if all(isinstance(value, int | float) for value in values) else None
    classes = len(version.schema.classes)
    if any(len(payload.output.probabilities) != classes for payload in payloads):
        return None
    return np.array([payload.output.probabilities for payload in payloads], dtype=np.float64)
