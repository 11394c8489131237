import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from driftgate.lifecycle.arms import Split
from driftgate.lifecycle.errors import InvalidConfiguration, NoChampion, StoreUnavailable
from driftgate.lifecycle.flows.predicting import Rule
from driftgate.lifecycle.instances import Instance
from driftgate.lifecycle.ledger import Kind, Serving
from driftgate.lifecycle.payloads import Arm
from driftgate.lifecycle.schema import Schema
from driftgate.service.serving import follower as following_module
from driftgate.service.serving.follower import Arrangement, Follower
from driftgate.service.serving.remembered import Remembered
from tests.builders import MODEL, a_schema, a_version, an_event
from tests.fakes import FakeLedger, FakeScorer
from tests.unit.service.apis import FakeBook

FOLDER = tempfile.TemporaryDirectory(prefix="driftgate-follower-")


class Failing(FakeScorer):
    """Loads, and cannot answer."""

    def score(self, frame: object) -> object:
        del frame
        raise ValueError("the model wants another scikit-learn")


class Unanswering(FakeLedger):
    """A ledger whose database is down."""

    def serving(self, model: str) -> Serving:
        raise StoreUnavailable("the database did not answer", field=model)


def decide(ledger: FakeLedger, number: int) -> None:
    ledger.append(an_event(Kind.DECIDED, f"p{len(ledger.stored)}", {"version": number, "previous": None, "action": "promote"}))


def following(*numbers: int) -> tuple[Follower, FakeLedger, FakeBook]:
    """A follower over versions of these numbers."""
    ledger, book = FakeLedger(), FakeBook.holding(*(a_version(number) for number in numbers))
    assert isinstance(book, FakeBook)
    return a_follower(ledger, book), ledger, book


def a_follower(ledger: FakeLedger, book: FakeBook, *models: str, alarms: list[str] | None = None) -> Follower:
    folder = Path(tempfile.mkdtemp(dir=FOLDER.name))
    arrangements = {model: Arrangement(Split("s")) for model in models or (MODEL,)}
    heard = [] if alarms is None else alarms
    return Follower(arrangements, ledger, book, Remembered(folder), lambda model, problem: heard.append(f"{model}: {problem}"))


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
        follower.lineup(MODEL)


def test_the_champion_is_the_one_the_ledger_names_not_the_alias() -> None:
    follower, ledger, book = following(1, 2)
    decide(ledger, 1)
    book.point_champion(MODEL, 2)

    follower.refresh()

    assert follower.lineup(MODEL).champion.number == 1
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
        follower.lineup(MODEL)


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

        def serving(self, model: str) -> Serving:
            if self.silent:
                raise StoreUnavailable("the database did not answer")
            return super().serving(model)

    ledger = Silent()
    follower = a_follower(ledger, FakeBook.holding(a_version(1)))
    decide(ledger, 1)
    follower.refresh()
    ledger.silent = True

    follower.refresh()

    assert follower.serving(MODEL) == 1
    assert follower.problems() == {MODEL: "the database did not answer"}


def test_one_model_that_cannot_load_does_not_stop_the_others() -> None:
    ledger, book = FakeLedger(), FakeBook.holding(a_version(1, "good"))
    follower = a_follower(ledger, book, "bad", "good")
    for model, number in (("bad", 7), ("good", 1)):
        ledger.append(an_event(Kind.DECIDED, model, {"version": number, "previous": None, "action": "promote"}, model=model))

    follower.refresh()

    assert (follower.serving("bad"), follower.serving("good")) == (None, 1)


def test_a_started_follower_follows_and_a_stopped_one_keeps_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following_module, "POLL_SECONDS", 0.01)
    follower, ledger, _ = following(1, 2)
    decide(ledger, 1)
    follower.start()
    before = follower.serving(MODEL)
    decide(ledger, 2)

    followed = eventually(lambda: follower.serving(MODEL) == 2)
    follower.stop()

    assert (before, followed, follower.serving(MODEL)) == (1, True, 2)
    assert "follower" not in {thread.name for thread in threading.enumerate()}


def challenge(ledger: FakeLedger, number: int | None, *, shadow_only: bool = False) -> None:
    body = {"version": number, "shadow_only": shadow_only, "gates": [], "reason": ""}
    ledger.append(an_event(Kind.CHALLENGED, f"c{len(ledger.stored)}", body))


def test_a_challenger_that_the_ledger_names_answers_its_arm() -> None:
    follower, ledger, _ = following(1, 2)
    decide(ledger, 1)
    challenge(ledger, 2)

    follower.refresh()

    lineup = follower.lineup(MODEL)
    assert (lineup.version(Arm.CHAMPION), lineup.version(Arm.CHALLENGER)) == (1, 2)


