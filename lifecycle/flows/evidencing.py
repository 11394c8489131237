"""Evidence bundles: everything behind one judgement, kept with the version's run under the hash that the ledger holds."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from driftgate.lifecycle.canonical import canonical, plain
from driftgate.lifecycle.gates import Evidence, Judgement
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.ports import Registry
from driftgate.lifecycle.versions import Version

DIGITS = 16
"""Of the digest, in a bundle's name."""


def keep(subject: str, evidence: Evidence, judgement: Judgement, policy: Policy, registry: Registry) -> Mapping[str, Any]:
    """What the ledger says of the bundle: its file below the run of the judged version, and the SHA-256 of that file.

    The bundle holds the findings, the gates, the policy, and the digests of the versions that were measured. It is kept before the
    judgement is recorded, so that the ledger never names evidence that is nowhere. `subject`: the id of the promotion or challenge.

    Its name has part of the digest: what a crash or a second worker judges once more is kept beside the first, and never in its place.
    """
    candidate = registry.version(evidence.model, evidence.version)
    champion = None if evidence.champion is None else registry.version(evidence.model, evidence.champion)
    text = bundle(subject, evidence, judgement, policy, [candidate, *([champion] if champion else [])])
    digest = hashlib.sha256(text.encode()).hexdigest()
    name = f"{subject}-{digest[:DIGITS]}.json"
    registry.keep_evidence(candidate, name, text)
    return {"bundle": f"evidence/{name}", "bundle_sha256": digest}


def bundle(subject: str, evidence: Evidence, judgement: Judgement, policy: Policy, versions: Sequence[Version]) -> str:
    """The bundle as canonical JSON. The same judgement gives the same bytes."""
    content = {
        "subject": subject,
        "evidence": plain(evidence),
        "evidence_sha256": judgement.evidence_sha256,
        "verdict": judgement.verdict.value,
        "gates": plain(judgement.gates),
        "policy": plain(policy),
        "policy_sha256": judgement.policy_sha256,
        "digests": [_digests(version) for version in versions],
    }
    return canonical(content)


def _digests(version: Version) -> Mapping[str, Any]:
    return {
        "version": version.number,
        "run_id": version.run_id,
        "artifact_sha256": version.artifact_sha256,
        "snapshot": plain(version.snapshot),
    }
