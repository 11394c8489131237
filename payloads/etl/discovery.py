"""Which objects of a source hold payloads that the target may lack."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from urllib.parse import quote

from driftgate.payloads import manifests
from driftgate.payloads.etl.found import Found, Layout, Mark, Problem, Step, Target
from driftgate.payloads.objects import ObjectStore

PAGE = 500
LISTING, PENDING, MODIFIED = "listing", "pending", "modified"
OUTBOX = "outbox "
"""Marks: how far an unfinished listing came, the marks that hold once it is finished, the time up to which all files are
loaded, and (with an outbox's id) the last manifest whose parts are."""

OVERLAP = timedelta(seconds=60)
"""Files of the last minute before a run are read again by the next: clocks differ, and a file's time is when its upload began."""


@dataclass(frozen=True)
class Search:
    """Where to look, and for what. `by_time`: the target knows no single objects, so files are told apart by when they were stored."""

    store: ObjectStore
    target: Target
    layout: Layout = Layout.PARTS
    model: str | None = None
    full: bool = False
    listing: bool = False
    by_time: bool = False
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def prefix(self) -> str:
        """Where the layout's objects lie."""
        if self.layout is Layout.JSON:
            return ""
        return "payloads/" if self.model is None else f"payloads/model={quote(self.model, safe='')}/"

    def steps(self) -> Iterator[Step]:
        """Objects that could not be read before, then those that are new, and the marks that hold after each.

        Parts are found by the manifests after the last ones read: that costs what is new. Where no manifest was read yet, and
        for JSON files, a listing finds them, page by page, without those that the target knows; a listing that was cut short
        goes on where it stopped. With `full`, everything that is there is found again.
        """
        marks: Mapping[str, str] = {} if self.full else self.target.marks()
        if not self.full:
            yield from (Found(key) for key in self.target.failed() if self._ours(key))
        seen = {name.removeprefix(OUTBOX): value for name, value in marks.items() if name.startswith(OUTBOX)}
        if self.layout is Layout.PARTS and seen and not self.listing and LISTING not in marks:
            yield from self._by_manifests(seen)
        else:
            yield from self._by_listing(marks)

    def _ours(self, key: str) -> bool:
        return key.startswith(self.prefix) and key.endswith(self.layout.ending)

    def _by_listing(self, marks: Mapping[str, str]) -> Iterator[Step]:
        pending = json.loads(marks[PENDING]) if PENDING in marks else self._pending()
        yield Mark(PENDING, json.dumps(pending))
        since = datetime.fromisoformat(marks[MODIFIED]) - OVERLAP if self.by_time and MODIFIED in marks else None
        entries = self.store.entries(self.prefix, marks.get(LISTING))
        while page := list(islice(entries, PAGE)):
            found = {
                entry.key: entry.modified
                for entry in page
                if entry.key.endswith(self.layout.ending) and (since is None or entry.modified >= since)
            }
            for key in found if self.full else self.target.unknown(list(found)):
                yield Found(key, found[key])
            yield Mark(LISTING, page[-1].key)
        yield from (Mark(name, value) for name, value in sorted({**pending, LISTING: "", PENDING: ""}.items()))

    def _pending(self) -> Mapping[str, str]:
        """What will hold when a listing that begins now is finished: parts and files that come meanwhile may lie before its place."""
        if self.layout is Layout.JSON:
            return {MODIFIED: self.now().isoformat()} if self.by_time else {}
        last = {}
        for outbox in manifests.outboxes(self.store):
            for key in self.store.listed(f"{manifests.FOLDER}{outbox}/"):
                last[OUTBOX + outbox] = key
        return last

    def _by_manifests(self, seen: Mapping[str, str]) -> Iterator[Step]:
        broken: set[str] = set()
        for key in manifests.new_keys(self.store, seen):
            outbox = key.removeprefix(manifests.FOLDER).partition("/")[0]
            try:
                parts = [part.key for part in manifests.decoded(self.store.get(key)).parts]
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                # Its parts are unknown, so this outbox's mark stays before it, and the next run tries again.
                broken.add(outbox)
                yield Problem(key, f"the manifest cannot be read: {type(error).__name__}: {error}")
                continue
            for part in self.target.unknown([part for part in parts if self._ours(part)]):
                yield Found(part)
            if outbox not in broken:
                yield Mark(OUTBOX + outbox, key)