def test_a_challenger_for_shadow_only_answers_nobody() -> None:
    follower, ledger, _ = following(1, 2)
    decide(ledger, 1)
    challenge(ledger, 2, shadow_only=True)

    follower.refresh()

    assert follower.lineup(MODEL).challenger is None


def test_a_challenger_that_cannot_be_loaded_holds_back_no_champion() -> None:
    follower, ledger, book = following(1, 2)
    book.tampered.add(2)
    decide(ledger, 1)
    challenge(ledger, 2)

    follower.refresh()

    assert follower.lineup(MODEL).version(Arm.CHALLENGER) == 1
    assert "not the one registered" in follower.problems()[MODEL]


def test_a_promoted_challenger_is_not_loaded_again() -> None:
    follower, ledger, book = following(1, 2)
    decide(ledger, 1)
    challenge(ledger, 2)
    follower.refresh()
    decide(ledger, 2)

    follower.refresh()

    assert (follower.serving(MODEL), follower.lineup(MODEL).challenger, book.loads) == (2, None, [1, 2])


def test_a_problem_raises_one_alarm_however_long_it_lasts() -> None:
    alarms: list[str] = []
    ledger, book = FakeLedger(), FakeBook.holding(a_version(1))
    follower = a_follower(ledger, book, alarms=alarms)
    decide(ledger, 2)

    for _ in range(3):
        follower.refresh()

    assert alarms == ["churn: model churn has no version 2"]


def test_what_served_last_serves_again_while_the_ledger_does_not_answer(tmp_path: Path) -> None:
    ledger, book = FakeLedger(), FakeBook.holding(a_version(1), a_version(2))
    decide(ledger, 1)
    challenge(ledger, 2)
    Follower({MODEL: Arrangement(Split("s"))}, ledger, book, Remembered(tmp_path)).refresh()

    again = Follower({MODEL: Arrangement(Split("s"))}, Unanswering(), book, Remembered(tmp_path))
    again.refresh()

    lineup = again.lineup(MODEL)
    assert (lineup.version(Arm.CHAMPION), lineup.version(Arm.CHALLENGER)) == (1, 2)
    assert again.problems() == {MODEL: "the database did not answer"}


def test_what_served_last_serves_again_while_what_the_ledger_names_cannot_be_loaded(tmp_path: Path) -> None:
    ledger, book = FakeLedger(), FakeBook.holding(a_version(1), a_version(2))
    decide(ledger, 1)
    Follower({MODEL: Arrangement(Split("s"))}, ledger, book, Remembered(tmp_path)).refresh()
    decide(ledger, 2)
    book.tampered.add(2)

    again = Follower({MODEL: Arrangement(Split("s"))}, ledger, book, Remembered(tmp_path))
    again.refresh()

    assert again.serving(MODEL) == 1
    assert "not the one registered" in again.problems()[MODEL]


def test_a_version_that_cannot_be_loaded_is_tried_again_after_longer_and_longer_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("driftgate.service.serving.follower.time.monotonic", lambda: now)
    follower, ledger, book = following(1, 2)
    decide(ledger, 1)
    follower.refresh()
    book.tampered.add(2)
    decide(ledger, 2)

    attempts = []
    for second in range(60):
        now = float(second)
        before = len(book.loads)
        follower.refresh()
        attempts += [second] * (len(book.loads) - before)

    assert attempts == [0, 1, 2, 5, 12, 27, 42, 57]
    assert follower.serving(MODEL) == 1


def test_what_served_last_is_not_served_where_its_digest_differs(tmp_path: Path) -> None:
    ledger, book = FakeLedger(), FakeBook.holding(a_version(1))
    decide(ledger, 1)
    Follower({MODEL: Arrangement(Split("s"))}, ledger, book, Remembered(tmp_path)).refresh()
    book.tampered.add(1)

    again = Follower({MODEL: Arrangement(Split("s"))}, Unanswering(), book, Remembered(tmp_path))
    again.refresh()

    assert again.serving(MODEL) is None


def test_a_memory_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "churn.json").write_text("{", encoding="utf-8")
    follower = Follower({MODEL: Arrangement(Split("s"))}, Unanswering(), FakeBook.holding(a_version(1)), Remembered(tmp_path))

    follower.refresh()

    assert follower.serving(MODEL) is None


def test_a_heuristic_that_cannot_be_made_leaves_its_share_to_the_champion(tmp_path: Path) -> None:
    def fails(_: Schema) -> Rule:
        raise InvalidConfiguration("no such label")

    ledger, book = FakeLedger(), FakeBook.holding(a_version(1))
    decide(ledger, 1)
    follower = Follower({MODEL: Arrangement(Split("s", heuristic=1.0), fails)}, ledger, book, Remembered(tmp_path))

    follower.refresh()

    assert list(follower.lineup(MODEL).checked([Instance({"score": 1.0, "plan": "pro"}, "c1")])) == [Arm.CHAMPION]


