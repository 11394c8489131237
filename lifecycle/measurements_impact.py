"""What a model's arm brought in outcomes, and how champion and challenger stand: values only, no limits applied."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from driftgate.lifecycle.payloads import Arm, Window
from driftgate.lifecycle.verdicts import Estimate


@dataclass(frozen=True, slots=True)
class ArmOutcomes:
    """The outcomes of one arm's entities.

    `rate`: the mean over entities of each one's share of favourable outcomes (regression: of its mean outcome); None without any.
    `rows`: answers with a usable outcome, `unlabelled`: matured answers of these entities without one. `versions`: who answered.
    """

    arm: Arm
    entities: int
    rows: int
    rate: float | None
    unlabelled: int = 0
    versions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Advantage:
    """The model's arm over the heuristic's between two instants in which both answered.

    `difference`: of the rates, model - heuristic, with the interval at the measurement's confidence; positive is good, also where
    less of the outcome is. `p_worse`: one-sided p-value of "the model is not worse"; None where it is not defined. `saved`: the difference
    times the model's entities; `worth`: that times the value of an entity. `undecided` says why there is no interval.
    """

    span: Window
    model: ArmOutcomes
    heuristic: ArmOutcomes
    difference: Estimate | None
    p_worse: float | None
    saved: Estimate | None
    worth: Estimate | None
    undecided: str | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """A calendar week or month, UTC: the advantage within it, and from the beginning up to its end. Each counts an entity once."""

    name: str
    within: Advantage
    so_far: Advantage


@dataclass(frozen=True, slots=True)
class VersionImpact:
    """The advantage while one version was champion."""

    version: int
    advantage: Advantage


@dataclass(frozen=True, slots=True)
class Decay:
    """A version's advantage now, beside that of its first matured period.

    `change`: now - first, with the interval; entities in both periods count once in its error. `p_lower`: one-sided p-value of
    "the advantage is not lower".
    """

    version: int
    first: Advantage
    now: Advantage
    change: Estimate | None
    p_lower: float | None
    undecided: str | None = None


@dataclass(frozen=True, slots=True)
class ImpactMeasurement:
    """What the champion's arm brought against the heuristic's over a window of matured outcomes.

    `judged`: the matured part of `window`; None where there is none. `favourable`: the outcome that is good, in words; `assumed`: nobody
    said so, it is the default. `moved`: entities seen in two arms, left out. `nameless`: answers without an entity, outside the
    experiment. `strange`: outcomes that the task does not know, left out. `decay` None: no period to compare with, as `no_decay` says.
    """

    model: str
    window: Window
    judged: Window | None
    favourable: str
    assumed: bool
    confidence: float
    value_per_entity: float
    overall: Advantage | None
    undecided: str | None
    versions: tuple[VersionImpact, ...] = ()
    periods: tuple[Period, ...] = ()
    decay: Decay | None = None
    no_decay: str = ""
    moved: int = 0
    nameless: int = 0
    strange: int = 0
    problems: tuple[str, ...] = ()


class Pairing(StrEnum):
    """How champion and challenger are held against each other."""

    ARMS = "arms"  # each on entities of its own
    SHADOW = "shadow"  # both on the same rows


class Standing(StrEnum):
    """How the challenger stands to the champion."""

    BETTER = "better"
    WORSE = "worse"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Look:
    """What was to be seen at one instant. The difference has no bounds before the sequence has begun. `entities`: of the smaller arm."""

    at: datetime
    entities: int
    difference: Estimate


@dataclass(frozen=True, slots=True)
class Duel:
    """Champion against challenger since the challenge began, as a sequence of looks whose bounds hold together.

    `measure`: `outcome` (the favourable rate, more is better) or the name of a loss (less is better). `difference`s are challenger -
    champion. `level`: the chance that the truth is ever outside the bounds, over all looks. `needed`: how many more entities the
    smaller arm would need to decide at the present difference; a projection. `units`: `entities`, or `rows` where rows have none.
    """

    pairing: Pairing
    measure: str
    champion: int
    challenger: int
    champion_entities: int
    challenger_entities: int
    rows: int
    level: float
    standing: Standing
    looks: tuple[Look, ...]
    reasons: tuple[str, ...]
    decided_at: datetime | None = None
    needed: int | None = None
    units: str = "entities"
