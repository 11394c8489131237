"""Whether the rows that a version was made from and judged on can be trusted."""

from collections.abc import Iterator

from driftgate.lifecycle.gating.words import finite, stale_limits, unmeasured
from driftgate.lifecycle.measurements_gates import DataQuality, Measured
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.verdicts import Gate, Number, Verdict, combined

SURE = 0.9
"""A feature whose ranking is not surely better than this may be near perfect by chance."""
NAMED = 3


def data_quality_gate(found: DataQuality | None, policy: Policy) -> Gate:
    """Fails where the snapshot repeats itself, shares rows between train and holdout, leaks, loses values or changes its labels too much.

    Growth of missing values and changes of labels count where they are surely over their limit, a leak where the feature ranks the
    target above its limit and surely above .9; shares of rows are counted, not estimated.
    """
    if found is None:
        return unmeasured("data_quality")
    measured, limit = _numbers(found, policy)
    stale = stale_limits({"refusal_level": policy.refusal_level}, {"refusal_level": found.level})
    if stale:
        return Gate("data_quality", Verdict.UNDECIDED, (stale,), measured, limit)
    findings = [*_shares(found, policy), *_changes(found, policy), *_leaks(found, policy)]
    blocking = tuple(reason for verdict, reason in findings if verdict.blocks)
    passed = f"nothing is wrong with the {found.train_rows} train and {found.holdout_rows} holdout rows"
    return Gate("data_quality", combined([Verdict.PASS, *(verdict for verdict, _ in findings)]), blocking or (passed,), measured, limit)


def _shares(found: DataQuality, policy: Policy) -> Iterator[tuple[Verdict, str]]:
    entities = (
        ()
        if found.entity_overlap is None
        else (("of the holdout's rows are of entities in train", found.entity_overlap, policy.overlap_share),)
    )
    for words, share, limit in (
        ("of the snapshot's rows repeat another", found.duplicates, policy.duplicate_share),
        ("of the holdout's rows stand in train as well", found.overlap, policy.overlap_share),
        *entities,
    ):
        if not finite(share, limit):
            yield Verdict.UNDECIDED, f"what share {words} is no number, or has no limit"
        elif share > limit:
            yield Verdict.FAIL, f"{share:.1%} {words}, over the limit of {limit:.1%}"


def _changes(found: DataQuality, policy: Policy) -> Iterator[tuple[Verdict, str]]:
    for each, what, limit in (
        *((each, f"missing values of {each.name} grow by", policy.missing_growth) for each in found.missing),
        *((each, f"the share of {each.name} changes by", policy.label_change) for each in found.labels),
    ):
        if not finite(each.estimate.value, limit):
            yield Verdict.UNDECIDED, f"{what} no number from {each.against}"
        elif each.estimate.lower is not None and each.estimate.lower > limit:
            yield Verdict.FAIL, f"{what} {each.estimate.value:.1%} from {each.against}, surely over {limit:.1%}"


def _leaks(found: DataQuality, policy: Policy) -> Iterator[tuple[Verdict, str]]:
    if not finite(policy.leak_limit):
        yield Verdict.UNDECIDED, "leak_limit is no number"
    for each in found.leaks:
        if not finite(each.estimate.value):
            yield Verdict.UNDECIDED, f"how well {each.name} alone ranks the target is no number"
        elif each.estimate.value >= policy.leak_limit and each.estimate.lower is not None and each.estimate.lower > SURE:
            yield Verdict.FAIL, _suspect(each, policy)


def _suspect(leak: Measured, policy: Policy) -> str:
    found = f"{leak.name} alone ranks the holdout's {leak.against} at {leak.estimate.value:.4g} of 1, limit {policy.leak_limit:g}"
    return f"{found}: is it known only afterwards, or copied from the target? Then drop it; else raise gates.leak_limit"


def _numbers(found: DataQuality, policy: Policy) -> tuple[dict[str, Number], dict[str, Number]]:
    measured: dict[str, Number] = {
        "train_rows": found.train_rows, "holdout_rows": found.holdout_rows, "duplicates": found.duplicates, "overlap": found.overlap,
    }  # fmt: skip
    if found.entity_overlap is not None:
        measured["entity_overlap"] = found.entity_overlap
    for name, values in (("missing_growth", found.missing), ("label_change", found.labels), ("leak", found.leaks)):
        worst = max(values, key=_value, default=None)
        if worst is not None:
            measured |= {name: worst.estimate.value, f"{name}_lower": worst.estimate.lower, f"{name}_of": worst.name}
    limit: dict[str, Number] = {
        "duplicates": policy.duplicate_share, "overlap": policy.overlap_share, "missing_growth": policy.missing_growth,
        "label_change": policy.label_change, "leak": policy.leak_limit, "level": policy.refusal_level,
    }  # fmt: skip
    return measured, limit


def _value(each: Measured) -> float:
    return each.estimate.value if finite(each.estimate.value) else float("-inf")
