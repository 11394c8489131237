"""Kept profiles in a real MLflow store: bound once, digest-checked, and read without MLflow once cached."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from driftgate.lifecycle.errors import DigestMismatch, InvalidRequest, RegistryUnavailable, VersionNotFound
from driftgate.registry.artifacts import file_sha256
from driftgate.registry.mlflow_registry import MlflowRegistry
from tests.registered import bench, rows

NOBODY = "http://127.0.0.1:9"
WITHOUT_MLFLOW = """
import sys
from pathlib import Path
from sqlalchemy import create_engine
from driftgate.registry.mlflow_registry import MlflowRegistry

registry = MlflowRegistry("http://127.0.0.1:9", create_engine(sys.argv[1]), Path(sys.argv[2]))
print(registry.profile(registry.version(sys.argv[3], 1)).read_text())
print([name for name in ("mlflow", "pandas", "pyarrow") if name in sys.modules])
"""


@pytest.fixture
def at(tmp_path):
    with bench(tmp_path) as built:
        yield built


@pytest.fixture
def version(at):
    return at.registered()


def a_file(at, content="profile") -> Path:
    path = at.folder / f"made-{content}.parquet"
    path.write_text(content)
    return path


def stored(at, version) -> Path:
    """The only profile in the artifact store."""
    (found,) = (at.stored_snapshot(version) / "profiles").iterdir()
    return found


def elsewhere(at) -> MlflowRegistry:
    """The registry as another host sees it: same store, same database, a cache of its own."""
    found = at.reopened()
    return MlflowRegistry(found._connection.tracking_uri, at.engine, at.folder / "other-cache")


def test_a_version_has_no_profile_until_one_is_kept(at, version):
    assert at.registry.profile(version) is None

    kept = at.registry.keep_profile(version, a_file(at))

    assert kept.read_text() == "profile"
    assert at.registry.profile(version) == kept
    assert elsewhere(at).profile(version).read_text() == "profile"
    assert file_sha256(stored(at, version)) == stored(at, version).stem == file_sha256(kept)


def test_the_profile_kept_first_stays(at, version):
    first = at.registry.keep_profile(version, a_file(at))

    again = at.registry.keep_profile(version, a_file(at))
    other = elsewhere(at).keep_profile(version, a_file(at, "another"))

    assert first == again
    assert other.read_text() == "profile"
    assert stored(at, version).read_text() == "profile"


def test_of_two_made_at_once_both_get_the_first(at, version, monkeypatch):
    slow, fast = at.reopened(), elsewhere(at)
    client = slow._connection.client
    upload = client.log_artifact

    def overtaken(*args):
        upload(*args)
        fast.keep_profile(version, a_file(at, "fast"))

    monkeypatch.setattr(client, "log_artifact", overtaken)

    assert slow.keep_profile(version, a_file(at, "slow")).read_text() == "fast"
    assert slow.profile(version).read_text() == "fast"


def test_many_at_once_agree(at, version):
    registries = [MlflowRegistry(at.registry._connection.tracking_uri, at.engine, at.folder / f"cache-{number}") for number in range(4)]
    files = [a_file(at, str(number)) for number in range(4)]

    with ThreadPoolExecutor(4) as pool:
        kept = list(pool.map(lambda pair: pair[0].keep_profile(version, pair[1]).read_text(), zip(registries, files, strict=True)))

    assert len(set(kept)) == 1


def test_a_changed_cached_copy_is_fetched_again(at, version):
    kept = at.registry.keep_profile(version, a_file(at))
    kept.write_text("changed")

    assert at.registry.profile(version).read_text() == "profile"


def test_a_changed_artifact_is_refused_and_the_good_cached_copy_is_not(at, version):
    kept = at.registry.keep_profile(version, a_file(at))
    stored(at, version).write_text("changed")

    assert at.registry.profile(version) == kept
    with pytest.raises(DigestMismatch, match=f"profile of {at.model} version 1"):
        elsewhere(at).profile(version)


def test_an_artifact_that_is_gone_is_refused(at, version):
    at.registry.keep_profile(version, a_file(at))
    stored(at, version).unlink()

    with pytest.raises(DigestMismatch, match="gone from the artifact store"):
        elsewhere(at).profile(version)


def test_a_profile_of_another_snapshot_is_refused(at, version):
    at.registry.keep_profile(version, a_file(at))

    with pytest.raises(DigestMismatch, match="another snapshot"):
        at.registry.profile(replace(version, snapshot=replace(version.snapshot, sha256="0" * 64)))


def test_a_cached_profile_is_read_without_mlflow(at, version):
    at.registry.keep_profile(version, a_file(at))
    address = at.engine.url.render_as_string(hide_password=False)

    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_MLFLOW, address, str(at.folder / "cache"), at.model], capture_output=True, text=True, check=True
    )

    assert ran.stdout.splitlines() == ["profile", "[]"]


def test_what_is_not_cached_needs_mlflow(at, version):
    at.registry.keep_profile(version, a_file(at))

    with pytest.raises(RegistryUnavailable):
        MlflowRegistry(NOBODY, at.engine, at.folder / "other-cache").profile(version)


def test_versions_that_share_a_run_have_a_profile_each_and_keep_their_snapshots(at, version):
    with at.registry._connection.answering() as client:
        client.create_model_version(at.model, str(at.stored_model(version)), run_id=version.run_id)
    frame = rows()
    adopted = at.registry.adopt(at.model, 2, frame.iloc[:150], frame.iloc[150:], version.schema, actor="ada", threshold=0.4)

    for each, content in ((version, "one"), (adopted, "two")):
        at.registry.keep_profile(each, a_file(at, content))

    other = elsewhere(at)
    assert [other.profile(each).read_text() for each in (version, adopted)] == ["one", "two"]
    assert [len(other.snapshot(each, "holdout")) for each in (version, adopted)] == [version.snapshot.holdout_rows, 150]
    at.registry.verify(version)
    at.registry.verify(adopted)


def test_no_file_and_no_version_are_named(at, version):
    with pytest.raises(InvalidRequest, match="is not a file"):
        at.registry.keep_profile(version, at.folder / "nowhere.parquet")
    with pytest.raises(VersionNotFound):
        at.registry.keep_profile(replace(version, number=9), a_file(at))
