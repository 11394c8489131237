"""Why the loss grew: because other rows came, because outcomes changed for such rows as before, or because of rows never seen before.

DISDE of Cai, Namkoong and Yadlowsky (2023, "Diagnosing Model Performance Under Distribution Shift", section 2). With p and q the densities
of snapshot and window, both share s, proportional to p q / (p + q). With P, Q and S for means under p, q, s and "old", "new" for the
outcomes of snapshot and window, the growth Q new - P old is the sum of (S old - P old), (S new - S old) and (Q new - S new).
"""

from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.measurements_live import Beyond, ConceptShift
from driftgate.lifecycle.schema import Schema
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports import losses
from driftgate.reports.bounds import Grouping, grouping
from driftgate.reports.live.bounding import beyond, ratio
from driftgate.reports.shift.overlap import Overlap, overlap

Floats: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]

FEWEST_ROWS = 50
"""Rows of either side below which nothing is told apart."""
FEWEST_EFFECTIVE = 50.0
"""Rows that either side must be worth on the shared part: with fewer the intervals are not to be trusted."""
LEAST_SHARED = 0.05
"""Shared part below which snapshot and window hardly overlap, however many rows there are."""
OUTSIDE = 0.95
"""A row of the window lies outside where the window is nineteen times as dense as the snapshot."""
MOST_ROWS = 20_000
"""Rows of either side that are used, by seed where there are more."""


def decompose(
    schema: Schema,
    reference: pd.DataFrame,
    reference_losses: Floats,
    current: pd.DataFrame,
    current_losses: Floats,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    tolerated: float = 0.05,
) -> ConceptShift:
    """The growth of the loss in three parts, with one-sided bounds each at `confidence`.

    Losses are the serving version's, one per row; those of the reference must be out of sample (its holdout). Rows whose loss is not
    finite are left out. `tolerated`: concept part, as a share of the reference's loss, beyond which it matters.

    S is the population of overlap weights (Li, Morgan and Zaslavsky 2018), so its means have the doubly robust estimates of their
    efficient influence functions; the concept part is the partially linear model's coefficient (Robinson 1988; Chernozhukov and others
    2018). Errors of the classifier and of the expected losses enter only multiplied with each other. Bounds: `bounds.corrected` of the
    influence, by entity where the schema names one that repeats. Undecided on fewer than 50 rows, or where both hardly overlap.
    """
    frame, window, loss = _pooled(schema, (reference, reference_losses), (current, current_losses), seed)
    groups = grouping(len(frame), _entities(schema, frame))
    plain = _plain(schema, loss, window, groups, confidence, seed)
    if min(plain.rows, plain.reference_rows) < FEWEST_ROWS:
        return plain
    found = overlap(schema, frame, window, loss, groups, seed)
    parts = _parts(found, loss)
    bounded = {name: ratio(value, influence, (groups,)) for name, (value, influence) in parts.items()}
    limit = tolerated * plain.reference_loss
    excess = ratio(parts["concept"][0] - limit, parts["concept"][1] - tolerated * parts["base"][1], (groups,))
    auc, shared = _auc(found), _shared(found)
    here, there = (min(worth, shared * size) for worth, size in zip(_worth(found), (plain.rows, plain.reference_rows), strict=True))
    apart, few = _apart(auc, shared, min(here, there)), _few(min(here, there))
    return replace(
        plain,
        covariate=None if apart or few else bounded["covariate"](confidence),
        concept=None if apart or few else bounded["concept"](confidence),
        outside=plain.total if apart else None if few else bounded["outside"](confidence),
        concept_beyond=None if apart or few else Beyond(limit, beyond(excess, 0.0, above=True).p_value),
        auc=auc,
        shared=shared,
        outside_share=float((found.chance[window] >= OUTSIDE).mean()),
        effective_rows=here,
        effective_reference_rows=there,
        undecided=apart or few,
    )


def _pooled(
    schema: Schema, before: tuple[pd.DataFrame, Floats], after: tuple[pd.DataFrame, Floats], seed: int
) -> tuple[pd.DataFrame, Mask, Floats]:
    """The rows of both sides, snapshot first, with a finite loss; which are the window's, and their losses."""
    rng = np.random.default_rng(seed)
    wanted = [*schema.features, *([schema.entity] if schema.entity else [])]
    frames, found = [], []
    for frame, loss in (before, after):
        values = np.asarray(loss, dtype=np.float64)
        kept = np.flatnonzero(np.isfinite(values))
        if len(kept) > MOST_ROWS:
            kept = np.sort(rng.choice(kept, MOST_ROWS, replace=False))
        frames.append(frame.iloc[kept][[name for name in wanted if name in frame.columns]])
        found.append(values[kept])
    window = np.repeat([False, True], [len(part) for part in found])
    return pd.concat(frames, ignore_index=True), window, np.concatenate(found)


