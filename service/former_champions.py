"""A candidate beside those that were champion before, as the ledger has them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from driftgate.lifecycle.champions import former_champions
from driftgate.lifecycle.errors import DriftgateError, Unavailable
from driftgate.lifecycle.measurements_former import FormerChampion
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.ports import Ledger
from driftgate.lifecycle.versions import Version
from driftgate.service.judged_rows import Shared, Versions, entities_of, taken_by

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Judged:
    """The rows of a comparison, the truth there, and what the candidate says to them. `ordered`: they stand in the order of time."""

    candidate: Version
    shared: Shared
    truth: Any
    outputs: Any
    ordered: bool


class FormerChampions:
    """Finds them in the ledger, and scores each once. `version`: one version of a model by its number."""

    def __init__(self, ledger: Ledger, versions: Versions, version: Callable[[str, int], Version]) -> None:
        self._ledger = ledger
        self._versions = versions
        self._version = version

    def measured(self, judged: Judged, champion: Version, policy: Policy) -> tuple[FormerChampion, ...]:
        """The candidate beside each of the last `best_of` champions but the present one, newest first.

        One that cannot be loaded, or not be asked about these rows, has its `problem` in words. Raises Unavailable where a store does not
        answer: that is no property of a version.
        """
        if policy.best_of <= 1:
            return ()
        model, own = judged.candidate.model, judged.candidate.number
        numbers = former_champions(self._ledger.events(model=model), policy.best_of, own, champion.number)
        return tuple(self._one(number, judged, policy) for number in numbers)

    def _one(self, number: int, judged: Judged, policy: Policy) -> FormerChampion:
        try:
            return self._beside(self._version(judged.candidate.model, number), judged, policy)
        except Unavailable:
            raise
        except DriftgateError as error:
            return FormerChampion(number, problem=error.message)
        except Exception as error:  # noqa: BLE001 - an old artifact may fail in any way, and must not stand in the way of a new one
            return FormerChampion(number, problem=f"{type(error).__name__}: {error}")

    def _beside(self, former: Version, judged: Judged, policy: Policy) -> FormerChampion:
        from driftgate.reports import former as beside
        from driftgate.reports import losses

        schema, shared = judged.candidate.schema, judged.shared
        known = self._unseen(former, shared)
        rows = shared.rows[known]
        outputs = self._versions.scorer(former).score(taken_by(rows, former))
        return beside.measure(
            judged.outputs[known],
            losses.align(outputs, former.schema, schema),
            judged.truth[known],
            schema,
            version=former.number,
            excluded=int((~known).sum()),
            margin=policy.margin,
            entities=entities_of(rows, shared.later.schema),
            ordered=judged.ordered,
            confidence=policy.confidence,
        )

    def _unseen(self, former: Version, shared: Shared) -> "npt.NDArray[np.bool_]":
        from driftgate.reports import comparison

        return comparison.unseen(shared.rows, self._versions.snapshot(former, "train"), shared.later.schema)


def nobody(_judged: Judged, _champion: Version, _policy: Policy) -> Sequence[FormerChampion]:
    """Where there is no ledger, nobody was champion before."""
    return ()
