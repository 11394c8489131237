"""The runner of user tests against real child processes that misbehave."""

import textwrap
import time
from pathlib import Path

import cloudpickle
import numpy as np
import pandas as pd
import psutil
import pytest

from driftgate.lifecycle.gates import behaviour_gate
from driftgate.lifecycle.measurements import Behaviour
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.lifecycle.verdicts import Verdict
from driftgate.service import usertests
from driftgate.service.usertest_process import OUTPUT_BYTES
from driftgate.service.usertests import CandidateFiles

SCHEMA = Schema(
    task=Task.BINARY,
    target="churned",
    columns=(Column("score", ColumnKind.NUMERIC, nullable=True), Column("plan", ColumnKind.CATEGORICAL, levels=("basic", "pro"))),
    classes=("no", "yes"),
)
MLMODEL = """\
flavors:
  sklearn: {pickled_model: model.pkl, serialization_format: cloudpickle}
"""


class Threshold:
    """Says "yes" with probability .9 where score is above 1."""

    classes_ = np.array(["no", "yes"])

    def predict_proba(self, frame):
        yes = np.where(frame["score"].to_numpy() > 1, 0.9, 0.1)
        return np.column_stack([1 - yes, yes])


cloudpickle.register_pickle_by_value(__import__(__name__, fromlist=["Threshold"]))


@pytest.fixture(scope="module")
def candidate(tmp_path_factory) -> CandidateFiles:
    folder = tmp_path_factory.mktemp("candidate")
    (folder / "artifact").mkdir()
    (folder / "artifact" / "MLmodel").write_text(MLMODEL)
    (folder / "artifact" / "model.pkl").write_bytes(cloudpickle.dumps(Threshold()))
    rows = pd.DataFrame({"score": [0.5, 1.5, None], "plan": ["basic", "pro", None], "churned": ["no", "yes", "no"]})
    rows.to_parquet(folder / "train.parquet")
    rows.to_parquet(folder / "holdout.parquet")
    return CandidateFiles(
        model="churn",
        version=3,
        artifact=folder / "artifact",
        flavour="sklearn",
        schema=SCHEMA,
        threshold=0.5,
        train=folder / "train.parquet",
        holdout=folder / "holdout.parquet",
        metrics={"log_loss": 0.4},
    )


@pytest.fixture
def outcome(tmp_path, candidate):
    """Runs one test file, given as text, in a project of its own."""

    def run(text: str, seconds: float = 60, conftest: str = "") -> Behaviour:
        folder = tmp_path / "gate"
        folder.mkdir(exist_ok=True)
        (folder / "test_user.py").write_text(textwrap.dedent(text))
        (folder / "conftest.py").write_text(textwrap.dedent(conftest))
        return usertests.run([Path("gate")], tmp_path, candidate, seconds)

    return run


def verdict(behaviour: Behaviour) -> Verdict:
    return behaviour_gate(behaviour).verdict


def test_passing_tests_see_the_candidate_and_its_rows(outcome):
    behaviour = outcome(
        """
        import pandas as pd

        def test_facts(candidate):
            assert (candidate.model, candidate.version, candidate.threshold) == ("churn", 3, 0.5)
            assert candidate.schema.features == ("score", "plan")
            assert candidate.metrics["log_loss"] == 0.4

        def test_predicts(candidate):
            rows = pd.DataFrame({"plan": ["pro", "new"], "score": [2, 0]})
            assert list(candidate.predict(rows)) == ["yes", "no"]
            assert candidate.predict_proba(rows)[0].tolist() == [1 - 0.9, 0.9]

        def test_rows(candidate, holdout, snapshot_train):
            assert list(candidate.predict(holdout)) == ["no", "yes", "no"]
            assert len(snapshot_train) == 3
            holdout.drop(holdout.index, inplace=True)

        def test_rows_are_fresh(holdout):
            assert len(holdout) == 3 and holdout["plan"].isna().tolist() == [False, False, True]
        """
    )

    assert (behaviour.collected, behaviour.passed, behaviour.failed) == (4, 4, 0)
    assert behaviour.failures == ()
    assert verdict(behaviour) is Verdict.PASS


def test_a_failing_test_fails_with_its_name_and_reason(outcome):
    behaviour = outcome(
        """
        def test_good(): pass

        def test_bad():
            assert 1 == 2, "one is not two"
        """
    )

    assert (behaviour.passed, behaviour.failed) == (1, 1)
    assert len(behaviour.failures) == 1
    assert "gate/test_user.py::test_bad" in behaviour.failures[0]
    assert "one is not two" in behaviour.failures[0]
    assert verdict(behaviour) is Verdict.FAIL


