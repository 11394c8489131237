"""Durable work on DBOS: workflows, the worker that runs them, and the client that asks for them."""
