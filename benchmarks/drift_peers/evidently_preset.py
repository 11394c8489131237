"""Evidently's DataDriftPreset over two Parquet files: python -m benchmarks.drift_peers.evidently_preset REFERENCE CURRENT."""

import os
import sys
import warnings

import pandas as pd

from benchmarks.drift_peers.rows import measuring, names

os.environ["DO_NOT_TRACK"] = "1"


def main() -> None:
    """Prints seconds, peak memory and the score of each column."""
    warnings.simplefilter("ignore")
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    with measuring() as found:
        definition = DataDefinition(numerical_columns=names("number"), categorical_columns=names("text"))
        reference, current = (Dataset.from_pandas(pd.read_parquet(file), data_definition=definition) for file in sys.argv[1:3])
        snapshot = Report([DataDriftPreset()]).run(current, reference)
        metrics = snapshot.dict()["metrics"]
        found.scores = {each["config"]["column"]: float(each["value"]) for each in metrics if "column" in each["config"]}


if __name__ == "__main__":
    main()
