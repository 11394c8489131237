"""The database schema's history, run by `service/database.py`."""
