"""Data sources, schema, splits, estimators, fit, refit and search."""
