"""A fresh training, read back from its staging folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from driftgate.lifecycle.ports import Scorer
from driftgate.lifecycle.versions import Training

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Staged:
    """The fitted model and its rows, as the registry will hold them."""

    scorer: Scorer
    train: "pd.DataFrame"
    holdout: "pd.DataFrame"


def load_staged(training: Training) -> Staged:
    """The staged files. The pickle is one that this service wrote a moment ago, in a folder of its own."""
    from driftgate.registry import snapshots
    from driftgate.registry.scoring import load_pickle

    folder = Path(training.folder)
    return Staged(
        load_pickle(folder / "model.pkl", training.schema),
        snapshots.read(folder / snapshots.FILES["train"], training.schema),
        snapshots.read(folder / snapshots.FILES["holdout"], training.schema),
    )
