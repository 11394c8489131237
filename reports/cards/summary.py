"""The few lines about a version that stand in its description, with the way to its card."""

from driftgate.reports.cards.facts import CardFacts
from driftgate.reports.cards.markdown import escape


def summary(facts: CardFacts, place: str) -> str:
    """Markdown: what the version is, its last judgement, and where the card is. `place`: the card's path in the version's run."""
    version, judged = facts.version, facts.judged
    link = f"[Model card]({facts.run.link})" if facts.run.link else "Model card"
    verdict = "not judged yet" if judged is None else f"judged {judged.body.get('verdict', judged.kind.value.replace('_', ' '))}"
    when = "" if judged is None else f" on {judged.at:%Y-%m-%d}"
    made = "before the first row of the ledger" if facts.head is None else f"as of ledger row {facts.head.sequence}"
    return (
        f"{link} ({place} in run {version.run_id}, {made}): {facts.standing}; {escape(verdict)}{when}; "
        f"{version.snapshot.train_rows:,} training and {version.snapshot.holdout_rows:,} holdout rows, "
        f"snapshot {version.snapshot.sha256[:12]}, artifact {version.artifact_sha256[:12]}."
    )
