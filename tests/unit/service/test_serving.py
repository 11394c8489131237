import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from driftgate.lifecycle.errors import NoChampion, StoreUnavailable
from driftgate.lifecycle.instances import Instance
from driftgate.lifecycle.ledger import Kind
from driftgate.lifecycle.schema import Task
from driftgate.service import serving
from driftgate.service.serving import ChampionFollower, LoadedVersion, frame_of
from tests.builders import MODEL, a_schema, a_version, an_event
from tests.fakes import FakeLedger, FakeScorer
from tests.unit.service.apis import FakeBook


class Failing(FakeScorer):
    """Loads, and cannot answer."""

    def score(self, frame: object) -> object:
        del frame
        raise ValueError("the model wants another scikit-learn")


def decide(ledger: FakeLedger, number: int) -> None:
    ledger.append(an_event(Kind.DECIDED, f"p{len(ledger.stored)}", {"version": number, "previous": None, "action": "promote"}))


def following(*numbers: int) -> tuple[ChampionFollower, FakeLedger, FakeBook]:
    """A follower over versions of these numbers."""
    ledger, book = FakeLedger(), FakeBook.holding(*(a_version(number) for number in numbers))
    assert isinstance(book, FakeBook)
    return ChampionFollower([MODEL], ledger, book), ledger, book


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and not holds():
        time.sleep(0.01)
    return holds()


def test_nothing_is_served_before_the_first_decision() -> None:
    follower, _, _ = following(1)

    follower.refresh()

    assert (follower.serving(MODEL), follower.problems(), follower.schema(MODEL)) == (None, {}, None)
    with pytest.raises(NoChampion, match="promote a version first"):
        follower.champion(MODEL)


def test_the_champion_is_the_one_the_ledger_names_not_the_alias() -> None:
    follower, ledger, book = following(1, 2)
    decide(ledger, 1)
    book.point_champion(MODEL, 2)

    follower.refresh()

    assert follower.champion(MODEL).number == 1
    assert follower.schema(MODEL) == a_schema()


def test_a_version_is_loaded_once() -> None:
    follower, ledger, book = following(1)
    decide(ledger, 1)

    follower.refresh()
    follower.refresh()

    assert book.loads == [1]


def test_a_version_that_fails_to_load_leaves_the_old_one_serving_and_is_reported() -> None:
    follower, ledger, _ = following(1)
    decide(ledger, 1)
    follower.refresh()
    decide(ledger, 2)

    follower.refresh()

    assert follower.serving(MODEL) == 1
    assert follower.problems() == {MODEL: "model churn has no version 2"}


def test_a_version_whose_digest_differs_is_never_served() -> None:
    follower, ledger, book = following(1, 2)
    book.tampered.add(2)
    decide(ledger, 1)
    follower.refresh()
    decide(ledger, 2)

    follower.refresh()

    assert follower.serving(MODEL) == 1
    assert "not the one registered" in follower.problems()[MODEL]


def test_a_first_champion_whose_digest_differs_leaves_nothing_serving_and_says_why() -> None:
    follower, ledger, book = following(1)
    book.tampered.add(1)
    decide(ledger, 1)

    follower.refresh()

    with pytest.raises(NoChampion, match="not the one registered"):
        follower.champion(MODEL)


def test_a_version_that_cannot_answer_a_row_replaces_nothing() -> None:
    follower, ledger, book = following(1, 2)
    book.scorers[2] = Failing()
    decide(ledger, 1)
    follower.refresh()
    decide(ledger, 2)

    follower.refresh()

    assert follower.serving(MODEL) == 1
    assert follower.problems() == {MODEL: "ValueError: the model wants another scikit-learn"}


def test_a_problem_is_forgotten_once_the_version_loads() -> None:
    follower, ledger, book = following(1, 2)
    book.tampered.add(2)
    decide(ledger, 2)
    follower.refresh()
    book.tampered.clear()

    follower.refresh()

    assert (follower.serving(MODEL), follower.problems()) == (2, {})


def test_a_problem_is_forgotten_once_the_ledger_names_the_serving_version_again() -> None:
    follower, ledger, _ = following(1)
    for number in (1, 9, 1):
        decide(ledger, number)
        follower.refresh()

    assert (follower.serving(MODEL), follower.problems()) == (1, {})


def test_a_ledger_that_does_not_answer_leaves_the_champion_serving() -> None:
    class Silent(FakeLedger):
        silent = False

        def champion(self, model: str) -> int | None:
            if self.silent:
                raise StoreUnavailable("the database did not answer")
            return super().champion(model)

    ledger = Silent()
    follower = ChampionFollower([MODEL], ledger, FakeBook.holding(a_version(1)))
    decide(ledger, 1)
    follower.refresh()
    ledger.silent = True

    follower.refresh()

    assert follower.serving(MODEL) == 1
    assert follower.problems() == {MODEL: "the database did not answer"}


def test_one_model_that_cannot_load_does_not_stop_the_others() -> None:
    ledger, book = FakeLedger(), FakeBook.holding(a_version(1, "good"))
    follower = ChampionFollower(["bad", "good"], ledger, book)
    for model, number in (("bad", 7), ("good", 1)):
        ledger.append(an_event(Kind.DECIDED, model, {"version": number, "previous": None, "action": "promote"}, model=model))

    follower.refresh()

    assert (follower.serving("bad"), follower.serving("good")) == (None, 1)


def test_a_started_follower_follows_and_a_stopped_one_keeps_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "POLL_SECONDS", 0.01)
    follower, ledger, _ = following(1, 2)
    decide(ledger, 1)
    follower.start()
    before = follower.serving(MODEL)
    decide(ledger, 2)

    followed = eventually(lambda: follower.serving(MODEL) == 2)
    follower.stop()

    assert (before, followed, follower.serving(MODEL)) == (1, True, 2)
    assert "champion-follower" not in {thread.name for thread in threading.enumerate()}


def test_the_binary_threshold_decides_from_its_value_on() -> None:
    version = a_version(threshold=0.7)
    at, below = (LoadedVersion(version, FakeScorer(answer=[1 - p, p])).outputs([Instance()])[0] for p in (0.7, 0.69))

    assert (at.prediction, below.prediction) == ("yes", "no")
    assert at.probabilities == pytest.approx((0.3, 0.7))


def test_the_most_probable_of_many_classes_is_predicted() -> None:
    version = a_version(schema=a_schema(Task.MULTICLASS), threshold=None)

    (output,) = LoadedVersion(version, FakeScorer(version.schema, [0.2, 0.5, 0.3])).outputs([Instance()])

    assert (output.prediction, output.probabilities) == ("low", (0.2, 0.5, 0.3))


def test_a_regression_answers_numbers_without_probabilities() -> None:
    version = a_version(schema=a_schema(Task.REGRESSION), threshold=None)

    outputs = LoadedVersion(version, FakeScorer(version.schema, 3.5)).outputs([Instance(), Instance()])

    assert [(each.prediction, each.probabilities) for each in outputs] == [(3.5, ()), (3.5, ())]


def test_instances_become_one_conformed_frame_for_one_call() -> None:
    instances = [Instance({"plan": True, "score": 3}), Instance({"score": None, "plan": "pro"}), Instance()]

    frame = frame_of(instances, a_schema())

    assert list(frame.columns) == ["score", "plan"]
    np.testing.assert_array_equal(frame["score"], [3.0, np.nan, np.nan])
    assert frame["plan"].tolist()[:2] == ["True", "pro"]
    assert frame["plan"].isna().tolist() == [False, False, True]
