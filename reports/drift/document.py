"""The drift report as JSON: our measurement, and what Evidently made of the same rows where it drew them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from driftgate.lifecycle.canonical import plain
from driftgate.lifecycle.measurements import DriftMeasurement

JSON_NAME = "drift.json"


def write(measurement: DriftMeasurement, folder: Path, evidently: Any = None, problems: Sequence[str] | None = None) -> dict[str, str]:
    """The file's name below the folder by its format, `json`.

    The document holds `measurement`, `evidently` (its own dictionary; None where it drew nothing) and `problems`: by default the
    measurement's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    said = [*(measurement.problems if problems is None else problems)]
    document = {"measurement": plain(measurement), "evidently": plain(evidently), "problems": said}
    (folder / JSON_NAME).write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return {"json": JSON_NAME}
