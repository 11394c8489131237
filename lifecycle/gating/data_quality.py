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
    """Fails where the snapshot repeats itself, shares rows between train and holdout, leaks, loses values, changes labels or mixes columns.

    Growth of missing values, changes of labels and exchanged columns count where they are surely over their limit, a leak where the feature
    ranks the target above its limit and surely above .9; shares of rows are counted, and may be over what chance gives by as much as their
    limit.
    """
    if found is None:
        return unmeasured("data_quality")
    measured, limit = _numbers(found, policy)
    stale = stale_limits({"refusal_level": policy.refusal_level}, {"refusal_level": found.level})
    if stale:
        return Gate("data_quality", Verdict.UNDECIDED, (stale,), measured, limit)
    findings = [*_shares(found, policy), *_changes(found, policy), *_leaks(found, policy), *_exchanges(found, policy)]
    blocking = tuple(reason for verdict, reason in findings if verdict.blocks)
    return Gate(
        "data_quality", combined([Verdict.PASS, *(verdict for verdict, _ in findings)]), blocking or _passed(found, policy), measured, limit
    )


def _passed(found: DataQuality, policy: Policy) -> tuple[str, ...]:
    notes = [
        f"note: {share:.1%} {words}, which is not surprising where columns have few values: by chance {chance:.1%} would"
        for words, share, chance, limit in _repeats(found, policy)
        if share > limit
    ]
    return (f"nothing is wrong with the {found.train_rows} train and {found.holdout_rows} holdout rows", *notes)


def _repeats(found: DataQuality, policy: Policy) -> tuple[tuple[str, float, float, float], ...]:
    """What is said of a share of rows, the share, what chance gives of it, and by how much it may be over that."""
    own = (
        ("of the snapshot's rows repeat another", found.duplicates, found.duplicates_by_chance, policy.duplicate_share),
        ("of the holdout's rows stand in train as well", found.overlap, found.overlap_by_chance, policy.overlap_share),
    )
    if found.entity_overlap is None:
        return own
    return (*own, ("of the holdout's rows are of entities in train", found.entity_overlap, 0.0, policy.overlap_share))


def _shares(found: DataQuality, policy: Policy) -> Iterator[tuple[Verdict, str]]:
    for words, share, chance, limit in _repeats(found, policy):
        if not finite(share, chance, limit):
            yield Verdict.UNDECIDED, f"what share {words} is no number, or has no limit"
        elif share - chance > limit:
            expected = f", where {chance:.1%} would by chance" if chance > 0 else ""
            yield Verdict.FAIL, f"{share:.1%} {words}{expected}, over the limit of {limit:.1%}{' beyond that' if chance > 0 else ''}"


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


def _exchanges(found: DataQuality, policy: Policy) -> Iterator[tuple[Verdict, str]]:
    if not finite(policy.exchange_limit):
        yield Verdict.UNDECIDED, "exchange_limit is no number"
    for each in found.exchanges:
        if not finite(each.estimate.value):
            yield Verdict.UNDECIDED, f"whether {each.name} changed places from {each.against} cannot be told"
        elif each.estimate.lower is not None and each.estimate.lower > policy.exchange_limit:
            nearer = (
                f"they are nearer to each other than to themselves by {each.estimate.value:.2f} of 1, surely over {policy.exchange_limit:g}"
            )
            yield (
                Verdict.FAIL,
                f"{each.name} seem to have changed places from {each.against}: {nearer}. Were the columns of a file mixed up?",
            )


def _suspect(leak: Measured, policy: Policy) -> str:
    found = f"{leak.name} alone ranks the holdout's {leak.against} at {leak.estimate.value:.4g} of 1, limit {policy.leak_limit:g}"
    return f"{found}: is it known only afterwards, or copied from the target? Then drop it; else raise gates.leak_limit"


def _numbers(found: DataQuality, policy: Policy) -> tuple[dict[str, Number], dict[str, Number]]:
    measured: dict[str, Number] = {
        "train_rows": found.train_rows, "holdout_rows": found.holdout_rows, "duplicates": found.duplicates, "overlap": found.overlap,
        "duplicates_by_chance": found.duplicates_by_chance, "overlap_by_chance": found.overlap_by_chance,
    }  # fmt: skip
    if found.entity_overlap is not None:
        measured["entity_overlap"] = found.entity_overlap
    for name, values in (
        ("missing_growth", found.missing),
        ("label_change", found.labels),
        ("leak", found.leaks),
        ("exchange", found.exchanges),
    ):
        worst = max(values, key=_value, default=None)
        if worst is not None:
            measured |= {name: worst.estimate.value, f"{name}_lower": worst.estimate.lower, f"{name}_of": worst.name}
    limit: dict[str, Number] = {
        "duplicates": policy.duplicate_share, "overlap": policy.overlap_share, "missing_growth": policy.missing_growth,
        "label_change": policy.label_change, "leak": policy.leak_limit, "exchange": policy.exchange_limit, "level": policy.refusal_level,
    }  # fmt: skip
    return measured, limit


def _value(each: Measured) -> float:
    return each.estimate.value if finite(each.estimate.value) else float("-inf")