def test_several_processes_of_a_host_raise_one_alarm_and_the_next_problem_another(tmp_path: Path) -> None:
    alarms: list[str] = []
    ledger, book = FakeLedger(), FakeBook.holding(a_version(1))
    decide(ledger, 2)
    processes = [
        Follower({MODEL: Arrangement(Split("s"))}, ledger, book, Remembered(tmp_path), lambda _, problem: alarms.append(problem))
        for _ in range(3)
    ]

    for process in processes:
        process.refresh()
    decide(ledger, 1)
    for process in processes:
        process.refresh()
    decide(ledger, 2)
    for process in processes:
        process.refresh()

    assert len(alarms) == 2


def test_a_ledger_that_does_not_answer_raises_no_alarm(tmp_path: Path) -> None:
    alarms: list[str] = []
    follower = Follower(
        {MODEL: Arrangement(Split("s"))}, Unanswering(), FakeBook(), Remembered(tmp_path), lambda _, problem: alarms.append(problem)
    )

    follower.refresh()

    assert (alarms, follower.problems()) == ([], {MODEL: "the database did not answer"})


def stage(ledger: FakeLedger, number: int, share: float, version: int = 2) -> None:
    body = {"promotion_id": "r1", "stage": number, "share": share, "version": version}
    ledger.append(an_event(Kind.STAGED, f"r1.{number}", body))


def test_a_version_that_is_rolled_out_answers_its_stage_s_share_and_more_at_the_next() -> None:
    follower, ledger, book = following(1, 2)
    decide(ledger, 1)
    entities = [f"c{number}" for number in range(400)]
    answered: list[set[str]] = []
    for number, share in ((1, 0.05), (2, 0.25)):
        stage(ledger, number, share)
        follower.refresh()
        lineup = follower.lineup(MODEL)
        answered.append({entity for entity in entities if lineup.split.arm(entity) is Arm.CHALLENGER})

    assert answered[0] < answered[1]
    assert lineup.counted
    assert lineup.version(Arm.CHALLENGER) == 2
    assert book.loads == [1, 2]


def test_a_roll_out_that_ends_gives_every_entity_back_at_the_next_look() -> None:
    follower, ledger, _ = following(1, 2)
    decide(ledger, 1)
    stage(ledger, 1, 0.5)
    follower.refresh()
    ledger.append(an_event(Kind.ROLLOUT_ENDED, "r1", {"promotion_id": "r1"}))

    follower.refresh()

    lineup = follower.lineup(MODEL)
    assert (lineup.challenger, lineup.counted) == (None, False)
    assert {lineup.split.arm(f"c{number}") for number in range(100)} == {Arm.CHAMPION}


def test_the_champion_before_is_not_loaded_again_for_the_way_back() -> None:
    follower, ledger, book = following(1, 2)
    decide(ledger, 1)
    stage(ledger, 1, 0.5)
    follower.refresh()
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    body = {"version": 2, "previous": 1, "action": "promote", "warm_until": until}
    ledger.append(an_event(Kind.DECIDED, "r1", body))
    follower.refresh()
    standby = follower.loaded(MODEL)
    decide(ledger, 1)

    follower.refresh()

    assert standby is not None
    assert standby.standby is not None
    assert (standby.champion.number, standby.standby.number) == (2, 1)
    assert (follower.serving(MODEL), book.loads) == (1, [1, 2])


def test_after_the_watch_the_champion_before_is_let_go() -> None:
    follower, ledger, _ = following(1, 2)
    until = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    ledger.append(an_event(Kind.DECIDED, "r1", {"version": 2, "previous": 1, "action": "promote", "warm_until": until}))

    follower.refresh()

    loaded = follower.loaded(MODEL)
    assert loaded is not None
    assert loaded.standby is None


def test_a_champion_before_that_cannot_be_loaded_leaves_the_new_one_serving() -> None:
    follower, ledger, book = following(1, 2)
    book.tampered.add(1)
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    ledger.append(an_event(Kind.DECIDED, "r1", {"version": 2, "previous": 1, "action": "promote", "warm_until": until}))

    follower.refresh()

    assert (follower.serving(MODEL), follower.problems()) == (2, {})


def test_a_restart_without_the_ledger_goes_on_with_the_share_of_the_last_stage(tmp_path: Path) -> None:
    ledger, book = FakeLedger(), FakeBook.holding(a_version(1), a_version(2))
    arrangements = {MODEL: Arrangement(Split("s"))}
    first = Follower(arrangements, ledger, book, Remembered(tmp_path))
    decide(ledger, 1)
    stage(ledger, 1, 0.25)
    first.refresh()

    again = Follower(arrangements, Unanswering(), book, Remembered(tmp_path))
    again.refresh()

    assert again.lineup(MODEL).split.challenger == 0.25
