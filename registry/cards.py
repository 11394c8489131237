"""The CardShelf port over MLflow: cards as artifacts of the version's run, a link to them in the version's description."""

import re
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from driftgate.lifecycle.errors import InvalidRequest, NotFound
from driftgate.lifecycle.ports_cards import CardShelf, RunFacts
from driftgate.lifecycle.versions import Version
from driftgate.registry.binding import Bindings, adoption_key
from driftgate.registry.connection import Connection

if TYPE_CHECKING:
    from mlflow import MlflowClient

FOLDER = "card"
PAGE = "model-card.html"
PLOTS = "plots"
TAG = "driftgate.card"
"""Of a version: the key under which its card was made."""

ADOPTED_BY = "driftgate.adopted_by"
START, END = "<!-- driftgate card -->", "<!-- end of driftgate card -->"
OURS = re.compile(rf"(?:\n\n)?{re.escape(START)}(?:(?!{re.escape(START)}).)*?{re.escape(END)}", re.DOTALL)
"""From the last start before an end: whatever somebody has made of the markers, no text outside of a whole pair is ours."""

LONGEST = 5000
"""Characters of a description that MLflow's own tables hold."""

PNG = b"\x89PNG\r\n\x1a\n"
LARGEST_PICTURE = 2_000_000
MOST_PICTURES = 10


def linked(description: str, words: str) -> str:
    """The description with our words at its end, between markers, in place of the last ones.

    Words that do not fit beside what people wrote are left out: their text is never cut.
    """
    theirs, found = OURS.subn("", description)
    while found:
        # A pair within a pair leaves a pair.
        theirs, found = OURS.subn("", theirs)
    block = f"{START}\n{words.replace(START, '').replace(END, '')}\n{END}"
    told = f"{theirs}\n\n{block}" if theirs else block
    return told if len(told) <= LONGEST else theirs


@dataclass(frozen=True, slots=True)
class KeptCards(CardShelf):
    """See the port."""

    connection: Connection
    bindings: Bindings

    def bound(self, model: str) -> Sequence[Version]:
        """See the port."""
        return self.bindings.versions(model)

    def made(self, model: str) -> Mapping[int, str]:
        """See the port."""
        quoted, token, found = model.replace("'", "\\'"), None, dict[int, str]()
        with self.connection.answering() as client:
            while True:
                page = client.search_model_versions(f"name='{quoted}'", page_token=token)
                found |= {int(each.version): each.tags[TAG] for each in page if TAG in each.tags}
                token = page.token
                if not token:
                    return found

    def run(self, version: Version) -> RunFacts:
        """See the port."""
        adopted = self.bindings.request_key(version.model, version.number) == adoption_key(version.number)
        with self.connection.answering() as client:
            run = client.get_run(version.run_id)
            tags = client.get_model_version(version.model, str(version.number)).tags if adopted else {}
        page = f"#/experiments/{run.info.experiment_id}/runs/{version.run_id}/artifacts/{FOLDER}/{PAGE}"
        return RunFacts(not adopted, dict(run.data.params), dict(run.data.tags), tags.get(ADOPTED_BY), page)

    def pictures(self, version: Version) -> Mapping[str, bytes]:
        """See the port. Files that are no PNG, or too large for a page, are left out."""
        with self.connection.answering() as client:
            listed = client.list_artifacts(version.run_id, PLOTS)
        paths = sorted(each.path for each in listed if each.path.endswith(".png") and (each.file_size or 0) <= LARGEST_PICTURE)
        found = {PurePosixPath(path).name: self.read(version, path) for path in paths[:MOST_PICTURES]}
        return {name: content for name, content in found.items() if content is not None and content.startswith(PNG)}

    def read(self, version: Version, path: str) -> bytes | None:
        """See the port."""
        parts = PurePosixPath(path).parts
        if not parts or ".." in parts or path.startswith("/"):
            raise InvalidRequest(f"{path!r} is no path below a run", field="path")
        with self.connection.answering() as client, tempfile.TemporaryDirectory(prefix="driftgate-card-") as scratch:
            if not _listed(client, version.run_id, path):
                return None
            root = client.get_run(version.run_id).info.artifact_uri
            return self.connection.download(f"{root}/{path}", Path(scratch)).read_bytes()

    def keep(self, version: Version, files: Mapping[str, bytes]) -> None:
        """See the port."""
        with self.connection.answering() as client, tempfile.TemporaryDirectory(prefix="driftgate-card-") as scratch:
            for name, content in files.items():
                (Path(scratch) / name).write_bytes(content)
            client.log_artifacts(version.run_id, scratch, FOLDER)

    def link(self, version: Version, words: str, key: str) -> None:
        """See the port."""
        number = str(version.number)
        with self.connection.answering() as client:
            known = client.get_model_version(version.model, number).description or ""
            told = linked(known, words)
            if told != known:
                client.update_model_version(version.model, number, told)
            # Last: a card whose key is noted is there, and linked.
            client.set_model_version_tag(version.model, number, TAG, key)


def _listed(client: "MlflowClient", run_id: str, path: str) -> bool:
    """Whether the run has the file. Asked before it is fetched: stores differ in how they say that a file is not there."""
    folder = str(PurePosixPath(path).parent)
    found: list[str] = []
    with suppress(NotFound):
        found = [each.path for each in client.list_artifacts(run_id, None if folder == "." else folder)]
    return path in found
