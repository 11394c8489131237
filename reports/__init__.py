"""Every measurement: performance, comparison, degradation, drift, and the Evidently reports."""
