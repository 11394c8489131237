import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.errors import DigestMismatch
from driftgate.registry.artifacts import ArtifactCache, folder_sha256, manifest, manifest_sha256, safe_name


def _filled(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_the_digest_does_not_depend_on_the_order_of_writing(tmp_path):
    one = _filled(tmp_path / "one", a="1", b="2")
    other = _filled(tmp_path / "other", b="2", a="1")

    assert folder_sha256(one) == folder_sha256(other)


@pytest.mark.parametrize("change", [{"a": "2"}, {"c": "1"}])
def test_any_changed_or_added_file_changes_the_digest(tmp_path, change):
    before = folder_sha256(_filled(tmp_path, a="1"))

    assert folder_sha256(_filled(tmp_path, **change)) != before


def test_a_renamed_file_changes_the_digest():
    assert manifest_sha256({"a": "1" * 64}) != manifest_sha256({"b": "1" * 64})


def test_what_mlflow_and_python_add_on_loading_is_not_covered(tmp_path):
    before = folder_sha256(_filled(tmp_path, a="1"))
    _filled(tmp_path, registered_model_meta="x")
    _filled(tmp_path / "code" / "__pycache__", b="x")

    assert folder_sha256(tmp_path) == before


def test_files_in_folders_are_named_by_their_path(tmp_path):
    _filled(tmp_path / "code", a="1")

    assert list(manifest(tmp_path)) == ["code/a"]


def test_a_symbolic_link_is_refused(tmp_path):
    (tmp_path / "link").symlink_to("/etc/hostname")

    with pytest.raises(ValueError, match="link is a symbolic link"):
        manifest(tmp_path)


@given(st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_a_safe_name_is_one_harmless_path_component(name):
    safe = safe_name(name)

    assert safe not in ("", ".", "..")
    assert "/" not in safe
    assert "\\" not in safe


WHERE = ("churn", 1, "model")


@pytest.fixture
def good(tmp_path):
    return folder_sha256(_filled(tmp_path / "good", a="1"))


class Store:
    def __init__(self, **files):
        self.files, self.fetched = files, 0

    def __call__(self, into):
        self.fetched += 1
        _filled(into, **self.files)


def test_a_good_entry_is_fetched_once(tmp_path, good):
    cache, store = ArtifactCache(tmp_path / "cache"), Store(a="1")

    entries = [cache.verified(WHERE, good, store) for _ in range(3)]

    assert store.fetched == 1
    assert (entries[0] / "a").read_text() == "1"


def test_a_changed_entry_is_fetched_again(tmp_path, good):
    cache, store = ArtifactCache(tmp_path / "cache"), Store(a="1")
    (cache.verified(WHERE, good, store) / "a").write_text("2")

    entry = cache.verified(WHERE, good, store)

    assert (store.fetched, (entry / "a").read_text()) == (2, "1")


def test_what_does_not_match_is_refused_and_never_becomes_an_entry(tmp_path, good):
    cache, store = ArtifactCache(tmp_path / "cache"), Store(a="tampered")

    with pytest.raises(DigestMismatch, match="the model of churn version 1"):
        cache.verified(WHERE, good, store)

    assert store.fetched == 1
    assert not cache.folder(*WHERE).exists()
    assert not list((tmp_path / "cache").rglob("a"))


def test_what_the_digest_does_not_cover_is_not_in_the_cached_copy(tmp_path, good):
    def fetch(into):
        _filled(into, a="1", registered_model_meta="x")
        _filled(into / "__pycache__", b="x")

    entry = ArtifactCache(tmp_path / "cache").verified(WHERE, good, fetch)

    assert [path.name for path in entry.rglob("*")] == ["a"]


def test_a_fetch_that_fails_leaves_the_cache_as_it_was(tmp_path, good):
    cache = ArtifactCache(tmp_path / "cache")

    def failing(into):
        _filled(into, a="half")
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        cache.verified(WHERE, good, failing)

    assert (cache.verified(WHERE, good, Store(a="1")) / "a").read_text() == "1"
