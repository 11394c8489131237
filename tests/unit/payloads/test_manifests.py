import json
from datetime import timedelta

import pytest

from driftgate.payloads.manifests import Manifest, Part, decoded, new_keys, outboxes
from driftgate.payloads.objects import FolderStore
from tests.builders import NOON


def a_manifest(to=5, outbox="o1", keys=("payloads/x.parquet",)):
    return Manifest(outbox, to - 5, to, NOON, NOON + timedelta(microseconds=1), tuple(Part(key, 5) for key in keys))


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path)


def put(store, *manifests):
    for manifest in manifests:
        store.put(manifest.key, manifest.encoded())
    return [manifest.key for manifest in manifests]


def test_a_manifest_comes_back_as_it_was():
    manifest = a_manifest(keys=("a", "b"))

    assert decoded(manifest.encoded()) == manifest
    assert json.loads(manifest.encoded())["rows"] == manifest.rows == 10


def test_the_same_parts_are_the_same_object_and_others_another():
    assert (a_manifest().key, a_manifest().encoded()) == (a_manifest().key, a_manifest().encoded())
    assert a_manifest().key != a_manifest(keys=("other",)).key


def test_manifests_of_an_outbox_are_listed_in_order_of_position(store):
    keys = put(store, *(a_manifest(to) for to in (5, 10, 100, 1_000_000_000)))

    assert list(new_keys(store, {})) == keys


def test_only_manifests_after_the_last_seen_of_each_outbox_are_new(store):
    first, second = put(store, a_manifest(5), a_manifest(10))
    (other,) = put(store, a_manifest(5, "o2"))

    assert list(outboxes(store)) == ["o1", "o2"]
    assert list(new_keys(store, {"o1": first})) == [second, other]
    assert list(new_keys(store, {"o1": second, "o2": other})) == []


def test_a_store_without_manifests_has_no_outboxes(store):
    store.put("payloads/x.parquet", b"")

    assert list(outboxes(store)) == []
