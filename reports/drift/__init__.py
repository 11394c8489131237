"""Drift of a window against a version's snapshot."""
