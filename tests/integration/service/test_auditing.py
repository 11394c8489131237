"""A ledger that is anchored outside its database, attacked by somebody who owns the database."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, text, update

from driftgate.lifecycle.anchors import Anchor, Keys
from driftgate.lifecycle.canonical import canonical
from driftgate.lifecycle.errors import StoreUnavailable
from driftgate.lifecycle.ledger import GENESIS, Event, Kind, NewEvent, chained
from driftgate.payloads.objects import FolderStore
from driftgate.registry.ledger import SqlLedger
from driftgate.registry.tables import ledger as table
from driftgate.service.anchor_places import TAG, FileAnchors, Place, Read, StoreAnchors, TagAnchors
from driftgate.service.anchoring import Anchoring, anchor_within
from driftgate.service.database import upgrade
from tests.builders import a_version
from tests.databases import KINDS, scratch_engine
from tests.fakes import FakeRegistry

KEYS = Keys(b"a key of the test")
ROWS = 6


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with scratch_engine(request.param, tmp_path) as engine:
        upgrade(engine)
        yield engine


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry.holding(a_version(1), a_version(2))


class Down(Place):
    """Answers when it is told to, and then remembers in the one given."""

    name = "the place that was down"

    def __init__(self, behind: Place) -> None:
        self.answers = False
        self._behind = behind

    def put(self, anchor: Anchor) -> bool:
        self._ask()
        return self._behind.put(anchor)

    def read(self) -> Read:
        self._ask()
        return self._behind.read()

    def _ask(self) -> None:
        if not self.answers:
            raise StoreUnavailable("nobody answers there")


def anchoring(engine: Engine, folder: Path, registry: FakeRegistry, *more: Place) -> Anchoring:
    ledger = SqlLedger(engine)
    places = (
        FileAnchors(folder / "anchors.jsonl"),
        StoreAnchors(lambda: FolderStore(folder / "objects")),
        TagAnchors(registry, ("churn", "never registered"), ledger.champion),
        *more,
    )
    return Anchoring(ledger, engine, places, lambda: KEYS)


def append(engine: Engine, anchors: Anchoring, rows: int = ROWS) -> None:
    """Rows of decisions, each anchored."""
    ledger = SqlLedger(engine)
    for number in range(1, rows + 1):
        ledger.append(NewEvent("churn", f"p{number}", Kind.DECIDED, "ada", {"version": 1 + number % 2}))
        anchors.catch_up()


def disarmed(engine: Engine) -> None:
    """Whoever owns the database can drop its triggers."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE ledger DISABLE TRIGGER ALL"))
            return
        for verb in ("update", "delete"):
            connection.execute(text(f"DROP TRIGGER IF EXISTS ledger_refuses_{verb}"))


def recompute(engine: Engine, changed: int) -> None:
    """Forges a row, and gives every row from it on the hash that a true one would have."""
    events = list(SqlLedger(engine).events())
    previous = events[changed - 2].hash if changed > 1 else GENESIS
    with engine.begin() as connection:
        for event in events[changed - 1 :]:
            body = {"version": 99} if event.sequence == changed else dict(event.body)
            forged = chained(NewEvent(event.model, event.subject, event.kind, event.actor, body), event.sequence, event.at, previous)
            values = {"body": canonical(body), "previous": previous, "hash": forged.hash}
            connection.execute(update(table).where(table.c.sequence == event.sequence).values(values))
            previous = forged.hash


def test_a_ledger_that_nobody_touched_agrees_with_every_place(engine, tmp_path, registry):
    anchors = anchoring(engine, tmp_path, registry)
    append(engine, anchors)

    document = anchors.audit()

    assert document["problems"] == []
    assert [(each["anchors"], each["last"], each["behind"]) for each in document["anchors"]] == [(6, 6, 0), (6, 6, 0), (3, 6, 0)]
    assert document["head"] == SqlLedger(engine).head().hash