@pytest.mark.parametrize("phase", ["setup", "teardown"])
def test_a_failing_fixture_fails(outcome, phase):
    before, after = ("raise RuntimeError('broken')", "") if phase == "setup" else ("", "raise RuntimeError('broken')")

    behaviour = outcome(
        f"""
        import pytest

        @pytest.fixture
        def thing():
            {before or "pass"}
            yield
            {after or "pass"}

        def test_it(thing): pass
        """
    )

    assert (behaviour.passed, behaviour.failed) == (0, 1)
    assert "broken" in behaviour.failures[0]
    assert verdict(behaviour) is Verdict.FAIL


def test_a_file_that_cannot_be_imported_fails(outcome):
    behaviour = outcome("import a_module_that_is_not_there")

    assert "could not be collected" in behaviour.failures[0]
    assert verdict(behaviour) is Verdict.FAIL


def test_no_test_at_all_is_undecided(outcome):
    assert verdict(outcome("")) is Verdict.UNDECIDED


def test_only_skipped_tests_are_undecided(outcome):
    behaviour = outcome("import pytest\ndef test_later(): pytest.skip('later')")

    assert (behaviour.collected, behaviour.passed) == (1, 0)
    assert verdict(behaviour) is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("act", "said"),
    [
        ("os._exit(0)", "exit code 0"),
        ("os._exit(3)", "exit code 3"),
        ("os.kill(os.getpid(), 9)", "SIGKILL"),
        ("__import__('ctypes').string_at(0)", "SIGSEGV"),
        ("os.killpg(0, 15)", "SIGTERM"),
        ("os.closerange(3, 200); os._exit(0)", "exit code 0"),
        ("pytest.exit('enough', returncode=0)", "1 of 3 tests were done"),
    ],
)
def test_an_early_end_is_never_a_pass(outcome, act, said):
    behaviour = outcome(
        f"""
        import os, pytest

        def test_first(): pass

        def test_leaves():
            {act}

        def test_last(): pass
        """
    )

    assert said in behaviour.failures[-1]
    assert behaviour.passed == 1
    assert verdict(behaviour) is Verdict.FAIL


def test_an_exit_code_that_hides_failures_is_not_believed(outcome):
    behaviour = outcome(
        "def test_bad(): assert False",
        conftest="""
        import os

        def pytest_unconfigure(config):
            os._exit(0)
        """,
    )

    assert verdict(behaviour) is Verdict.FAIL


def test_closing_every_descriptor_is_never_a_pass(outcome):
    behaviour = outcome("import os\ndef test_closes(): os.closerange(3, 4096)")

    assert "ended early" in behaviour.failures[-1]
    assert verdict(behaviour) is Verdict.FAIL


def test_a_fork_that_runs_the_session_to_its_end_does_not_report(outcome):
    behaviour = outcome(
        """
        import os

        def test_forks():
            if os.fork():
                os._exit(0)

        def test_last(): pass
        """
    )

    assert verdict(behaviour) is Verdict.FAIL


def test_a_hang_is_stopped_at_the_limit_and_says_which_test_hung(outcome):
    started = time.monotonic()

    behaviour = outcome("import time\ndef test_first(): pass\ndef test_hangs(): time.sleep(600)", seconds=3)

    assert time.monotonic() - started < 10
    assert behaviour.timed_out
    assert behaviour.exit_code is None
    assert behaviour.passed == 1
    assert "while gate/test_user.py::test_hangs ran" in behaviour.failures[-1]
    assert verdict(behaviour) is Verdict.FAIL


def test_a_hang_that_ignores_signals_is_stopped(outcome):
    behaviour = outcome(
        """
        import signal, time

        def test_hangs():
            for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
                signal.signal(number, signal.SIG_IGN)
            while True:
                try:
                    time.sleep(600)
                except BaseException:
                    pass
        """,
        seconds=3,
    )

    assert behaviour.timed_out


STRAYS = """
    import os, subprocess, sys, time
    from pathlib import Path

    SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]

    def test_starts_strays():
        in_group = subprocess.Popen(SLEEP)
        own_session = subprocess.Popen(SLEEP, start_new_session=True)
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                print(f"stray={os.getpid()}", flush=True)
                time.sleep(600)
            os._exit(0)
        os.wait()
        print(f"stray={in_group.pid} stray={own_session.pid}", flush=True)
        time.sleep(1)
"""


@pytest.mark.parametrize("hang", [False, True])
def test_no_process_outlives_the_run(outcome, hang):
    behaviour = outcome(STRAYS + ("        time.sleep(600)\n" if hang else ""), seconds=5)

    strays = [int(part.split("=")[1]) for part in behaviour.output.replace("\n", " ").split() if part.startswith("stray=")]
    assert len(strays) == 3
    alive = [pid for pid in strays if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]
    assert alive == []
    assert behaviour.timed_out is hang


