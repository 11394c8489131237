"""One runnable file per performance or quality claim: `python -m benchmarks.NAME`."""
