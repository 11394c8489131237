"""What a card says, section by section. What is not known is said to be unknown, and nothing is made up."""

from collections.abc import Mapping

from driftgate.lifecycle.schema import Column, ColumnKind
from driftgate.reports.cards.blocks import NOT_DEFINED, NOT_KNOWN, Block, Card, Grid, Items, Picture, Section, Words, bounded, number
from driftgate.reports.cards.decisions import decisions, gates, hashes, limits
from driftgate.reports.cards.facts import CardFacts, Envelope, Measured

MOST_FEATURES = 200
MOST_PARAMETERS = 200
NOT_STATED = "not stated in driftgate.toml"
OUTSIDE = (
    "This version was trained outside of Driftgate and adopted: how it was trained, and that it was trained on these rows, is not known "
    "to Driftgate. It measured the version itself, on the holdout rows that it was given."
)
SIMULATED = ("scenario", "rows changed", "loss on all rows", "growth of the loss", "lower bound", "upper bound")


def card(facts: CardFacts) -> Card:
    """The card of the facts; the same facts give the same card."""
    version = facts.version
    return Card(
        f"Model card: {version.model}, version {version.number}",
        (
            Section("At a glance", _glance(facts)),
            Section("Intended use and known limits", _purpose(facts)),
            Section("Data", _data(facts)),
            Section("Training", _training(facts)),
            Section("Metrics on the holdout", _metrics(facts)),
            Section("Degradation envelope", _envelope(facts.envelope, version.number)),
            Section("Gates", gates(facts)),
            Section("Limits that it was judged by", limits(facts)),
            Section("Decisions", decisions(facts)),
            Section("Hashes, and how to check them", hashes(facts)),
        ),
    )


def named(rows: Mapping[str, str], heading: tuple[str, str] = ("what", "value")) -> Grid:
    """A table of two columns."""
    return Grid(heading, tuple(rows.items()))


def _glance(facts: CardFacts) -> tuple[Block, ...]:
    version, head = facts.version, facts.head
    made = "the ledger had no rows yet" if head is None else f"as of row {head.sequence} of the ledger, {head.at:%Y-%m-%d %H:%M:%S} UTC"
    return (
        named(
            {
                "model": version.model,
                "version": str(version.number),
                "by the ledger": facts.standing,
                "task": version.schema.task.value,
                "decision threshold": "none" if version.threshold is None else number(version.threshold),
                "registered": f"{version.created:%Y-%m-%d %H:%M:%S} UTC",
                "trained by Driftgate": "yes" if facts.run.ours else f"no, adopted by {facts.run.adopted_by or NOT_KNOWN}",
                "owner": facts.purpose.owner or NOT_STATED,
                "contact": facts.purpose.contact or NOT_STATED,
                "this card": made,
            }
        ),
        Words("A card is a rendering for people. What it says of decisions stands in the ledger, and of files in the table of digests."),
    )


def _purpose(facts: CardFacts) -> tuple[Block, ...]:
    told = facts.purpose
    return (named({"intended use": told.intended_use or NOT_STATED, "known limits": told.limits or NOT_STATED}),)


def _data(facts: CardFacts) -> tuple[Block, ...]:
    schema, snapshot = facts.version.schema, facts.version.snapshot
    source = facts.run.tags.get("driftgate.source") if facts.run.ours else None
    rows = {
        "source": source or NOT_KNOWN,
        "target": schema.target,
        "classes": ", ".join(schema.classes) if schema.classes else "none: a number is predicted",
        "entity": schema.entity or "none",
        "time": schema.time or "none",
        "training rows": f"{snapshot.train_rows:,} (SHA-256 {snapshot.train_sha256})",
        "holdout rows": f"{snapshot.holdout_rows:,} (SHA-256 {snapshot.holdout_sha256})",
    }
    shown = schema.columns[:MOST_FEATURES]
    more = len(schema.columns) - len(shown)
    table = Grid(("feature", "kind", "seen in training", "missing values"), tuple(_feature(column) for column in shown))
    return named(rows), table, *((Words(f"{more:,} more features are in the schema of the version."),) if more else ())


def _feature(column: Column) -> tuple[str, str, str, str]:
    if column.kind is ColumnKind.CATEGORICAL:
        seen = f"{len(column.levels):,} levels"
    else:
        seen = "no finite value" if column.low is None or column.high is None else f"{number(column.low)} to {number(column.high)}"
    return column.name, column.kind.value, seen, "seen" if column.nullable else "none seen"


def _training(facts: CardFacts) -> tuple[Block, ...]:
    run = facts.run
    if not run.ours:
        words: tuple[Block, ...] = (Words(OUTSIDE),)
        return (*words, Words("Parameters, as its run has them:"), _parameters(run.params)) if run.params else words
    asked = {
        "asked for by": run.tags.get("driftgate.actor", NOT_KNOWN),
        "reason": run.tags.get("driftgate.reason", NOT_KNOWN),
        "code revision": run.tags.get("driftgate.code_revision", NOT_KNOWN),
        "warnings": run.tags.get("driftgate.warnings", "none"),
        "MLflow run": facts.version.run_id,
    }
    return named(asked), _parameters(run.params) if run.params else Words("The run has no parameters.")


def _parameters(params: Mapping[str, str]) -> Grid:
    shown = dict(sorted(params.items())[:MOST_PARAMETERS])
    more = {"...": f"{len(params) - len(shown):,} more in the run"} if len(params) > len(shown) else {}
    return named({**shown, **more}, ("parameter", "value"))


def _metrics(facts: CardFacts) -> tuple[Block, ...]:
    return (*_measured(facts.measured), *(Picture(words, png) for words, png in sorted(facts.pictures.items())))


def _measured(found: Measured) -> tuple[Block, ...]:
    if found.problem is not None:
        return (Words(f"Not measured: {found.problem}"),)
    rows = tuple((each.name, *bounded(each.estimate), f"{found.rows:,}") for each in found.metrics)
    return (
        Words(
            f"Each bound is one-sided, at {found.confidence:.0%} by itself. What counts as independent: {found.groups:,} {found.units}. "
            f"A metric that these rows do not define is {NOT_DEFINED}."
        ),
        Grid(("metric", "value", "lower bound", "upper bound", "rows"), rows),
    )


def _envelope(found: Envelope | None, version: int) -> tuple[Block, ...]:
    if found is None:
        return (Words(f"Not simulated yet, or not within a judgement that kept its evidence: driftgate simulate {version}"),)
    # It draws, and what draws takes a second to import.
    from driftgate.reports.degradation_plot import remarks

    envelope = found.degradation
    name = {"mae": "MAE", "log_loss": "log-loss"}.get(envelope.loss, envelope.loss)
    rows = [("base case", "-", number(envelope.base.loss), "-", "-", "-")]
    for outcome in envelope.scenarios:
        value, lower, upper = (NOT_DEFINED,) * 3 if outcome.problem else bounded(outcome.growth)
        rows.append((outcome.scenario, f"{outcome.rows:,}", number(outcome.loss), value, lower, upper))
    return (
        Words(
            f"From {found.source}: the {name} on {envelope.rows:,} holdout rows when features drift and labels stay. Growth is relative: "
            f"0.1 is 10 % more than in the base case. Each bound is one-sided at {envelope.confidence:.0%}; seed {envelope.seed}."
        ),
        Grid(SIMULATED, tuple(rows)),
        *((Items(told),) if (told := tuple(remarks(envelope))) else ()),
        *((Picture("growth of the loss by scenario", found.png),) if found.png else ()),
    )
