-- MLflow and the durable workflows keep databases of their own beside Driftgate's.
CREATE DATABASE mlflow;
CREATE DATABASE workflows;
