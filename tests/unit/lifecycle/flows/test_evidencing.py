import hashlib

from driftgate.lifecycle.flows.evidencing import keep
from driftgate.lifecycle.flows.promoting import judged
from driftgate.lifecycle.policy import Policy
from tests.builders import MODEL, a_version, passing_cost, passing_evidence
from tests.fakes import FakeRegistry


def test_a_promotion_that_is_judged_twice_keeps_both_bundles_under_their_own_names() -> None:
    registry = FakeRegistry.holding(a_version(1), a_version(2))
    first, second = (passing_evidence(cost=passing_cost(beside)) for beside in (1, None))

    kept = [keep("p1", each, judged(each, Policy()), Policy(), registry) for each in (first, second, first)]

    assert kept[0] == kept[2] != kept[1]
    assert len(registry.evidence) == 2
    for each in kept:
        text = registry.evidence[MODEL, first.version, each["bundle"].removeprefix("evidence/")]
        assert hashlib.sha256(text.encode()).hexdigest() == each["bundle_sha256"]
        assert each["bundle"] == f"evidence/p1-{each['bundle_sha256'][:16]}.json"
