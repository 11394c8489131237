"""Retrain: fit, evaluate, register as candidate, and stop there."""

from driftgate.lifecycle.ports import Examiner, Registry, Trainer
from driftgate.lifecycle.versions import RetrainRequest, Version


def retrain(request: RetrainRequest, trainer: Trainer, examiner: Examiner, registry: Registry) -> Version:
    """The new candidate. Nothing that serves changes; a failure before registration leaves no version behind."""
    training = trainer.train(request)
    evaluation = examiner.evaluate(training)
    return registry.register(request, training, evaluation)
