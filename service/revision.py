"""Which code a retrain ran."""

import subprocess
from pathlib import Path


def code_revision(project: Path) -> str | None:
    """The git commit of the project folder, with `-dirty` where files differ from it; None where it is no checkout."""
    commit = _git(project, "rev-parse", "HEAD")
    if not commit:
        return None
    return f"{commit}-dirty" if _git(project, "status", "--porcelain", "--untracked-files=no") else commit


def _git(project: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(project), *arguments], capture_output=True, text=True, timeout=10, check=True)  # noqa: S603, S607 - fixed words; git is found on PATH
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
