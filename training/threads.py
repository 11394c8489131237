"""How many threads fits and predictions use."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def count() -> int:
    """How many threads a fit uses: half of the cores this process may run on, so that a retrain leaves the rest to predictions."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // 2)


@contextmanager
def limited() -> Iterator[None]:
    """Learners on OpenMP keep to `count()` inside the block; idle OpenMP threads spin, and on a busy machine cost more than they do."""
    import sklearn.ensemble  # noqa: F401 - only libraries that are loaded can be limited
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # publishes no types

    with threadpool_limits(limits=count()):
        yield


def single_threaded(model: Any) -> None:
    """Makes the fitted model predict on one thread: a server runs many predictions at once, and each would start its own pool."""
    for each in _fitted_learners(model):
        if hasattr(each, "get_booster"):
            each.get_booster().set_param({"nthread": 1})
        if "n_jobs" in each.get_params(deep=False):
            each.set_params(n_jobs=1)


def _fitted_learners(model: Any) -> list[Any]:
    calibrated = getattr(model, "calibrated_classifiers_", None)
    if calibrated is not None:
        return [learner for each in calibrated for learner in _fitted_learners(each.estimator)]
    steps = getattr(model, "steps", None)
    if steps:
        return _fitted_learners(steps[-1][1])
    return [model] if hasattr(model, "get_params") else []