@pytest.mark.parametrize(
    ("attack", "told"),
    [
        (lambda engine: run(engine, update(table).where(table.c.sequence == 3).values(actor="eve")), "row 3"),
        (lambda engine: run(engine, delete(table).where(table.c.sequence == 3)), "row 3 is missing"),
        (lambda engine: swap(engine, 2, 4), "row 2"),
        (lambda engine: run(engine, delete(table).where(table.c.sequence > 4)), "rows 5 to 6 were cut off"),
        (lambda engine: run(engine, delete(table)), "rows 1 to 6 were cut off"),
        (lambda engine: recompute(engine, 2), "row 2 was replaced and the chain computed anew"),
    ],
    ids=["changed", "removed", "moved", "cut", "emptied", "recomputed"],
)
def test_whatever_is_done_to_the_table_is_found_and_the_row_is_named(engine, tmp_path, registry, attack, told):
    anchors = anchoring(engine, tmp_path, registry)
    append(engine, anchors)
    disarmed(engine)

    attack(engine)
    problems = anchors.audit()["problems"]

    assert told in problems[0]


def run(engine: Engine, statement: Any) -> None:
    with engine.begin() as connection:
        connection.execute(statement)


def swap(engine: Engine, first: int, second: int) -> None:
    for old, new in ((first, 100), (second, first), (100, second)):
        run(engine, update(table).where(table.c.sequence == old).values(sequence=new))


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Engine]:
    with scratch_engine("sqlite", tmp_path) as engine:
        upgrade(engine)
        yield engine


@pytest.mark.parametrize("place", ["anchors.jsonl", "the object store", "MLflow's tags"])
def test_one_place_alone_is_enough_to_find_a_recomputed_chain(sqlite, tmp_path, registry, place):
    anchors = anchoring(sqlite, tmp_path, registry)
    append(sqlite, anchors)
    disarmed(sqlite)

    recompute(sqlite, 1)
    problems = anchors.audit()["problems"]

    assert [problem for problem in problems if "computed anew" in problem and place in problem]


@pytest.mark.parametrize(
    "removal",
    [
        lambda folder, _: (folder / "anchors.jsonl").write_text(""),
        lambda folder, _: [path.unlink() for path in (folder / "objects/ledger").iterdir()],
        lambda _, registry: registry.tags.clear(),
    ],
    ids=["file", "objects", "tags"],
)
def test_anchors_that_were_removed_are_missed(sqlite, tmp_path, registry, removal):
    anchors = anchoring(sqlite, tmp_path, registry)
    append(sqlite, anchors)

    removal(tmp_path, registry)

    assert [problem for problem in anchors.audit()["problems"] if "anchors were removed" in problem]


@pytest.mark.parametrize(
    "forgery",
    [
        lambda folder, _: (folder / "anchors.jsonl").write_text(
            (folder / "anchors.jsonl").read_text().replace('"sequence":2', '"sequence":3')
        ),
        lambda folder, _: next((folder / "objects/ledger").iterdir()).write_text("not JSON"),
        lambda _, registry: registry.tags["churn", None].update({TAG: "{}"}),
    ],
    ids=["file", "objects", "tags"],
)
def test_an_anchor_that_was_changed_is_told(sqlite, tmp_path, registry, forgery):
    anchors = anchoring(sqlite, tmp_path, registry)
    append(sqlite, anchors)

    forgery(tmp_path, registry)

    assert [problem for problem in anchors.audit()["problems"] if "changed" in problem]


def test_a_place_that_is_down_stops_nobody_is_told_and_catches_up(sqlite, tmp_path, registry):
    down = Down(FileAnchors(tmp_path / "later.jsonl"))
    anchors = anchoring(sqlite, tmp_path, registry, down)

    append(sqlite, anchors)
    while_down, audit = anchors.standing(), anchors.audit()
    down.answers = True
    anchors.catch_up()

    assert [each["behind"] for each in while_down["anchors"]] == [0, 0, 0, ROWS]
    assert while_down["anchors"][3]["problem"] == "nobody answers there"
    assert [problem for problem in audit["problems"] if "could not be read: nobody answers there" in problem]
    assert anchors.standing()["anchors"][3] == {"place": down.name, "row": ROWS, "behind": 0, "problem": None}
    assert anchors.audit()["problems"] == []


