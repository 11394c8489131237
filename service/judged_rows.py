"""The rows that versions are judged on, from their snapshots."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.plan import ROW_ORDER
from driftgate.lifecycle.ports import Scorer
from driftgate.lifecycle.schema import Schema
from driftgate.lifecycle.versions import Version
from driftgate.service.settings import Settings

if TYPE_CHECKING:
    import pandas as pd


class Versions(Protocol):
    """Bound versions with their files, digest-checked: the registry."""

    def scorer(self, version: Version) -> Scorer:
        """The version, loaded."""
        ...

    def loaded_anew(self, version: Version) -> Scorer:
        """The version, loaded once more, and not kept."""
        ...

    def snapshot(self, version: Version, part: str) -> "pd.DataFrame":
        """Its `train` or `holdout` rows, conformed."""
        ...

    def model_folder(self, version: Version) -> Path:
        """The local folder of its artifact."""
        ...


@dataclass(frozen=True, slots=True)
class Shared:
    """Rows that neither version was trained on: of the holdout of `later`. `excluded`: those of it that the other one was."""

    later: Version
    rows: "pd.DataFrame"
    excluded: int


def unseen_by_both(versions: Versions, candidate: Version, champion: Version) -> Shared:
    """The holdout rows of the later of the two that the other was not trained on.

    On the older one's holdout a version of a past regime would look superior on rows of that regime.
    """
    from driftgate.reports import comparison

    later, earlier = (candidate, champion) if candidate.number > champion.number else (champion, candidate)
    holdout = versions.snapshot(later, "holdout")
    mask = comparison.unseen(holdout, versions.snapshot(earlier, "train"), later.schema)
    return Shared(later, holdout[mask], int((~mask).sum()))


def taken_by(rows: "pd.DataFrame", version: Version) -> "pd.DataFrame":
    """Rows of another version's snapshot as this one takes them. Raises InvalidData where they lack a feature of it."""
    absent = lacking(rows, version)
    if absent:
        raise InvalidData(
            f"version {version.number} cannot be compared on the other version's snapshot, which lacks its features {', '.join(absent)}: "
            "name them in the model's features and retrain",
            field=absent[0],
        )
    return rows[list(version.schema.features)]


def lacking(rows: "pd.DataFrame", version: Version) -> Sequence[str]:
    """The version's features that the rows do not have."""
    return [name for name in version.schema.features if name not in rows.columns]


def entities_of(rows: "pd.DataFrame", schema: Schema) -> Any:
    """Whose each row is; None where the schema names no entity."""
    return None if schema.entity is None else rows[schema.entity]


def ordered(version: Version, settings: Settings) -> bool:
    """Whether the version's rows stand in the order of time."""
    return version.schema.time is not None or settings.plan(version.model).time == ROW_ORDER
