"""The calibration error that perfect probabilities would show: chance alone puts every bin a little off."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from driftgate.reports import losses

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

DRAWS = 200
MOST_ROWS = 20_000
"""Of more rows the chance error is drawn on this many and scaled: it falls with the root of the rows."""


def hits_and_confidence(outputs: Floats, y: Ints) -> tuple[Floats, Floats]:
    """What calibration is about: the positive outcome and its probability, or whether the most probable class was right and its."""
    if outputs.shape[1] == 2:  # noqa: PLR2004 - binary
        return (y == 1).astype(np.float64), outputs[:, 1]
    return (outputs.argmax(axis=1) == y).astype(np.float64), outputs.max(axis=1)


def ece_by_chance(confidence: Floats, seed: int) -> tuple[float, float]:
    """Mean and 95 % quantile of the ECE of outcomes drawn from the probabilities themselves."""
    rng, rows = np.random.default_rng(seed), len(confidence)
    judged = confidence if rows <= MOST_ROWS else confidence[np.sort(rng.choice(rows, MOST_ROWS, replace=False))]
    probability = np.clip(judged, 0.0, 1.0)
    bins = losses.calibration_bins(judged)
    drawn = np.empty(DRAWS)
    for draw in range(DRAWS):
        gaps = np.bincount(bins, weights=(rng.random(len(judged)) < probability) - probability)
        drawn[draw] = np.abs(gaps).sum() / len(judged)
    drawn *= np.sqrt(len(judged) / rows)
    return float(drawn.mean()), float(np.quantile(drawn, 0.95))