def test_too_many_processes_are_stopped(outcome):
    behaviour = outcome(
        """
        import os, time

        def test_forks():
            for _ in range(400):
                if os.fork() == 0:
                    time.sleep(600)
                    os._exit(0)
            time.sleep(600)
        """,
        seconds=30,
    )

    assert not behaviour.timed_out
    assert "too many processes" in behaviour.failures[-1]
    assert verdict(behaviour) is Verdict.FAIL


def test_only_the_end_of_the_output_is_kept(outcome):
    behaviour = outcome(
        """
        def test_talks():
            for _ in range(100):
                print("x" * 1_000_000)
            print("the end", flush=True)
        """
    )

    assert behaviour.passed == 1
    assert len(behaviour.output.encode()) <= OUTPUT_BYTES
    assert "the end" in behaviour.output


def test_memory_beyond_the_limit_is_refused_to_the_test(outcome, monkeypatch):
    monkeypatch.setattr(usertests, "MEMORY_BYTES", 2**30)

    behaviour = outcome("def test_hoards(): assert len(bytearray(3 * 2**30))")

    assert behaviour.failed == 1
    assert "MemoryError" in behaviour.failures[0]


def test_a_file_beyond_the_limit_is_refused_to_the_test(outcome, monkeypatch):
    monkeypatch.setattr(usertests, "FILE_BYTES", 2**20)

    behaviour = outcome("def test_writes(tmp_path): (tmp_path / 'big').write_bytes(bytes(2**21))")

    assert behaviour.failed == 1
    assert "File too large" in behaviour.failures[0]


def test_no_secret_of_the_environment_is_seen(outcome, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("DRIFTGATE_DATABASE", "postgresql://u:hunter2@h/d")

    behaviour = outcome(
        """
        import os

        def test_looks():
            assert "hunter2" not in str(dict(os.environ))
            assert "driftgate-tests-" in os.environ["HOME"] and os.path.expanduser("~") == os.environ["HOME"]
        """
    )

    assert behaviour.failures == ()


def test_deleting_files_spares_the_project_and_the_candidate(outcome, candidate, tmp_path):
    (tmp_path / "model_code.py").write_text("VALUE = 1\n")

    behaviour = outcome(
        """
        import os, shutil
        from pathlib import Path

        def test_deletes():
            for path in Path.cwd().parent.iterdir():
                shutil.rmtree(path, ignore_errors=True)
        """
    )

    assert (tmp_path / "model_code.py").exists()
    assert (tmp_path / "gate" / "test_user.py").exists()
    assert (candidate.artifact / "model.pkl").exists()
    assert candidate.holdout.exists()
    assert isinstance(behaviour, Behaviour)


def test_modules_of_the_project_are_importable_and_hidden_or_large_files_stay_out(outcome, tmp_path):
    (tmp_path / "features.py").write_text("SCALE = 7\n")
    (tmp_path / "pytest.py").write_text("raise RuntimeError('shadowed')\n")
    (tmp_path / ".env").write_text("PASSWORD=hunter2\n")
    (tmp_path / ".driftgate").mkdir()
    (tmp_path / ".driftgate" / "driftgate.db").write_text("state")
    (tmp_path / "big.csv").write_bytes(bytes(3 * 2**20))

    behaviour = outcome(
        """
        from pathlib import Path
        import features

        def test_project():
            assert features.SCALE == 7
            assert sorted(path.name for path in Path.cwd().iterdir()) == ["features.py", "gate", "pytest.py"]
        """
    )

    assert behaviour.failures == ()


@pytest.mark.parametrize(("place", "said"), [("nowhere/test_x.py", "does not exist"), ("../elsewhere.py", "is not below the project")])
def test_tests_that_are_not_there_fail_without_running(tmp_path, candidate, place, said):
    behaviour = usertests.run([Path(place)], tmp_path, candidate, 10)

    assert behaviour.collected is None
    assert said in behaviour.failures[0]
    assert verdict(behaviour) is Verdict.FAIL


def test_a_candidate_that_does_not_load_fails_the_test_that_asks(candidate, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "MLmodel").write_text("flavors: {}\n")
    broken = CandidateFiles(**{name: getattr(candidate, name) for name in candidate.__slots__} | {"artifact": tmp_path / "broken"})
    (tmp_path / "test_it.py").write_text("def test_predicts(candidate, holdout): candidate.predict(holdout)\n")

    behaviour = usertests.run([Path("test_it.py")], tmp_path, broken, 60)

    assert behaviour.failed == 1
    assert verdict(behaviour) is Verdict.FAIL


def test_scratch_folders_are_removed(outcome, tmp_path_factory, monkeypatch):
    place = tmp_path_factory.mktemp("scratch")
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr("tempfile.tempdir", None)

    outcome("import os\ndef test_locks(tmp_path): (tmp_path / 'd').mkdir(); os.chmod(tmp_path, 0)")

    assert list(place.iterdir()) == []
