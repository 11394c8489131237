"""Live predictions: what serves, how rows are batched, split and logged, and what is counted."""
