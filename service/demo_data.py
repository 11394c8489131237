"""Generated clients of a made-up marketplace for creative work, some of whom leave: the data of the demo and of tests.

One row is one client on one day. `drift` is a dial from 0 to 1 that moves both what clients look like and what makes them
leave, as if a cheaper rival had appeared: activity and stars fall, prices rise, a new kind of portfolio turns up, a long
tenure holds nobody any more, and whoever pays much goes. Nothing here is taken from real people.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

ENTITY: Final = "client_id"
TIME: Final = "event_time"
TARGET: Final = "churned"
NUMERIC: Final = (
    "profile_score",
    "average_stars",
    "activity_score",
    "tenure_days",
    "monthly_spend",
    "support_tickets",
    "last_login_days",
)
CATEGORICAL: Final = ("creative", "plan", "country")
SPAN: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class _Between:
    """A setting of the generator without drift and at full drift."""

    calm: float
    drifted: float

    def at(self, drift: float) -> float:
        return self.calm + drift * (self.drifted - self.calm)


CREATIVE: Final = {
    "none": _Between(0.30, 0.24),
    "images": _Between(0.34, 0.24),
    "video": _Between(0.16, 0.14),
    "writing": _Between(0.20, 0.16),
    "generated": _Between(0.0, 0.22),
}
PLANS: Final = {"free": _Between(0.50, 0.42), "basic": _Between(0.32, 0.38), "pro": _Between(0.18, 0.20)}
COUNTRIES: Final = {
    "AT": _Between(0.08, 0.08),
    "DE": _Between(0.40, 0.30),
    "FR": _Between(0.22, 0.20),
    "NL": _Between(0.12, 0.12),
    "PL": _Between(0.18, 0.30),
}
"""Shares of the levels."""

INTERCEPT: Final = _Between(-1.62, -1.55)
EFFECTS: Final = {
    "engagement": _Between(-0.35, -0.15),
    "profile_score": _Between(-0.45, 0.10),
    "average_stars": _Between(-0.40, -0.10),
    "activity_score": _Between(-0.50, -0.20),
    "tenure_days": _Between(-0.35, 0.30),
    "monthly_spend": _Between(0.10, 1.00),
    "support_tickets": _Between(0.35, 0.35),
    "last_login_days": _Between(0.40, 0.15),
}
"""What one unit of each standardised feature adds to the log-odds of leaving."""

CREATIVE_EFFECT: Final = {"none": 0.4, "images": 0.0, "video": -0.4, "writing": -0.1, "generated": 0.3}
PLAN_EFFECT: Final = {"free": 0.3, "basic": 0.0, "pro": -0.3}
MISSING: Final = {"profile_score": 0.04, "average_stars": 0.08, "last_login_days": 0.02}


def generate(rows: int, seed: int, start: datetime, drift: float = 0.0, until: datetime | None = None) -> pd.DataFrame:
    """Clients as a frame of `rows` rows, sorted by `event_time`, spread evenly by chance over [start, until).

    Columns: `client_id` (text, unique for a seed), the features of NUMERIC (float64; some values are NaN) and CATEGORICAL
    (text), `event_time` (naive UTC), `churned` (`yes` or `no`; about a quarter leave without drift). `until` is 90 days
    after `start` unless given. The same arguments give the same frame. Raises ValueError where `drift` is outside [0, 1],
    `rows` is negative, or `until` is not after `start`.
    """
    end = until or start + SPAN
    if not 0 <= drift <= 1:
        raise ValueError(f"drift must be from 0 to 1, not {drift}")
    if rows < 0 or end <= start:
        raise ValueError(f"there are no {rows} rows between {start} and {end}")
    rng = np.random.default_rng(seed)
    frame = _features(rows, rng, drift)
    chance = 1 / (1 + np.exp(-_log_odds(frame, drift)))
    frame[TARGET] = np.where(rng.random(rows) < chance, "yes", "no").astype(object)
    for name, share in MISSING.items():
        frame.loc[rng.random(rows) < share, name] = np.nan
    frame = frame.drop(columns="engagement")
    frame.insert(0, ENTITY, np.asarray([f"c{seed}-{number:06d}" for number in range(rows)], dtype=object))
    frame.insert(len(frame.columns) - 1, TIME, _times(rows, rng, start, end))
    return frame


def shuffled(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The frame with its labels dealt out anew: nothing is left to learn, so a version trained on it is a bad candidate."""
    order = np.random.default_rng(seed).permutation(len(frame))
    return frame.assign(**{TARGET: frame[TARGET].to_numpy()[order]})


def _features(rows: int, rng: np.random.Generator, drift: float) -> pd.DataFrame:
    engagement = rng.normal(size=rows)
    spend = np.exp(3.2 + 0.35 * drift + 0.5 * rng.normal(size=rows))
    columns: dict[str, Any] = {
        "engagement": engagement,
        "profile_score": np.clip(62 + 8 * engagement + 15 * rng.normal(size=rows), 0, 100).round(1),
        "average_stars": np.clip(4.1 - 0.5 * drift + 0.25 * engagement + 0.5 * rng.normal(size=rows), 1, 5).round(2),
        "activity_score": np.clip(5.2 - 1.4 * drift + engagement + 1.5 * rng.normal(size=rows), 0, 10).round(2),
        "tenure_days": np.floor(rng.gamma(2.0, 260.0, size=rows)),
        "monthly_spend": spend.round(2),
        "support_tickets": rng.poisson(np.exp(-0.4 + 0.3 * drift - 0.2 * engagement)).astype(np.float64),
        "last_login_days": np.floor(rng.exponential(np.exp(1.9 + 0.2 * drift - 0.35 * engagement))),
        "creative": _choice(rng, rows, CREATIVE, drift),
        "plan": _choice(rng, rows, PLANS, drift),
        "country": _choice(rng, rows, COUNTRIES, drift),
    }
    return pd.DataFrame(columns)


def _choice(rng: np.random.Generator, rows: int, shares: dict[str, _Between], drift: float) -> Any:
    return rng.choice(np.asarray(list(shares), dtype=object), size=rows, p=[share.at(drift) for share in shares.values()])


CENTRES: Final = {
    "engagement": (0.0, 1.0),
    "profile_score": (62.0, 17.0),
    "average_stars": (4.1, 0.56),
    "activity_score": (5.2, 1.8),
    "tenure_days": (520.0, 368.0),
    "monthly_spend": (28.0, 15.0),
    "support_tickets": (0.68, 0.85),
    "last_login_days": (6.6, 7.8),
}
"""Mean and standard deviation of each feature without drift, about: the units of EFFECTS."""


def _log_odds(frame: pd.DataFrame, drift: float) -> Floats:
    odds = np.full(len(frame), INTERCEPT.at(drift))
    for name, effect in EFFECTS.items():
        centre, spread = CENTRES[name]
        odds += effect.at(drift) * np.clip((frame[name].to_numpy(dtype=np.float64) - centre) / spread, -3, 3)
    odds += frame["creative"].map(CREATIVE_EFFECT).to_numpy(dtype=np.float64)
    odds += frame["plan"].map(PLAN_EFFECT).to_numpy(dtype=np.float64)
    return odds


def _times(rows: int, rng: np.random.Generator, start: datetime, end: datetime) -> npt.NDArray[np.datetime64]:
    first = np.datetime64((start.astimezone(UTC) if start.tzinfo else start).replace(tzinfo=None), "s")
    seconds = np.sort(rng.integers(0, int((end - start).total_seconds()), size=rows))
    return (first + seconds.astype("timedelta64[s]")).astype("datetime64[ns]")
