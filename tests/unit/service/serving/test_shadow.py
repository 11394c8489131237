import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from driftgate.lifecycle.errors import DriftgateError, InvalidConfiguration
from driftgate.lifecycle.ledger import Kind
from driftgate.lifecycle.payloads import Arm, Payload
from driftgate.service.serving.shadow import Shadow
from tests.builders import MODEL, a_payload, a_version, an_event
from tests.fakes import FakeLedger, FakeScorer
from tests.unit.service.apis import FakeBook
from tests.unit.service.serving.test_follower import challenge, decide


@dataclass
class Tail:
    """The log as a list; like the real one it keeps the first payload of an id."""

    entries: list[Payload] = field(default_factory=list)
    identity: str = "one"
    waiting: int = 0

    def backlog(self) -> int:
        return self.waiting

    def append(self, payloads: Sequence[Payload]) -> Sequence[Payload]:
        known = {payload.prediction_id for payload in self.entries}
        self.entries += [payload for payload in payloads if payload.prediction_id not in known]
        return payloads

    def head(self) -> int:
        return len(self.entries)

    def appended(self, after: int, limit: int) -> tuple[Sequence[Payload], int]:
        found = self.entries[after : after + limit]
        return found, after + len(found)

    def shadows(self) -> list[Payload]:
        return [payload for payload in self.entries if payload.shadow_of is not None]


@dataclass
class Scene:
    """Version 1 serves, version 2 challenges it."""

    folder: Path
    ledger: FakeLedger = field(default_factory=FakeLedger)
    log: Tail = field(default_factory=Tail)

    def __post_init__(self) -> None:
        self.book = FakeBook.holding(a_version(1), a_version(2), a_version(3))
        self.book.scorers = {2: FakeScorer(answer=[0.9, 0.1]), 3: FakeScorer(answer=[0.1, 0.9])}
        decide(self.ledger, 1)

    def shadow(self, *, always: bool = True, hidden: tuple[str, ...] = ()) -> Shadow:
        return Shadow({MODEL: always}, self.ledger, self.book, self.log, self.folder / "shadows.json", {MODEL: hidden}, room=100)


@pytest.fixture
def scene() -> Scene:
    return Scene(Path(tempfile.mkdtemp()))


def answered(*ids: str, **changes: object) -> list[Payload]:
    return [a_payload(name, features={"score": 0.5, "plan": "pro"}, version=1, **changes) for name in ids]


def test_a_challenger_scores_what_the_champion_answers_from_when_it_is_named(scene: Scene) -> None:
    scene.log.append(answered("before"))
    challenge(scene.ledger, 2)
    shadow = scene.shadow()
    shadow.once()

    scene.log.append(answered("a", "b"))
    scored = shadow.once()

    assert scored == 2
    assert [(p.shadow_of, p.arm, p.version, p.output.probabilities) for p in scene.log.shadows()] == [
        ("a", Arm.CHALLENGER, 2, (0.9, 0.1)),
        ("b", Arm.CHALLENGER, 2, (0.9, 0.1)),
    ]


def test_a_shadow_tells_the_entity_features_and_time_of_its_answer(scene: Scene) -> None:
    challenge(scene.ledger, 2)
    shadow = scene.shadow()
    shadow.once()
    scene.log.append(answered("a", entity_id="c9"))

    shadow.once()

    (found,) = scene.log.shadows()
    answer = scene.log.entries[0]
    assert (found.entity_id, found.features, found.event_time) == ("c9", answer.features, answer.event_time)
    assert found.prediction_id != "a"


def test_shadows_and_other_arms_are_not_shadowed(scene: Scene) -> None:
    challenge(scene.ledger, 2)
    shadow = scene.shadow()
    shadow.once()
    scene.log.append(
        [*answered("h", arm=Arm.HEURISTIC), *answered("c", arm=Arm.CHALLENGER), *answered("other", model="other"), *answered("a")]
    )

    scored = [shadow.once(), shadow.once()]

    assert (scored, [p.shadow_of for p in scene.log.shadows()]) == ([1, 0], ["a"])


def test_a_restart_goes_on_where_it_stood_and_repeats_nothing(scene: Scene) -> None:
    challenge(scene.ledger, 2)
    first = scene.shadow()
    first.once()
    scene.log.append(answered("a"))
    first.once()
    scene.log.append(answered("b"))

    scored = scene.shadow().once()

    assert (scored, [p.shadow_of for p in scene.log.shadows()]) == (1, ["a", "b"])


