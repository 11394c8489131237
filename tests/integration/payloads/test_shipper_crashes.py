import itertools

import pytest

from driftgate.payloads.manifests import decoded, new_keys
from driftgate.payloads.objects import FolderStore
from driftgate.payloads.outbox import Outbox
from driftgate.payloads.parts import contents
from driftgate.payloads.shipper import SINKS, Shipper
from driftgate.payloads.sql_log import SqlLog
from driftgate.payloads.tables import metadata
from driftgate.service.database import connect
from tests.builders import MODEL, NOON, a_payload, a_window
from tests.faults import Crash, Fuse

pytestmark = pytest.mark.slow


def stored(store):
    return sorted(payload.prediction_id for key in store.listed("payloads/") for payload in contents(key, store.get(key)))


def listed_by_manifests(store):
    return sorted(part.key for key in new_keys(store, {}) for part in decoded(store.get(key)).parts)


def logged(engine):
    return [payload.prediction_id for payload in SqlLog(engine).read(MODEL, a_window())]


def test_a_crash_at_any_call_loses_and_repeats_nothing(tmp_path):
    names = ("insert", "put", "frozen", "waiting", "rows", "advance", "trim", "checkpoint")
    for at, before in itertools.product(range(1, 60), (True, False)):
        folder = tmp_path / f"{at}-{before}"
        engine, store = connect(f"sqlite:///{folder / 'driftgate.db'}"), FolderStore(folder / "store")
        metadata.create_all(engine)
        outbox = Outbox(folder / "outbox.db", SINKS)
        outbox.append([a_payload(name, event_time=NOON.replace(hour=12 + "abc".index(name))) for name in "abc"])
        fuse = Fuse(at=at, before=before)
        ports = [fuse.guarding(port, names) for port in (outbox, SqlLog(engine), store)]

        try:
            Shipper(*ports, batch=2).ship()
            survived = True
        except Crash:
            survived = False
        Shipper(outbox, SqlLog(engine), store, batch=2).ship()

        assert logged(engine) == stored(store) == list("abc")
        assert listed_by_manifests(store) == sorted(store.listed("payloads/"))
        outbox.close()
        engine.dispose()
        if survived:
            break
    else:
        pytest.fail("the shipper made more calls than were cut")
