"""The command line. Modules here import only light things at the top: help must answer at once."""

from driftgate.service.cli.main import main

__all__ = ["main"]
