"""What every object store does: a folder, and S3."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from driftgate.lifecycle.errors import InvalidRequest, NotFound, StoreUnavailable
from driftgate.payloads.objects import FolderStore, ObjectStore, S3Store


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture(params=["folder", "s3", "s3 below a prefix"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "folder":
        return FolderStore(tmp_path / "store")
    request.getfixturevalue("credentials")
    import boto3

    endpoint, bucket = request.getfixturevalue("s3_endpoint"), f"bucket-{abs(hash(str(tmp_path)))}"
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket=bucket)
    return S3Store(bucket, prefix="/driftgate/" if "prefix" in request.param else "", endpoint_url=endpoint)


def test_what_is_put_is_got(store):
    store.put("payloads/model=a%2Fb/part-1.parquet", b"\x00\xff")
    store.put("empty", b"")

    assert store.get("payloads/model=a%2Fb/part-1.parquet") == b"\x00\xff"
    assert store.get("empty") == b""


def test_the_same_key_again_replaces_the_bytes(store):
    store.put("a/b", b"one")
    store.put("a/b", b"two")

    assert store.get("a/b") == b"two"
    assert list(store.listed()) == ["a/b"]


def test_keys_are_those_with_the_prefix_sorted(store):
    for key in ("b/2", "a/1", "b/10", "bc"):
        store.put(key, b"x")

    assert list(store.listed()) == ["a/1", "b/10", "b/2", "bc"]
    assert list(store.listed("b/")) == ["b/10", "b/2"]
    assert list(store.listed("none")) == []


def test_keys_after_another_are_listed_in_the_same_order(store):
    keys = ["a-b", "a.b/c", "a/b", "a/b-c", "a/bb/c", "a0", "b/1", "b/2"]
    for key in reversed(keys):
        store.put(key, b"x")

    assert list(store.listed()) == keys
    for place, after in enumerate(keys):
        assert list(store.listed(after=after)) == keys[place + 1 :]
    assert list(store.listed("a", "a/b")) == ["a/b-c", "a/bb/c", "a0"]
    assert list(store.listed("a", "a/")) == ["a/b", "a/b-c", "a/bb/c", "a0"]
    assert list(store.listed("b/", "a")) == ["b/1", "b/2"]
    assert list(store.listed("a", "b")) == list(store.listed("b/", "b/~")) == []


def test_more_keys_than_a_page_are_listed_as_they_are_asked_for(store):
    keys = [f"many/{number:05d}" for number in range(1005)]
    for key in keys:
        store.put(key, b"")

    listing = store.listed("many/")

    assert next(listing) == keys[0]
    assert list(listing) == keys[1:]


def test_a_deleted_object_is_gone_and_deleting_nothing_is_allowed(store):
    store.put("a/b", b"x")

    for _ in range(2):
        store.delete("a/b")
    store.delete("a")
    store.delete("never/was")

    assert list(store.listed()) == []
    with pytest.raises(NotFound):
        store.get("a/b")


def test_entries_are_the_listed_keys_with_time_and_size(store):
    before = datetime.now(UTC) - timedelta(seconds=2)
    for key in ("b/1", "a/1", "b/2"):
        store.put(key, b"12")

    found = list(store.entries("b/"))

    assert [(entry.key, entry.size) for entry in found] == [("b/1", 2), ("b/2", 2)]
    assert all(before <= entry.modified <= datetime.now(UTC) for entry in found)
    assert [entry.key for entry in store.entries("", "a/1")] == ["b/1", "b/2"]


@pytest.mark.parametrize("key", ["absent", "a", "a/b/c"])
def test_an_absent_key_is_not_found(store, key):
    store.put("a/b", b"x")

    with pytest.raises(NotFound):
        store.get(key)


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../up", "a/../../up", "a//b", "a/.", "a\0b"])
def test_a_key_cannot_leave_the_store(store, key):
    with pytest.raises(InvalidRequest):
        store.put(key, b"x")
    with pytest.raises(InvalidRequest):
        store.get(key)


def test_an_interrupted_write_shows_nothing(tmp_path, monkeypatch):
    store = FolderStore(tmp_path)
    store.put("a/b", b"old")

    def cut(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("driftgate.payloads.objects.os.fsync", cut)
    with pytest.raises(StoreUnavailable, match="no space left"):
        store.put("a/b", b"new")

    assert store.get("a/b") == b"old"
    assert list(store.listed()) == ["a/b"]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("bucket_on_server", [True, False])
def test_a_store_that_is_down_or_has_no_such_bucket_is_unavailable(s3_endpoint, bucket_on_server):
    store = S3Store("no-such-bucket", endpoint_url=s3_endpoint if bucket_on_server else "http://127.0.0.1:9")

    for call in (lambda: store.put("a", b"x"), lambda: next(store.listed()), lambda: store.get("a")):
        with pytest.raises(StoreUnavailable, match="no-such-bucket"):
            call()
