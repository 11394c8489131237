"""`python -m driftgate.service` is the `driftgate` command."""

from driftgate.service.cli import main

main()
