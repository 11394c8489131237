"""Versions that other code registered, bound to their snapshot."""

from pathlib import Path

from driftgate.service import documents
from driftgate.service.bootstrap import Running
from driftgate.service.documents import Document


def adopt_version(parts: Running, model: str, number: int, train: Path, holdout: Path, actor: str) -> Document:
    """The version, bound to the rows of the two files and measured on the holdout; the same again changes nothing."""
    import pandas as pd

    from driftgate.lifecycle.plan import Source
    from driftgate.reports import performance
    from driftgate.training import sources
    from driftgate.training.conform import conform
    from driftgate.training.schema import infer

    plan = parts.app.settings.plan(model)
    base = Path.cwd()
    rows = [sources.read(Source(path=str(path), separator=plan.source.separator), base) for path in (train, holdout)]
    schema = infer(pd.concat(rows, ignore_index=True), plan, keep_all=True).schema
    trained, kept = (conform(frame, schema, with_target=True) for frame in rows)
    threshold = plan.threshold.value if len(schema.classes) == 2 else None  # noqa: PLR2004 - binary
    version = parts.registry.adopt(
        model, number, trained, kept, schema, actor=actor, threshold=threshold, source=f"{train.name} and {holdout.name}"
    )
    measured = performance.measure(
        schema,
        kept[schema.target],
        parts.registry.scorer(version).score(kept),
        train=performance.target_stats(trained[schema.target], schema),
        threshold=threshold,
    )
    parts.registry.record_metrics(version, measured.metrics)
    return {**documents.retrained(version), "metrics": dict(measured.metrics)}
