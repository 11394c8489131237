"""One run of the loader into SQL, and what it leaves there."""

from datetime import UTC, datetime
from functools import partial

from driftgate.lifecycle.payloads import Window
from driftgate.payloads.etl.discovery import Search
from driftgate.payloads.etl.found import Layout
from driftgate.payloads.etl.loading import load
from driftgate.payloads.etl.reading import read_file, read_part
from driftgate.payloads.etl.sql_target import SqlTarget
from driftgate.payloads.sql_log import SqlLog
from tests.builders import MODEL

ALWAYS = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


def etl(store, engine, layout=Layout.PARTS, model=None, *, target=None, workers=4, **options):
    target = target or SqlTarget(engine, "the store", f"{layout}{model or ''}")
    read = partial(read_part, store) if layout is Layout.PARTS else lambda found: read_file(store, found, model or MODEL)
    return load(Search(store, target, layout, model, **options).steps(), read, target, workers)


def logged(engine, model=MODEL):
    return SqlLog(engine).read(model, ALWAYS)
