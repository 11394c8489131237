"""The flows, written against ports. They know nothing of DBOS, MLflow, HTTP or files; the wiring checkpoints each port call."""
