"""What a model card says, gathered: from the ledger, the kept reports, the version's run and the settings."""

import json
import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from driftgate.lifecycle.errors import DriftgateError, Unavailable
from driftgate.lifecycle.flows import policing
from driftgate.lifecycle.histories import history, last_judgement, standing
from driftgate.lifecycle.ledger import Event, Kind
from driftgate.lifecycle.ports import Ledger, Report, Scorer
from driftgate.lifecycle.ports_cards import CardShelf
from driftgate.lifecycle.versions import Version
from driftgate.service.judged_rows import entities_of
from driftgate.service.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from driftgate.lifecycle.measurements import Degradation
    from driftgate.reports.cards.facts import CardFacts, Envelope, Measured, Purpose

logger = logging.getLogger(__name__)

METRICS = "metrics.json"
SIMULATION = "simulation"


class Shelved(Protocol):
    """Bound versions with their files and reports: the registry."""

    def version(self, model: str, number: int) -> Version:
        """One version. Raises VersionNotFound."""
        ...

    def scorer(self, version: Version) -> Scorer:
        """The version, loaded after its digest was checked."""
        ...

    def snapshot(self, version: Version, part: str) -> "pd.DataFrame":
        """Its `train` or `holdout` rows, conformed."""
        ...

    def listed(self, model: str) -> Sequence[Report]:
        """Reports of the model, newest first."""
        ...

    def report_file(self, report: Report, form: str) -> Path:
        """A local copy of one of the report's files."""
        ...


def newest_simulation(number: int, reports: Sequence[Report]) -> Report | None:
    """The newest simulation of the version among reports, newest first."""
    return next((each for each in reports if (each.kind, each.version) == (SIMULATION, number) and "json" in each.files), None)


class FactGatherer:
    """Gathers. What it cannot read because it is not there is unknown; what does not answer raises Unavailable."""

    def __init__(self, settings: Settings, versions: Shelved, ledger: Ledger, shelf: CardShelf) -> None:
        self._settings = settings
        self._versions = versions
        self._ledger = ledger
        self._shelf = shelf

    def version(self, model: str, number: int) -> Version:
        """The bound version. Raises VersionNotFound."""
        return self._versions.version(model, number)

    def events(self, model: str) -> Sequence[Event]:
        """The model's events, in order."""
        return self._ledger.events(model=model)

    def reports(self, model: str) -> Sequence[Report]:
        """The model's kept reports, newest first."""
        return self._versions.listed(model)

    def facts(self, version: Version, events: Sequence[Event], reports: Sequence[Report]) -> "CardFacts":
        """The facts of the version's card."""
        from driftgate.reports.cards.facts import CardFacts

        model, number = version.model, version.number
        applied = self._ledger.latest(model, Kind.POLICY_CHANGED)
        run, judged = self._shelf.run(version), last_judgement(events, number)
        return CardFacts(
            version=version,
            purpose=self._purpose(model),
            run=run,
            measured=self._measured(version),
            standing=standing(events, number, model),
            history=history(events, number),
            judged=judged,
            envelope=self._simulated(newest_simulation(number, reports)) or self._judged_envelope(version, judged),
            force=policing.in_force(model, self._ledger),
            force_since=None if applied is None else applied.at,
            head=self._ledger.head(),
            # The plots of a foreign run are whatever its author put there.
            pictures=self._shelf.pictures(version) if run.ours else {},
        )

    def _purpose(self, model: str) -> "Purpose":
        from driftgate.reports.cards.facts import Purpose

        return Purpose(**self._settings.models[model].card.model_dump())

    def _measured(self, version: Version) -> "Measured":
        """The metrics, measured once: rows, model and seed of a version never change."""
        from driftgate.reports.cards import reading
        from driftgate.reports.cards.facts import Measured

        kept = self._shelf.read(version, f"card/{METRICS}")
        known = None if kept is None else reading.measured(kept)
        if known is not None and known.confidence == self._confidence(version):
            return known
        try:
            found = self._measure(version)
        except Unavailable:
            raise
        except DriftgateError as error:
            return Measured(version.snapshot.holdout_rows, self._confidence(version), "rows", 0, problem=error.message)
        self._shelf.keep(version, {METRICS: reading.as_json(found)})
        return found

    def _measure(self, version: Version) -> "Measured":
        from driftgate.reports.cards import measuring

        holdout = self._versions.snapshot(version, "holdout")
        return measuring.measure(
            version.schema,
            holdout[version.schema.target],
            self._versions.scorer(version).score(holdout),
            threshold=version.threshold,
            confidence=self._confidence(version),
            seed=self._settings.models[version.model].seed,
            entities=entities_of(holdout, version.schema),
        )

    def _confidence(self, version: Version) -> float:
        return self._settings.models[version.model].gates.confidence

    def _simulated(self, report: Report | None) -> "Envelope | None":
        if report is None:
            return None
        try:
            document = json.loads(self._versions.report_file(report, "json").read_bytes())
        except Unavailable:
            raise
        except (DriftgateError, OSError, ValueError) as error:
            logger.warning("the simulation %s of %s could not be read: %s", report.id, report.model, error)
            return None
        return _envelope(document, f"simulation {report.id}")

    def _judged_envelope(self, version: Version, judged: Event | None) -> "Envelope | None":
        path = None if judged is None else judged.body.get("bundle")
        text = None if path is None else self._shelf.read(version, str(path))
        if judged is None or text is None:
            return None
        try:
            document = json.loads(text)["evidence"]["degradation"]
        except (KeyError, TypeError, ValueError):
            return None
        return None if document is None else _envelope(document, f"the evidence of {judged.subject}")


def _envelope(document: Mapping[str, Any], source: str) -> "Envelope | None":
    from driftgate.reports.cards import reading
    from driftgate.reports.cards.facts import Envelope

    try:
        envelope = reading.degradation(document)
    except (KeyError, TypeError, ValueError) as error:
        logger.warning("the envelope of %s could not be read: %s", source, error)
        return None
    return Envelope(envelope, source, _drawn(envelope))


def _drawn(envelope: "Degradation") -> bytes:
    from driftgate.reports import degradation_plot

    with tempfile.TemporaryDirectory(prefix="driftgate-card-") as folder:
        return degradation_plot.draw(envelope, Path(folder) / "envelope.png").read_bytes()
