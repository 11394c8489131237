"""MLflow runs, versions, aliases, snapshots and digests; the ledger."""