def _entities(schema: Schema, frame: pd.DataFrame) -> Any:
    return frame[schema.entity].to_numpy(dtype=object) if schema.entity in frame.columns else None


def _plain(schema: Schema, loss: Floats, window: Mask, groups: Grouping, confidence: float, seed: int) -> ConceptShift:
    """The growth as a whole, before anything is told apart."""
    rows, reference_rows = int(window.sum()), int((~window).sum())
    base, now = (float(loss[side].mean()) if side.any() else float("nan") for side in (~window, window))
    total = (
        ratio(now - base, _mean_influence(loss, window) - _mean_influence(loss, ~window), (groups,)) if rows and reference_rows else None
    )
    return ConceptShift(
        loss=losses.loss_name(schema),
        rows=rows,
        reference_rows=reference_rows,
        reference_loss=base,
        current_loss=now,
        total=Estimate(now - base) if total is None else total(confidence),
        confidence=confidence,
        units=groups.units,
        groups=groups.count,
        undecided=f"{rows} rows of the window and {reference_rows} of the snapshot are too few; {FEWEST_ROWS} of each are needed",
        seed=seed,
    )


def _mean_influence(values: Floats, side: Mask) -> Floats:
    """Each row's influence on the mean of one side's values."""
    return np.where(side, (values - values[side].mean()) * len(values) / side.sum(), 0.0)


def _parts(found: Overlap, loss: Floats) -> dict[str, tuple[float, Floats]]:
    """Value and influences, shape (n,), of the three parts, and of the snapshot's mean loss as `base`."""
    window, chance = found.window == 1.0, found.chance
    weights = np.where(window, 0.5 / window.mean(), 0.5 / (~window).mean())
    old = np.where(window, (1.0 - chance) ** 2 * found.old, chance * (loss - (1.0 - chance) * found.old))
    new = np.where(window, (1.0 - chance) * (loss - chance * found.new), chance**2 * found.new)
    mass = weights * (found.window - chance) ** 2
    shared_old, shared_new = (_over(weights * top, mass, window) for top in (old, new))
    base, now = float(loss[~window].mean()), float(loss[window].mean())
    of_base, of_now = _mean_influence(loss, ~window), _mean_influence(loss, window)
    return {
        "base": (base, of_base),
        "covariate": (shared_old[0] - base, shared_old[1] - of_base),
        "concept": (shared_new[0] - shared_old[0], shared_new[1] - shared_old[1]),
        "outside": (now - shared_new[0], of_now - shared_new[1]),
    }


def _over(top: Floats, bottom: Floats, window: Mask) -> tuple[float, Floats]:
    """A ratio of means and the rows' influences on it; the sizes of both sides are given, so each side's influences have mean 0."""
    value = float(top.sum() / bottom.sum())
    influence = (top - value * bottom) / bottom.mean()
    for side in (window, ~window):
        influence[side] -= influence[side].mean()
    return value, influence


def _shared(found: Overlap) -> float:
    """4 E[(T - chance)^2] over both sides equally: what the classifier leaves untold, 1 where it knows nothing."""
    error = (found.window - found.chance) ** 2
    window = found.window == 1.0
    return float(min(4.0 * (error[window].mean() + error[~window].mean()) / 2.0, 1.0))


def _worth(found: Overlap) -> tuple[float, float]:
    """Kish's effective sample size of the window and of the snapshot, weighted to what both share."""
    window = found.window == 1.0
    here, there = 1.0 - found.chance[window], found.chance[~window]
    return float(here.sum() ** 2 / (here @ here)), float(there.sum() ** 2 / (there @ there))


def _auc(found: Overlap) -> float:
    from scipy.stats import rankdata

    window = found.window == 1.0
    ranks = rankdata(found.chance)
    here, there = int(window.sum()), int((~window).sum())
    return float((ranks[window].sum() - here * (here + 1) / 2.0) / (here * there))


def _apart(auc: float, shared: float, effective: float) -> str | None:
    if shared >= LEAST_SHARED:
        return None
    return (
        f"the window and the snapshot hardly overlap (AUC {auc:.2f}; effective rows {effective:.0f}): the growth cannot be told apart "
        "into covariate and concept; it lies outside the shared support"
    )


def _few(effective: float) -> str | None:
    if effective >= FEWEST_EFFECTIVE:
        return None
    return f"what both share is worth only {effective:.0f} rows, and {FEWEST_EFFECTIVE:.0f} are needed to tell the parts apart"
