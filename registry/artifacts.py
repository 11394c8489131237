"""Digests of artifact folders, and a local cache in which nothing is handed out that does not match its digest."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock

from driftgate.lifecycle.canonical import sha256 as canonical_sha256
from driftgate.lifecycle.errors import DigestMismatch

# MLflow writes the first into a local artifact store whenever a stock client loads a registered version, Python the second.
# Neither is part of the model; both are dropped from cached copies, so that nothing outside the digest is ever loaded.
IGNORED_FILE = "registered_model_meta"
IGNORED_FOLDER = "__pycache__"


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def manifest(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file of the folder by its POSIX path below it, without what MLflow and Python add on loading.

    A symbolic link is an error (ValueError): its target is not part of the folder.
    """
    found = {}
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        if path.is_symlink():
            raise ValueError(f"{relative.as_posix()} is a symbolic link")
        if path.is_file() and not _ignored(relative):
            found[relative.as_posix()] = file_sha256(path)
    return found


def manifest_sha256(files: Mapping[str, str]) -> str:
    """Hex SHA-256 over the manifest, sorted by path."""
    return canonical_sha256(dict(files))


def folder_sha256(folder: Path) -> str:
    """Hex SHA-256 over the manifest of the folder's files."""
    return manifest_sha256(manifest(folder))


def _ignored(relative: Path) -> bool:
    return relative.as_posix() == IGNORED_FILE or IGNORED_FOLDER in relative.parts


def without_ignored(folder: Path) -> None:
    """Removes from the folder what its digest does not cover."""
    (folder / IGNORED_FILE).unlink(missing_ok=True)
    for extra in list(folder.rglob(IGNORED_FOLDER)):
        shutil.rmtree(extra, ignore_errors=True)


def safe_name(name: str) -> str:
    """The name as one path component that can be neither empty nor lead out of its folder."""
    quoted = quote(name, safe=" ")
    return quoted.replace(".", "%2E") if not quoted.strip(". ") else quoted


@dataclass(frozen=True, slots=True)
class ArtifactCache:
    """Verified local copies, `<root>/<model>/<version>/<part>`; several processes may share one root."""

    root: Path

    def folder(self, model: str, number: int, part: str) -> Path:
        """Where the part of a version is, or will be."""
        return self.root / safe_name(model) / str(number) / safe_name(part)

    def verified(self, where: tuple[str, int, str], expected: str, fetch: Callable[[Path], object]) -> Path:
        """The cached folder, its bytes checked now against `expected`.

        A missing or changed entry is fetched once: `fetch` fills an empty folder that replaces the entry only when its digest holds.
        Raises DigestMismatch where what was fetched does not match either; the entry is then gone.
        """
        model, number, part = where
        entry = self.folder(model, number, part)
        if self._holds(entry, expected):
            return entry
        entry.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(entry.parent / f".{part}.lock"):
            if self._holds(entry, expected):
                return entry
            self._replace(entry, where, expected, fetch)
        return entry

    def _holds(self, entry: Path, expected: str) -> bool:
        if not entry.is_dir():
            return False
        without_ignored(entry)
        try:
            return folder_sha256(entry) == expected
        except (OSError, ValueError):
            return False

    def _replace(self, entry: Path, where: tuple[str, int, str], expected: str, fetch: Callable[[Path], object]) -> None:
        prefix = f".{entry.name}-"
        for left_over in entry.parent.glob(f"{prefix}*"):
            shutil.rmtree(left_over, ignore_errors=True)
        fresh = Path(tempfile.mkdtemp(prefix=prefix, dir=entry.parent))
        try:
            fetch(fresh)
            without_ignored(fresh)
            checked(fresh, where, expected)
            fresh.chmod(0o755)
            shutil.rmtree(entry, ignore_errors=True)
            fresh.rename(entry)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def checked(folder: Path, where: tuple[str, int, str], expected: str) -> None:
    """Raises DigestMismatch, naming model, version and part, where the folder's digest is not the expected one."""
    model, number, part = where
    try:
        found = folder_sha256(folder)
    except ValueError as error:
        raise _mismatch(model, number, part, str(error)) from error
    if found != expected:
        raise _mismatch(model, number, part, f"recorded {expected[:12]}, found {found[:12]}")


def _mismatch(model: str, number: int, part: str, detail: str) -> DigestMismatch:
    return DigestMismatch(
        f"the {part} of {model} version {number} is not what was registered ({detail}): it is refused; "
        "restore it in the artifact store, or retrain"
    )