def test_a_place_whose_library_fails_is_told_and_the_others_are_audited(sqlite, tmp_path, registry):
    class Broken(FileAnchors):
        def read(self) -> Read:
            raise RuntimeError("a bad answer")

    anchors = anchoring(sqlite, tmp_path, registry, Broken(tmp_path / "later.jsonl"))
    append(sqlite, anchors, 2)

    document = anchors.audit()

    assert [each["anchors"] for each in document["anchors"]] == [2, 2, 3, 0]
    assert [problem for problem in document["problems"] if problem.endswith("could not be read: RuntimeError: a bad answer")]
    assert len(document["problems"]) == 1


def test_an_audit_says_how_far_anchors_are_behind(sqlite, tmp_path, registry):
    anchors = anchoring(sqlite, tmp_path, registry)
    append(sqlite, anchors, 3)

    for number in range(2):
        SqlLedger(sqlite).append(NewEvent("churn", f"later{number}", Kind.REQUESTED, "ada", {}))
    document = anchors.audit()

    assert document["problems"] == []
    assert {each["behind"] for each in document["anchors"]} == {2}


def test_a_row_that_is_appended_and_anchored_during_an_audit_is_not_cut_off(sqlite, tmp_path, registry):
    class Busy(FileAnchors):
        def read(self) -> Read:
            SqlLedger(sqlite).append(NewEvent("churn", "meanwhile", Kind.REQUESTED, "ada", {}))
            working.catch_up()
            return super().read()

    working = anchoring(sqlite, tmp_path, registry, FileAnchors(tmp_path / "later.jsonl"))
    append(sqlite, working, 2)

    document = anchoring(sqlite, tmp_path, registry, Busy(tmp_path / "later.jsonl")).audit()

    assert (document["problems"], document["events"], document["anchors"][3]["last"]) == ([], 3, 3)


def test_a_slower_worker_takes_back_nothing_that_a_faster_one_anchored(engine, registry):
    class Slow(TagAnchors):
        def put(self, anchor: Anchor) -> bool:
            append(engine, faster, 3)
            return super().put(anchor)

    ledger = SqlLedger(engine)
    faster = Anchoring(ledger, engine, (TagAnchors(registry, ("churn",), ledger.champion),), lambda: KEYS)
    slower = Anchoring(ledger, engine, (Slow(registry, ("churn",), ledger.champion),), lambda: KEYS)
    ledger.append(NewEvent("churn", "first", Kind.REQUESTED, "ada", {}))

    slower.catch_up()

    assert faster.standing()["anchors"] == [{"place": "MLflow's tags", "row": 4, "behind": 0, "problem": None}]
    assert json.loads(registry.tags["churn", None][TAG])["sequence"] == 4
    assert faster.audit()["problems"] == []


def test_a_row_that_another_worker_anchors_during_a_round_does_not_look_cut_off(sqlite, tmp_path, registry):
    class Overtaken(SqlLedger):
        def head(self) -> Event | None:
            found = super().head()
            append(sqlite, working, 1)
            return found

    working = anchoring(sqlite, tmp_path, registry)
    SqlLedger(sqlite).append(NewEvent("churn", "first", Kind.REQUESTED, "ada", {}))
    working.catch_up()

    Anchoring(Overtaken(sqlite), sqlite, (FileAnchors(tmp_path / "anchors.jsonl"),), lambda: KEYS).catch_up()

    assert {each["problem"] for each in working.standing()["anchors"]} == {None}
    assert {each["row"] for each in working.standing()["anchors"]} == {2}


