"""The registered version's pickle, scored without anything around it: what LitServe and BentoML are given to serve."""

import os
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MODEL_VARIABLE = "BENCHMARK_MODEL"


def load() -> Any:
    """The fitted pipeline of the file that the environment names."""
    return load_from(Path(os.environ[MODEL_VARIABLE]))


def load_from(path: Path) -> Any:
    """The fitted pipeline of the file, which this benchmark wrote."""
    with path.open("rb") as file:
        return pickle.load(file)


def chances(model: Any, rows: Sequence[Mapping[str, Any]]) -> list[float]:
    """The probability of the positive class per row, from one call."""
    import pandas as pd

    found: list[float] = model.predict_proba(pd.DataFrame(list(rows)))[:, 1].tolist()
    return found
