"""One pass over several models, in one process: python -m benchmarks.drift_peers.passes FOLDER MODELS.

The folder holds `reference.profile` and `current.parquet`; every model reads its own window and stored profile and is judged.
"""

import sys
import time
from pathlib import Path

from benchmarks.drift_peers.rows import measuring


def main() -> None:
    """Prints the seconds of all models, of the first one, and the modules that were imported after it."""
    folder, models = Path(sys.argv[1]), int(sys.argv[2])
    from benchmarks.drift_peers.ours import schema
    from driftgate.reports.drift.measure import measure
    from driftgate.reports.profiles import storing
    from driftgate.reports.profiles.files import profile_file

    with measuring() as found:
        begun = time.perf_counter()
        for model in range(models):
            before = storing.read(folder / "reference.profile").data
            measure(f"model {model}", 1, before, profile_file(folder / "current.parquet", schema()), seed=model)
            if model == 0:
                first, known = time.perf_counter() - begun, len(sys.modules)
        found.more = {"first": first, "imported_later": len(sys.modules) - known}


if __name__ == "__main__":
    main()
