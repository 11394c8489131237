"""What served last, on the local disk: enough to serve it again with MLflow, SQL and the store all down."""

import hashlib
import json
import logging
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from driftgate.lifecycle.versions import Version
from driftgate.registry.binding import as_json, from_text

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """The versions that a model's arms were answered by. `shadow_only`: the challenger answered nobody. `share`: its own in a roll-out."""

    champion: Version
    challenger: Version | None = None
    shadow_only: bool = False
    share: float | None = None


class Remembered:
    """One small file per model. It names versions and their digests; the artifacts are checked against these before they are loaded."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, model: str, standing: Standing) -> None:
        """Remembers the standing. A disk that cannot be written costs the memory, not the service."""
        challenger = None if standing.challenger is None else json.loads(as_json(standing.challenger))
        content = {
            "champion": json.loads(as_json(standing.champion)),
            "challenger": challenger,
            "shadow_only": standing.shadow_only,
            "share": standing.share,
        }
        try:
            replaced(self._path(model), json.dumps(content))
        except OSError as error:
            logger.warning("what serves of %s cannot be remembered for a restart: %s", model, error)

    def last(self, model: str) -> Standing | None:
        """What served last; None where nothing is remembered or it cannot be read."""
        try:
            content = json.loads(self._path(model).read_text(encoding="utf-8"))
            challenger, share = content["challenger"], content.get("share")
            return Standing(
                from_text(json.dumps(content["champion"])),
                None if challenger is None else from_text(json.dumps(challenger)),
                bool(content["shadow_only"]),
                None if share is None else float(share),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("what served last of %s cannot be read: %s", model, error)
            return None

    def first_to_tell(self, model: str, problem: str) -> bool:
        """Whether nobody on this host has told people of the problem yet; from then on somebody has."""
        digest = hashlib.sha256(problem.encode(errors="replace")).hexdigest()[:16]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / f"{model}.{digest}.told").touch(exist_ok=False)
        except FileExistsError:
            return False
        except OSError as error:
            logger.warning("it cannot be kept that a problem of %s was told: %s", model, error)
        return True

    def told_all(self, model: str) -> None:
        """Forgets what was told: the next problem is news."""
        for told in self._folder.glob(f"{model}.*.told"):
            told.unlink(missing_ok=True)

    def _path(self, model: str) -> Path:
        return self._folder / f"{model}.json"


def replaced(path: Path, text: str) -> None:
    """Writes the file whole or not at all, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
