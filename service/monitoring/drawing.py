"""The page of a pass: findings, plots and Evidently's own page in one file. Whatever cannot be drawn is said where it would stand."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from driftgate.lifecycle.findings import Finding, Monitor
from driftgate.reports.live import page
from driftgate.reports.live.page import Looked, Part
from driftgate.service.monitoring.comparing import Comparison
from driftgate.service.monitoring.duelling import Duelling
from driftgate.service.monitoring.looking import Look

HTML_NAME = "monitoring.html"
MOST_METRICS = 6
"""Metrics that are drawn over time: the loss, then those with a limit."""

Drawn = tuple[Sequence[str], Sequence[Path]]
"""Sentences and pictures."""


@dataclass(frozen=True)
class Drawing:
    """What of a look goes on its page. `off`: monitors that were not asked."""

    look: Look
    arms: Comparison
    duelling: Duelling
    off: Collection[Monitor]

    def write(self, looked: Looked, findings: Sequence[Finding], folder: Path) -> Mapping[str, str]:
        """The names of the page and, where drift was measured, of its JSON document in the folder, by format."""
        folder.mkdir(parents=True, exist_ok=True)
        parts = self.parts(folder)
        below, files = self._drift(folder)
        text = page.topped(below, looked, findings, parts, self.look.guarded.problems)
        (folder / HTML_NAME).write_text(text, encoding="utf-8")
        return {**files, "html": HTML_NAME}

    def _drift(self, folder: Path) -> tuple[str, Mapping[str, str]]:
        """Evidently's page, which goes on below our own so that an alarm leads to one page, and the other files of drift, by format.

        Only the head of it where the snapshot's rows are not to be had, and an empty page where drift was not measured.
        """
        from driftgate.reports.drift.page import headed

        watched = any(monitor not in self.off for monitor in (Monitor.DATA_DRIFT, Monitor.PREDICTION_DRIFT))
        if not len(self.look.found.inputs) or not watched:
            return page.BARE_PAGE, {}
        files = self.look.guarded.tried("Evidently's plots are not on the page", lambda: self._evidently(folder))
        if files is None:
            head = self.look.guarded.tried("drift is not on the page", lambda: headed(page.BARE_PAGE, self.look.drift, ()))
            return head or page.BARE_PAGE, {}
        drawn = folder / files["html"]
        below = drawn.read_text(encoding="utf-8")
        drawn.unlink()
        return below, {form: name for form, name in files.items() if form != "html"}

    def parts(self, folder: Path) -> Sequence[Part]:
        """Every part that has plots, in the order of the page."""
        return (
            self._part("Performance over time", Monitor.PERFORMANCE, lambda: self._performance(folder)),
            self._part("Reliability curve", Monitor.CALIBRATION, lambda: self._calibration(folder)),
            self._part("Growth of the loss, in its parts", Monitor.CONCEPT_SHIFT, lambda: self._concept(folder)),
            self._part("Outputs over time", Monitor.OUTPUTS, lambda: self._outputs(folder)),
            self._part("Impact over time", Monitor.IMPACT, lambda: self._impact(folder)),
            self._part("Challenger against champion", Monitor.CHALLENGER, lambda: self._duels(folder)),
        )

    def _part(self, heading: str, monitor: Monitor, make: Callable[[], Drawn]) -> Part:
        if monitor in self.off:
            return Part(heading, (f"{monitor.value} is not watched (monitoring.off).",))
        made = self.look.guarded.tried(f"{heading.lower()} could not be drawn", make)
        if made is None:
            return Part(heading, (f"This could not be drawn: {self.look.guarded.problems[-1]}.",))
        words, pictures = made
        return Part(heading, tuple(words), tuple(pictures))

    def _performance(self, folder: Path) -> Drawn:
        from driftgate.reports.live import plots

        if not self.look.found.truths:
            return [UNTOLD], []
        made = [
            plots.over_time(self.look.over_time, name, folder / f"{name}.png", limit=limit, holdout=holdout)
            for name, limit, holdout in self._metrics()
        ]
        return _or_said([path for path in made if path is not None], "No period has enough usable outcomes for any metric.")

    def _metrics(self) -> Iterator[tuple[str, float | None, float | None]]:
        """Name, limit and holdout's value of each metric that is drawn."""
        asked, seen = self.look.table.monitoring, self.look.performance
        reference = self.look.guarded.tried("the holdout's metrics", lambda: self.look.reference.performance)
        known = {} if reference is None else dict(reference.metrics)
        if seen.reference_loss is not None:
            known[seen.loss] = seen.reference_loss
        grown = None if seen.reference_loss is None else seen.reference_loss * (1.0 + asked.loss_growth)
        limits = {seen.loss: grown, **asked.limits}
        for name in list(limits)[:MOST_METRICS]:
            yield name, limits[name], known.get(name)

    def _calibration(self, folder: Path) -> Drawn:
        from driftgate.reports.live import plots

        if not self.look.found.truths:
            return [UNTOLD], []
        drawn = plots.reliability(self.look.calibration, folder / "reliability.png")
        return _or_said([drawn] if drawn else [], "No matured outcome can be used.")

    def _concept(self, folder: Path) -> Drawn:
        from driftgate.reports.live import plots

        if not self.look.found.truths:
            return [UNTOLD], []
        measured = self.look.concept
        return [measured.undecided] if measured.undecided else [], [plots.concept_bars(measured, folder / "concept.png")]

    def _outputs(self, folder: Path) -> Drawn:
        from driftgate.reports.live import plots

        if not len(self.look.found.inputs):
            return ["Nobody was answered in this window."], []
        drawn = plots.mean_output(self.look.outputs, folder / "outputs.png")
        return _or_said([drawn] if drawn else [], "This version gave no usable output in this window.")

    def _impact(self, folder: Path) -> Drawn:
        from driftgate.reports.impact import plots

        if not self.arms.possible:
            return ["The heuristic answered nobody in this window, so there is nothing to compare with."], []
        names = plots.draw(self.arms.measured, (), folder)
        why = self.arms.measured.undecided or "there is no week in which both arms have matured outcomes"
        return _or_said([folder / name for name in names], f"Not drawn: {why}.")

    def _duels(self, folder: Path) -> Drawn:
        from driftgate.reports.impact import plots

        challenger, found = self.duelling.found
        if challenger is None:
            return ["No version challenges."], []
        names = plots.draw(None, found, folder)
        return _or_said([folder / name for name in names], "No matured outcome of both versions is known yet.")

    def _evidently(self, folder: Path) -> Mapping[str, str]:
        from driftgate.reports.drift import evidently_report

        look = self.look
        both = look.drift.prediction is not None
        return evidently_report.write(
            look.drift,
            look.reference.rows,
            look.found.inputs.raw,
            look.found.schema,
            folder,
            holdout_outputs=look.reference.outputs if both else None,
            current_outputs=look.found.own.outputs if both else None,
        )


UNTOLD = "No outcome of what this version answered has matured yet."


def _or_said(pictures: Sequence[Path], words: str) -> Drawn:
    return ([], pictures) if pictures else ([words], [])