def test_a_ledger_that_was_cut_is_not_signed_anew(sqlite, tmp_path, registry):
    anchors = anchoring(sqlite, tmp_path, registry)
    append(sqlite, anchors)
    disarmed(sqlite)

    run(sqlite, delete(table).where(table.c.sequence > 4))
    anchors.catch_up()

    assert len((tmp_path / "anchors.jsonl").read_text().splitlines()) == ROWS
    assert "the ledger ends at row 4" in anchors.standing()["anchors"][0]["problem"]


def test_a_file_keeps_its_name_when_the_host_gets_another(sqlite, tmp_path, registry, monkeypatch):
    append(sqlite, anchoring(sqlite, tmp_path, registry), 2)
    (tmp_path / "anchors.jsonl").write_text("")

    monkeypatch.setattr("socket.gethostname", lambda: "a-new-container")
    anchors = anchoring(sqlite, tmp_path, registry)

    assert len(anchors.standing()["anchors"]) == 3
    assert [problem for problem in anchors.audit()["problems"] if "anchors were removed" in problem]


def test_files_of_two_folders_are_two_places(tmp_path):
    first, second = (FileAnchors(tmp_path / folder / "anchors.jsonl") for folder in ("one", "two"))

    assert first.name == FileAnchors(tmp_path / "one" / "anchors.jsonl").name
    assert first.name != second.name


def test_a_folder_whose_id_was_damaged_takes_no_anchor_and_is_told(sqlite, tmp_path, registry):
    (tmp_path / "place.id").write_text("")
    anchors = anchoring(sqlite, tmp_path, registry)

    append(sqlite, anchors, 1)
    document = anchors.standing()

    assert "place.id holds no id" in document["anchors"][0]["problem"]
    assert [each["row"] for each in document["anchors"]] == [0, 1, 1]
    assert [problem for problem in anchors.audit()["problems"] if "place.id holds no id" in problem]


def test_a_head_is_anchored_once(sqlite, tmp_path, registry):
    anchors = anchoring(sqlite, tmp_path, registry)
    append(sqlite, anchors, 1)

    anchors.catch_up()
    anchors.catch_up()

    assert len((tmp_path / "anchors.jsonl").read_text().splitlines()) == 1


def test_a_line_that_a_power_cut_left_unfinished_is_dropped(sqlite, tmp_path, registry):
    anchors = anchoring(sqlite, tmp_path, registry)
    append(sqlite, anchors, 1)
    with (tmp_path / "anchors.jsonl").open("a") as file:
        file.write('{"sequence":')
    before = anchors.audit()["problems"]

    SqlLedger(sqlite).append(NewEvent("churn", "later", Kind.REQUESTED, "ada", {}))
    anchors.catch_up()

    assert before == anchors.audit()["problems"] == []
    assert len((tmp_path / "anchors.jsonl").read_text().splitlines()) == 2


def test_anchoring_without_a_database_raises_nothing(tmp_path, registry):
    with scratch_engine("sqlite", tmp_path) as engine:
        anchoring(engine, tmp_path, registry).catch_up()


def test_a_command_does_not_wait_for_a_place_that_hangs(sqlite, tmp_path, registry):
    class Hanging(FileAnchors):
        release = threading.Event()

        def put(self, anchor: Anchor) -> bool:
            self.release.wait(30)
            return super().put(anchor)

    hanging = Hanging(tmp_path / "slow.jsonl")
    anchors = anchoring(sqlite, tmp_path, registry, hanging)
    SqlLedger(sqlite).append(NewEvent("churn", "p1", Kind.REQUESTED, "ada", {}))

    began = time.monotonic()
    anchor_within(anchors, 0.2)
    waited = time.monotonic() - began
    until((tmp_path / "anchors.jsonl").exists)
    hanging.release.set()

    assert waited < 5
    until((tmp_path / "slow.jsonl").exists)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_a_problem_and_no_error(sqlite, tmp_path, registry):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    anchors = anchoring(sqlite, tmp_path, registry, FileAnchors(locked / "a.jsonl"))

    append(sqlite, anchors, 1)

    assert "cannot be written" in anchors.standing()["anchors"][3]["problem"]