def test_a_crash_before_the_place_was_kept_logs_nothing_twice(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    challenge(scene.ledger, 2)
    shadow = scene.shadow()
    shadow.once()
    scene.log.append(answered("a"))
    with monkeypatch.context() as patched:
        patched.setattr(Shadow, "_move", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            shadow.once()

    scene.shadow().once()

    assert [p.shadow_of for p in scene.log.shadows()] == ["a"]


def test_without_a_challenger_or_without_the_wish_nothing_is_shadowed(scene: Scene) -> None:
    scene.log.append(answered("a"))
    nobody = scene.shadow().once()
    challenge(scene.ledger, 2)

    unwished = scene.shadow(always=False).once()

    assert (nobody, unwished, scene.log.shadows()) == (0, 0, [])


def test_a_challenger_for_shadow_only_needs_no_wish(scene: Scene) -> None:
    challenge(scene.ledger, 2, shadow_only=True)
    shadow = scene.shadow(always=False)
    shadow.once()
    scene.log.append(answered("a"))

    assert shadow.once() == 1


def test_another_challenger_begins_where_it_is_named(scene: Scene) -> None:
    challenge(scene.ledger, 2)
    shadow = scene.shadow()
    shadow.once()
    scene.log.append(answered("a"))
    challenge(scene.ledger, 3)
    shadow.once()
    scene.log.append(answered("b"))

    shadow.once()

    assert [(p.shadow_of, p.version) for p in scene.log.shadows()] == [("b", 3)]


def test_rows_the_challenger_cannot_take_are_left_out(scene: Scene) -> None:
    challenge(scene.ledger, 2)
    shadow = scene.shadow()
    shadow.once()
    scene.log.append([*answered("a"), a_payload("b", features={"score": 0.5}, version=1)])

    assert (shadow.once(), [p.shadow_of for p in scene.log.shadows()]) == (1, ["a"])


def test_a_place_that_cannot_be_read_says_what_to_do(scene: Scene) -> None:
    (scene.folder / "shadows.json").write_text("{", encoding="utf-8")
    challenge(scene.ledger, 2)
    shadow = scene.shadow()

    with pytest.raises(DriftgateError, match="delete it"):
        shadow.once()


def test_the_ledger_ends_a_challenge_with_the_next_decision(scene: Scene) -> None:
    challenge(scene.ledger, 2)
    scene.ledger.append(an_event(Kind.DECIDED, "later", {"version": 3, "previous": 1, "action": "promote"}))
    scene.log.append(answered("a"))

    assert scene.shadow().once() == 0


def test_a_challenger_that_reads_what_is_hidden_from_the_log_scores_nothing(scene: Scene) -> None:
    challenge(scene.ledger, 2)

    with pytest.raises(InvalidConfiguration, match="reads plan"):
        scene.shadow(hidden=("plan",)).once()

    assert scene.log.shadows() == []


@dataclass
class Busy(Tail):
    """A log to which somebody appends whenever it is read."""

    reads: int = 0

    def appended(self, after: int, limit: int) -> tuple[Sequence[Payload], int]:
        self.reads += 1
        assert self.reads < 10, "reads for ever"
        self.append(answered(f"new {self.reads}"))
        return super().appended(after, limit)


def test_steady_traffic_does_not_keep_one_pass_from_ending(scene: Scene) -> None:
    scene.log = Busy()
    challenge(scene.ledger, 2)
    shadow = scene.shadow()
    shadow.once()
    scene.log.append(answered("a"))

    scored = [shadow.once(), shadow.once()]

    assert scored[0] >= 1
    assert scored[1] >= 1


class Fragile(FakeScorer):
    """Cannot score a call with a row of the plan `broken`."""

    def score_rows(self, rows: Sequence[Mapping[str, Any]]) -> Any:
        if any(row["plan"] == "broken" for row in rows):
            raise ZeroDivisionError
        return super().score_rows(rows)


def test_a_row_on_which_the_challenger_fails_costs_its_own_shadow_only(scene: Scene) -> None:
    scene.book.scorers[2] = Fragile(answer=[0.9, 0.1])
    challenge(scene.ledger, 2)
    shadow = scene.shadow()
    shadow.once()
    scene.log.append([*answered("a", "b"), a_payload("bad", features={"score": 0.5, "plan": "broken"}, version=1), *answered("c")])

    scored = shadow.once()

    assert (scored, [p.shadow_of for p in scene.log.shadows()]) == (3, ["a", "b", "c"])


def test_a_challenger_that_cannot_be_loaded_holds_back_no_other_model(scene: Scene) -> None:
    class Unloadable(FakeScorer):
        def score_rows(self, rows: Sequence[Mapping[str, Any]]) -> Any:
            raise ZeroDivisionError(len(rows))

    scene.book.bound["first", 2] = a_version(2, "first")
    scene.book.scorers[2] = Unloadable()
    challenge(scene.ledger, 3)
    for kind, body in (
        (Kind.DECIDED, {"version": 1, "previous": None, "action": "promote"}),
        (Kind.CHALLENGED, {"version": 2, "shadow_only": False, "gates": [], "reason": ""}),
    ):
        scene.ledger.append(an_event(kind, f"first-{kind}", body, model="first"))
    shadow = Shadow({"first": True, MODEL: True}, scene.ledger, scene.book, scene.log, scene.folder / "shadows.json")
    with pytest.raises(ZeroDivisionError):
        shadow.once()
    scene.log.append(answered("a"))

    with pytest.raises(ZeroDivisionError):
        shadow.once()

    assert [p.shadow_of for p in scene.log.shadows()] == ["a"]


def test_while_much_waits_to_be_shipped_the_outbox_belongs_to_answers(scene: Scene) -> None:
    challenge(scene.ledger, 2)
    shadow = scene.shadow()
    shadow.once()
    scene.log.append(answered("a"))

    scene.log.waiting = 101
    paused = shadow.once()
    scene.log.waiting = 100

    assert (paused, shadow.once()) == (0, 1)


def test_positions_of_another_outbox_mean_nothing(scene: Scene) -> None:
    challenge(scene.ledger, 2)
    scene.log.append(answered("a", "b", "c"))
    scene.shadow().once()
    scene.log = Tail(identity="another")
    shadow = scene.shadow()
    shadow.once()
    scene.log.append(answered("d"))

    assert (shadow.once(), [p.shadow_of for p in scene.log.shadows()]) == (1, ["d"])
