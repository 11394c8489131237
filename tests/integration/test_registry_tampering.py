"""Whatever differs from its digest is refused, and what is cached serves without MLflow."""

import shutil
import time

import pytest

from driftgate.lifecycle.errors import DigestMismatch, InvalidRequest, RegistryUnavailable
from tests.builders import a_report
from tests.registered import bench, evaluated, rows

NOBODY = "http://ada:secret@127.0.0.1:9"


@pytest.fixture
def at(tmp_path):
    with bench(tmp_path) as built:
        yield built


def test_a_changed_pickle_is_never_loaded(at):
    version = at.registered()
    trap = at.folder / "ran"
    (at.stored_model(version) / "model.pkl").write_bytes(b"cposix\nsystem\n(S'touch " + str(trap).encode() + b"'\ntR.")

    with pytest.raises(DigestMismatch, match="model of"):
        at.registry.verify(version)
    with pytest.raises(DigestMismatch):
        at.registry.scorer(version)

    assert not trap.exists()


@pytest.mark.parametrize("change", ["added", "removed"])
def test_a_file_added_to_or_removed_from_the_model_is_refused(at, change):
    version = at.registered()
    stored = at.stored_model(version)
    if change == "added":
        (stored / "extra.py").write_text("")
    else:
        (stored / "conda.yaml").unlink()

    with pytest.raises(DigestMismatch):
        at.registry.verify(version)


@pytest.mark.parametrize("part", ["train", "holdout"])
def test_a_changed_snapshot_is_refused(at, part):
    version = at.registered()
    rows().head(10).to_parquet(at.stored_snapshot(version) / f"{part}.parquet")

    with pytest.raises(DigestMismatch, match="snapshot of"):
        at.registry.verify(version)
    with pytest.raises(DigestMismatch):
        at.registry.snapshot(version, part)


def test_an_artifact_that_is_gone_is_refused(at):
    version = at.registered()
    shutil.rmtree(at.stored_model(version))

    with pytest.raises(DigestMismatch):
        at.registry.verify(version)


def test_a_changed_cache_entry_is_fetched_again_once(at):
    version = at.registered()
    cached = at.registry.model_folder(version) / "model.pkl"
    original = cached.read_bytes()
    cached.write_bytes(b"changed")

    assert (at.reopened().model_folder(version) / "model.pkl").read_bytes() == original


def test_a_changed_cache_entry_that_cannot_be_fetched_again_is_not_used(at):
    version = at.registered()
    (at.registry.model_folder(version) / "model.pkl").write_bytes(b"changed")

    with pytest.raises(RegistryUnavailable):
        at.reopened(NOBODY).scorer(version)


def test_a_cached_version_scores_while_mlflow_is_unreachable(at):
    version = at.registered()
    at.registry.verify(version)
    away = at.reopened(NOBODY)

    known = away.version(at.model, 1)

    assert away.scorer(known).score(rows()[["score", "plan"]]).shape[1] == 2
    assert len(away.snapshot(known, "holdout")) == known.snapshot.holdout_rows


def test_an_unreachable_server_is_named_quickly_and_without_its_password(at):
    version = at.registered()
    away = at.reopened(NOBODY)
    calls = (
        lambda: away.versions(at.model),
        lambda: away.verify(version),
        lambda: away.champion_alias(at.model),
        lambda: away.point_champion(at.model, 1),
        lambda: away.record_metrics(version, {"x": 1.0}),
        lambda: away.register(at.request("k2"), at.staged(), evaluated()),
        lambda: away.scorer(version),
    )

    started = time.monotonic()
    for call in calls:
        with pytest.raises(RegistryUnavailable) as caught:
            call()
        assert "http://127.0.0.1:9" in caught.value.message
        assert "secret" not in caught.value.message

    assert time.monotonic() - started < 20


def test_a_store_that_cannot_be_opened_is_unavailable(at):
    with pytest.raises(RegistryUnavailable):
        at.reopened("sqlite:////proc/nowhere/mlflow.db").champion_alias(at.model)


def test_a_report_is_kept_with_its_files_and_read_back(at):
    at.registered()
    made = at.folder / "report"
    made.mkdir()
    (made / "report.json").write_text("{}")
    report = a_report("r1", model=at.model, files={"json": "report.json"})

    kept = at.registry.keep(report, str(made))
    again = at.registry.keep(report, str(made))

    assert again == kept == at.registry.report("r1")
    assert kept.files == {"json": "reports/r1/report.json"}
    assert list(at.reopened().listed(at.model)) == [kept]
    assert at.reopened().report_file(kept, "json").read_text() == "{}"


def test_a_page_is_kept_in_the_run_of_its_version(at):
    at.registered()
    made = at.folder / "report"
    made.mkdir()
    (made / "report.json").write_text("{}")
    (made / "page.html").write_text("<p>drift</p>")
    report = a_report("r2", model=at.model, files={"json": "report.json", "html": "page.html"})

    kept = at.registry.keep(report, str(made))

    with pytest.raises(RegistryUnavailable):
        at.reopened(NOBODY).report_file(kept, "html")
    assert at.reopened().report_file(kept, "html").read_text() == "<p>drift</p>"


def test_a_report_of_one_json_document_needs_no_mlflow(at):
    at.registered()
    made = at.folder / "report"
    made.mkdir()
    (made / "drift.json").write_text('{"measurement": "\N{SNOWMAN}"}', encoding="utf-8")
    report = a_report("r3", model=at.model, files={"json": "drift.json"})
    away = at.reopened(NOBODY)

    kept = away.keep(report, str(made))

    assert away.report_file(kept, "json").read_text(encoding="utf-8") == '{"measurement": "\N{SNOWMAN}"}'
    assert list(away.listed(at.model)) == [kept]


def test_a_snapshot_has_only_its_two_parts(at):
    version = at.registered()

    with pytest.raises(InvalidRequest):
        at.registry.snapshot(version, "../model")
