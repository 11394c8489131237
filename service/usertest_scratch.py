"""The scratch folder of one run of user tests: a copy of the project's small files and of the candidate's, and an empty home."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.schema import Schema
from driftgate.lifecycle.schema_json import to_json

FILE_BYTES = 2 * 2**20
"""Larger project files are data, and are left out."""

TOTAL_BYTES = 200 * 2**20
TOTAL_FILES = 20_000

CANDIDATE = "DRIFTGATE_TEST_CANDIDATE"
"""Environment variable that names the folder of the candidate's copy to the child."""

LIMITS = "DRIFTGATE_TEST_LIMITS"
"""Environment variable that tells the child its resource limits, as JSON."""

SKIPPED_FOLDERS = frozenset({"__pycache__", "venv", "env", "node_modules", "mlruns", "mlartifacts", "site-packages"})


@dataclass(frozen=True, slots=True)
class CandidateFiles:
    """A candidate on disk. `artifact`: folder of the model artifact, its digest already checked by the caller."""

    model: str
    version: int
    artifact: Path
    flavour: str
    schema: Schema
    threshold: float | None
    train: Path
    holdout: Path
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scratch:
    """The folders of one run."""

    root: Path

    @property
    def project(self) -> Path:
        """Where the tests run: the copy of the project."""
        return self.root / "project"

    @property
    def home(self) -> Path:
        """The home folder that the tests see."""
        return self.root / "home"

    @property
    def temporary(self) -> Path:
        """The folder for temporary files that the tests see."""
        return self.root / "tmp"

    @property
    def candidate(self) -> Path:
        """The copy of the candidate's files."""
        return self.root / "candidate"

    @property
    def options(self) -> Path:
        """An empty pytest configuration: the project's own is not read."""
        return self.root / "pytest.ini"


def filled(root: Path, project: Path, candidate: CandidateFiles) -> Scratch:
    """The scratch folder with both copies. Raises InvalidData where the project is too large to copy."""
    scratch = Scratch(root)
    for folder in (scratch.project, scratch.home, scratch.temporary, scratch.candidate):
        folder.mkdir()
    scratch.options.write_text("[pytest]\n", encoding="utf-8")
    _copy_project(project, scratch.project)
    _copy_candidate(candidate, scratch.candidate)
    return scratch


def copied(project: Path) -> Iterator[Path]:
    """The project files that are copied: no hidden ones, no links, no environments, nothing larger than `FILE_BYTES`."""
    for folder, names, files in os.walk(project):
        names[:] = sorted(name for name in names if not name.startswith(".") and name not in SKIPPED_FOLDERS)
        names[:] = [name for name in names if not (Path(folder) / name / "pyvenv.cfg").exists()]
        for name in sorted(files):
            path = Path(folder) / name
            if not name.startswith(".") and path.is_file() and not path.is_symlink() and path.stat().st_size <= FILE_BYTES:
                yield path


def _copy_project(project: Path, target: Path) -> None:
    size = 0
    for count, path in enumerate(copied(project), start=1):
        size += path.stat().st_size
        if size > TOTAL_BYTES or count > TOTAL_FILES:
            raise InvalidData(
                f"the project folder {project} is too large to copy for the user tests (over {TOTAL_FILES} files or "
                f"{TOTAL_BYTES // 2**20} MiB of small files): move data into hidden folders or out of the project"
            )
        place = target / path.relative_to(project)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def _copy_candidate(candidate: CandidateFiles, target: Path) -> None:
    shutil.copytree(candidate.artifact, target / "artifact")
    shutil.copyfile(candidate.train, target / "train.parquet")
    shutil.copyfile(candidate.holdout, target / "holdout.parquet")
    facts = {
        "model": candidate.model,
        "version": candidate.version,
        "flavour": candidate.flavour,
        "threshold": candidate.threshold,
        "metrics": dict(candidate.metrics),
        "schema": to_json(candidate.schema),
    }
    (target / "candidate.json").write_text(json.dumps(facts), encoding="utf-8")
