from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.errors import DigestMismatch, StoreUnavailable
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.ports import Scorer
from driftgate.lifecycle.schema import Column, ColumnKind
from driftgate.lifecycle.versions import Version
from driftgate.reports import losses
from driftgate.service.former_champions import FormerChampions, Judged
from driftgate.service.judged_rows import Shared
from tests.builders import MODEL, a_schema, a_version
from tests.fakes import FakeScorer
from tests.unit.lifecycle.flows.desks import Office

SCHEMA = a_schema()
CANDIDATE, CHAMPION = a_version(5), a_version(4)


def rows(count: int = 150, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    plan, churned = (pd.Series(rng.choice(np.array(pair, dtype=object), count), dtype=object) for pair in (["basic", "pro"], ["no", "yes"]))
    return pd.DataFrame({"score": rng.normal(0, 1, count), "plan": plan, "churned": churned})


@dataclass
class Shelf:
    """Versions by number; what is in `broken` cannot be loaded, for that reason. Version 1 was trained on the first 30 rows."""

    broken: dict[int, Exception] = field(default_factory=dict)
    scored: list[int] = field(default_factory=list)

    def scorer(self, version: Version) -> Scorer:
        if version.number in self.broken:
            raise self.broken[version.number]
        self.scored.append(version.number)
        return FakeScorer(version.schema, answer=(0.4, 0.6))

    def loaded_anew(self, version: Version) -> Scorer:
        return self.scorer(version)

    def snapshot(self, version: Version, part: str) -> pd.DataFrame:
        assert part == "train"
        return rows().head(30) if version.number == 1 else rows(50, 9)


def judged() -> Judged:
    held = rows()
    return Judged(CANDIDATE, Shared(CANDIDATE, held, 0), losses.truth(held["churned"], SCHEMA), np.full((150, 2), 0.5), False)


def beside(office: Office, shelf: Shelf, **versions: Version) -> FormerChampions:
    return FormerChampions(office.ledger, shelf, lambda model, number: versions.get(f"v{number}", a_version(number, model)))  # type: ignore[arg-type]


def test_each_former_champion_is_scored_once_on_the_judged_rows_it_was_not_trained_on() -> None:
    shelf = Shelf()

    found = beside(Office().promoted(1, 2, 4), shelf).measured(judged(), CHAMPION, Policy())

    assert [(each.version, each.rows, each.excluded) for each in found] == [(2, 150, 0), (1, 120, 30)]
    assert shelf.scored == [2, 1]
    assert found[0].margin == Policy().margin


def test_one_whose_artifact_was_changed_is_named_and_the_others_are_measured() -> None:
    shelf = Shelf({2: DigestMismatch("the model is not what was registered")})

    found = beside(Office().promoted(1, 2, 4), shelf).measured(judged(), CHAMPION, Policy())

    assert [(each.version, each.problem) for each in found] == [(2, "the model is not what was registered"), (1, None)]


def test_one_that_fails_in_a_way_of_its_own_is_named() -> None:
    found = beside(Office().promoted(1, 4), Shelf({1: ValueError("no such attribute")})).measured(judged(), CHAMPION, Policy())

    assert found[0].problem == "ValueError: no such attribute"


def test_one_that_takes_a_feature_that_the_rows_lack_is_named() -> None:
    wider = a_version(1, schema=a_schema(columns=(*SCHEMA.columns, Column("visits", ColumnKind.NUMERIC))))

    found = beside(Office().promoted(1, 4), Shelf(), v1=wider).measured(judged(), CHAMPION, Policy())

    assert found[0].problem is not None
    assert "lacks its features visits" in found[0].problem


def test_a_store_that_does_not_answer_is_no_property_of_a_version() -> None:
    office = Office().promoted(1, 4)

    with pytest.raises(StoreUnavailable):
        beside(office, Shelf({1: StoreUnavailable("MLflow does not answer")})).measured(judged(), CHAMPION, Policy())


def test_a_policy_that_looks_at_no_earlier_champion_reads_nothing() -> None:
    shelf = Shelf()

    assert beside(Office().promoted(1, 2, 4), shelf).measured(judged(), CHAMPION, Policy(best_of=1)) == ()
    assert shelf.scored == []


def test_another_model_has_no_part_in_it() -> None:
    other = Judged(a_version(5, "other"), judged().shared, judged().truth, judged().outputs, False)

    assert MODEL != "other"
    assert beside(Office().promoted(1, 2, 4), Shelf()).measured(other, a_version(4, "other"), Policy()) == ()
