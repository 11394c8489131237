"""What a change of policy loosens: for each limit, the direction in which more is approved."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from types import MappingProxyType
from typing import Any

from driftgate.lifecycle.canonical import plain
from driftgate.lifecycle.errors import WrongState
from driftgate.lifecycle.gates import SMALLER_IS_BETTER
from driftgate.lifecycle.policy import Policy, Standard
from driftgate.lifecycle.promotion_times import minutes

Rule = Callable[[Policy, Policy], bool]


@dataclass(frozen=True, slots=True)
class Change:
    """One limit that two policies set apart. `looser`: something that the first refuses may pass under the second because of it."""

    field: str
    before: Any
    after: Any
    looser: bool


def changes(before: Policy, after: Policy) -> tuple[Change, ...]:
    """Every limit that differs, in the policy's order, with what it does."""
    return tuple(
        Change(name, plain(getattr(before, name)), plain(getattr(after, name)), _looser(name, before, after))
        for name in (field.name for field in fields(Policy))
        if plain(getattr(before, name)) != plain(getattr(after, name))
    )


def looser(before: Policy, after: Policy) -> tuple[str, ...]:
    """The limits that the second policy loosens; under a policy that loosens none, whatever passes has passed before."""
    return tuple(change.field for change in changes(before, after) if change.looser)


def from_document(document: Mapping[str, Any]) -> Policy:
    """The policy that the ledger kept as JSON. A limit that it does not know yet has its default.

    Raises WrongState where it holds a limit that this release does not know: judging without it would loosen it.
    """
    known = {field.name for field in fields(Policy)}
    strange = sorted(set(document) - known)
    if strange:
        raise WrongState(f"the policy in force was applied by a newer Driftgate, which limits {', '.join(strange)} too: upgrade this one")
    default = Policy()
    return Policy(**{name: _typed(getattr(default, name), value) for name, value in document.items()})


def _typed(default: Any, value: Any) -> Any:
    """The JSON value in the type that the field has."""
    if isinstance(default, Enum):
        return type(default)(value)
    if isinstance(default, tuple) and isinstance(value, list):
        return tuple(value)
    return value


def _looser(name: str, before: Policy, after: Policy) -> bool:
    # A limit without a rule is taken for loosened: whoever adds one is told by a test, and nobody slips through meanwhile.
    rule = RULES.get(name)
    return True if rule is None else rule(before, after)


def _higher(name: str) -> Rule:
    """Looser where it is larger. What cannot be compared (NaN) is looser."""
    return lambda before, after: not getattr(after, name) <= getattr(before, name)


def _lower(name: str) -> Rule:
    """Looser where it is smaller."""
    return lambda before, after: not getattr(after, name) >= getattr(before, name)


def _fewer(name: str) -> Rule:
    """Looser where anything was taken away."""
    return lambda before, after: bool(set(getattr(before, name)) - set(getattr(after, name)))


def _more(name: str) -> Rule:
    """Looser where anything was added."""
    return lambda before, after: bool(set(getattr(after, name)) - set(getattr(before, name)))


def _other(name: str) -> Rule:
    """Looser where it differs at all: neither direction is the stricter one for every evidence."""
    return lambda before, after: bool(getattr(after, name) != getattr(before, name))


def _floors(before: Policy, after: Policy) -> bool:
    return any(
        name not in after.floors or not (after.floors[name] <= limit if name in SMALLER_IS_BETTER else after.floors[name] >= limit)
        for name, limit in before.floors.items()
    )


def _standard(before: Policy, after: Policy) -> bool:
    return before.standard is Standard.SUPERIOR and after.standard is not Standard.SUPERIOR


def _approval_days(before: Policy, after: Policy) -> bool:
    days = [math.inf if policy.approval_days is None else policy.approval_days for policy in (before, after)]
    return not days[1] <= days[0]


def _windows(before: Policy, after: Policy) -> bool:
    if not before.promotion_windows or before.promotion_windows == after.promotion_windows:
        return False
    return not after.promotion_windows or not minutes(after.promotion_windows) <= minutes(before.promotion_windows)


def _time_zone(before: Policy, after: Policy) -> bool:
    # Hours of one zone lie elsewhere in another: some moment is allowed now that was not.
    return bool(before.promotion_windows) and before.time_zone != after.time_zone


RULES: Mapping[str, Rule] = MappingProxyType({
    "standard": _standard,
    "margin": _higher("margin"),
    "confidence": _lower("confidence"),
    "minimum_rows": _lower("minimum_rows"),
    "floors": _floors,
    "growth_limit": _higher("growth_limit"),
    "growth_margin": _higher("growth_margin"),
    "forgive_growth": _higher("forgive_growth"),
    "gated_magnitude": _lower("gated_magnitude"),
    "gated_scenarios": _fewer("gated_scenarios"),
    "test_seconds": _higher("test_seconds"),
    "approval": _lower("approval"),
    "off": _more("off"),
    "refusal_level": _lower("refusal_level"),
    "slice_margin": _higher("slice_margin"),
    "slice_rows": _higher("slice_rows"),
    "calibration_intercept": _higher("calibration_intercept"),
    "calibration_slope": _higher("calibration_slope"),
    "recent_rows": _other("recent_rows"),
    "freshness_auc": _higher("freshness_auc"),
    "missing_growth": _higher("missing_growth"),
    "duplicate_share": _higher("duplicate_share"),
    "overlap_share": _higher("overlap_share"),
    "leak_limit": _higher("leak_limit"),
    "label_change": _higher("label_change"),
    "exchange_limit": _higher("exchange_limit"),
    "replay_errors": _higher("replay_errors"),
    "changed_answers": _higher("changed_answers"),
    "latency_ms": _higher("latency_ms"),
    "artifact_mb": _higher("artifact_mb"),
    "memory_mb": _higher("memory_mb"),
    "cost_ratio": _higher("cost_ratio"),
    "approval_days": _approval_days,
    "cooldown_days": _lower("cooldown_days"),
    "promotion_windows": _windows,
    "time_zone": _time_zone,
    "spend_level": _lower("spend_level"),
    "tests": _fewer("tests"),
    "best_of": _lower("best_of"),
    "rollout_stages": _fewer("rollout_stages"),
    "rollout_minutes": _lower("rollout_minutes"),
    "rollout_rows": _lower("rollout_rows"),
    "rollout_level": _lower("rollout_level"),
    "rollout_errors": _higher("rollout_errors"),
    "rollout_latency": _higher("rollout_latency"),
    "rollout_outputs": _higher("rollout_outputs"),
    "rollout_patience_hours": _higher("rollout_patience_hours"),
    "rollout_watch_hours": _lower("rollout_watch_hours"),
})  # fmt: skip
"""By the name of a field, whether the second policy is looser than the first in it."""
