"""What gates beside performance, comparison and degradation hold against their limits: one concern a module."""
