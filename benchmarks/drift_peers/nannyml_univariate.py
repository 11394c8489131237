"""NannyML's univariate drift over two Parquet files, in its own environment (.venv-nannyml), the window as one chunk.

python -m benchmarks.drift_peers.nannyml_univariate REFERENCE CURRENT. The measures are those that ours are: Wasserstein distance of
numbers, Jensen-Shannon distance of texts.
"""

import os
import sys
import warnings

import pandas as pd

from benchmarks.drift_peers.rows import measuring, names

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"


def main() -> None:
    """Prints seconds, peak memory and the score of each column."""
    warnings.simplefilter("ignore")
    import nannyml

    with measuring() as found:
        reference, current = (pd.read_parquet(file) for file in sys.argv[1:3])
        calculator = nannyml.UnivariateDriftCalculator(
            column_names=[*names("number"), *names("text")],
            treat_as_categorical=names("text"),
            continuous_methods=["wasserstein"],
            categorical_methods=["jensen_shannon"],
            chunk_number=1,
        )
        calculator.fit(reference)
        table = calculator.calculate(current).filter(period="analysis").to_df()
        methods = {**dict.fromkeys(names("number"), "wasserstein"), **dict.fromkeys(names("text"), "jensen_shannon")}
        found.scores = {name: float(table[name, method, "value"].iloc[0]) for name, method in methods.items()}


if __name__ == "__main__":
    main()
