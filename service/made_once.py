"""Files that are made once and then never replaced: whoever comes second takes what is there."""

import os
import secrets
from pathlib import Path


def make_once(path: Path, content: bytes) -> None:
    """The file is on the disk, readable by its owner only: with this content, or with that of whoever made it first. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        # Unlike a rename, a link never replaces the file that another process made in the same moment.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
