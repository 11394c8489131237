"""What the serving benchmark starts as processes of their own, how it loads them, and how it counts what was logged."""
