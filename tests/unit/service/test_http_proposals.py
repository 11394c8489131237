"""What the service's file proposes to whoever only looks: read once for each edit, and never in the way of the policy in force."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from driftgate.lifecycle.errors import InvalidConfiguration
from driftgate.service.http.proposals import RETRY_SECONDS, Proposals
from driftgate.service.settings import FILE_NAME, Settings, load

FILE = "[models.churn]\ntarget = 'churned'\nsource = {path = 'churn.csv'}\n[models.churn.gates]\nmargin = 0.05\n"


@dataclass
class Reader:
    """Reads the file, counts how often, and fails where it is told to."""

    fails: bool = False
    times: list[Path] = field(default_factory=list)

    def __call__(self, project: Path) -> Settings:
        self.times.append(project)
        if self.fails:
            raise InvalidConfiguration("the store of secrets does not answer")
        return load(project)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / FILE_NAME
    path.write_text(FILE)
    return path


def test_a_file_is_read_once_for_each_edit(file: Path) -> None:
    reader = Reader()
    proposals = Proposals(file.parent, reader)

    before = [proposals.of("churn").policy for _ in range(5)]
    file.write_text(FILE.replace("0.05", "0.125"))
    after = [proposals.of("churn").policy for _ in range(5)]

    assert {each.margin for each in (*before, *after) if each} == {0.05, 0.125}
    assert len(reader.times) == 2


def test_a_broken_file_proposes_nothing_says_why_and_is_tried_again_later(file: Path) -> None:
    reader, now = Reader(fails=True), [0.0]
    proposals = Proposals(file.parent, reader, lambda: now[0])

    broken = [proposals.of("churn") for _ in range(5)]
    reader.fails = False
    still = proposals.of("churn")
    now[0] = RETRY_SECONDS
    well = proposals.of("churn")

    assert {each.policy for each in (*broken, still)} == {None}
    assert "the store of secrets does not answer" in (still.problem or "")
    assert (well.problem, len(reader.times)) == (None, 2)


def test_an_absent_file_and_a_model_that_left_it_propose_nothing(file: Path) -> None:
    proposals = Proposals(file.parent)

    gone = proposals.of("other")
    file.unlink()
    absent = proposals.of("churn")

    assert (gone.policy, absent.policy) == (None, None)
    assert "other" in (gone.problem or "")
    assert FILE_NAME in (absent.problem or "")
