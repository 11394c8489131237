"""The trainer of this process, whose libraries are loaded when the first fit is asked for."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from driftgate.lifecycle.ports import Trainer
from driftgate.lifecycle.versions import RetrainRequest, Training
from driftgate.service.settings import disclosed


class LazyTrainer(Trainer):
    """Fits in this process. Nothing of scikit-learn is imported before the first fit."""

    def __init__(self, staging: Path, base: Path, progress: Callable[[str], None]) -> None:
        self._arguments = (staging, base, progress)

    def train(self, request: RetrainRequest) -> Training:
        """The training of the request, in its staging folder."""
        from driftgate.training.fit import LocalTrainer

        # Secrets in a source's address are resolved here, so that no request, ledger or run ever holds them.
        plan = replace(request.plan, source=disclosed(request.plan.source))
        return LocalTrainer(*self._arguments).train(replace(request, plan=plan))
