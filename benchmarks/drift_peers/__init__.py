"""The processes that benchmarks/drift.py compares: ours, Evidently's and NannyML's, each over the same two Parquet files."""
