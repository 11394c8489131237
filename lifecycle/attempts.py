"""The level that is spent when candidate after candidate is judged on the same rows against the same champion.

Each comparison may be wrong with a chance of at most one minus the confidence. Whoever tries often enough on the same rows is
lucky once. So each other version that was judged there before halves the chance that is left to this one: over any number of
attempts together it stays below twice that of the first. The same version again is no new attempt: on those rows, by the same seeds, it
gets the same answer. What may answer otherwise at another time (`cost`, `freshness`, `replay` and the user's tests) is not about those
rows, and spends nothing.
"""

from collections.abc import Iterable
from dataclasses import replace

from driftgate.lifecycle.ledger import Event, Kind
from driftgate.lifecycle.policy import Policy

JUDGING = (Kind.JUDGED, Kind.CHALLENGED, Kind.CHALLENGE_REFUSED)
"""The events that hold a judgement."""

MOST_HALVINGS = 20
"""A millionth of the level: below that, bounds are what floating-point numbers make of them."""


def attempted(events: Iterable[Event], model: str, holdout_sha256: str, champion: int | None) -> frozenset[int]:
    """The versions of the model that were judged on that holdout against that champion."""
    judgements = (event for event in events if event.model == model and event.kind in JUDGING)
    return frozenset(
        int(event.body["judged_version"])
        for event in judgements
        if event.body.get("holdout_sha256") == holdout_sha256 and event.body.get("judged_against") == champion
    )


def spent(policy: Policy, others: int) -> Policy:
    """The policy for a version before which so many others were judged on the same evidence."""
    if not policy.spend_level or others <= 0:
        return policy
    return replace(policy, confidence=1.0 - (1.0 - policy.confidence) / 2.0 ** min(others, MOST_HALVINGS))
