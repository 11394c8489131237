"""Profiles: what the rows of a snapshot or a window look like, column by column, small enough to keep and to merge."""
