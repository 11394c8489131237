"""Whether promotions are decided rightly: versions whose true loss is known, through every gate that is on by default.

Run: `python -m benchmarks.decisions` (`--candidates 40 --no-backtests` for a look). The world, the champion and the candidates are
simulated (`benchmarks/simulated_world.py`); everything between a candidate and its verdict is the product's own: the examiner, all
measurements, all gates, the default policy. Each candidate is judged on 2,000 rows of its own, beside a champion and four former champions,
with payloads in the log. The margin is one standard error of the loss difference on so many rows. Two kinds are tried: truly worse than the
margin (by 1 to 3 standard errors, evenly), and truly better by three. Each evidence is judged by both standards: `false_promotion_rate` is
the larger share of the worse ones that pass, `power` the smaller share of the better ones. `backtests` are those of
`benchmarks/decisions_backtests.py`. The last line is one JSON object.
"""

import argparse
import atexit
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, cast

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("DO_NOT_TRACK", "1")

import numpy as np
import pandas as pd

from benchmarks.simulated_world import SCHEMA, TRUE, Floats, Known, Population, at_errors, drawn, errors_of
from driftgate.lifecycle.flows.promoting import Desk, gather
from driftgate.lifecycle.gates import Evidence, judge, verdict_over
from driftgate.lifecycle.ledger import Action, Event, Kind
from driftgate.lifecycle.payloads import Arm, Output, Payload
from driftgate.lifecycle.policy import Policy, Standard
from driftgate.lifecycle.ports import Ledger, PayloadLog, Registry
from driftgate.lifecycle.verdicts import Verdict
from driftgate.service.examining import MeasuringExaminer
from driftgate.service.former_champions import FormerChampions
from driftgate.service.self_test_bench import Bench
from driftgate.service.settings import load

MODEL = "leavers"
ROWS = 2_000
TRAIN = 500
CANDIDATES = 300
WORSE, BETTER = "worse", "better"
FORMER = 4
CHAMPION = FORMER + 1
CANDIDATE = CHAMPION + 1
PAYLOADS = 200
CHAMPION_ERRORS = 0.55
"""How far off the champion's weights are: so far that there is room to be better by three standard errors."""
FEWEST_ERRORS, MOST_ERRORS = 1.0, 3.0
"""How much worse the worse ones are than the champion, in standard errors; the margin is one."""
BETTER_ERRORS = -3.0
CONFIDENCE = 0.95
REQUIRED_FALSE, REQUIRED_POWER = 0.05, 0.80
PROJECT = f"""\
[models.{MODEL}]
source = {{ path = "none.csv" }}
target = "{SCHEMA.target}"
positive = "yes"
"""


@dataclass(frozen=True)
class Outcome:
    """What came of one candidate: how many standard errors it is truly worse, and by standard the verdict and the gates that block."""

    kind: str
    errors: float
    verdicts: dict[str, str]
    blocking: dict[str, tuple[str, ...]]


class Log:
    """The newest payloads of the model, drawn from the same world."""

    def __init__(self, champion: Known) -> None:
        rows = drawn(PAYLOADS, [7, 7])
        said = champion.predict_proba(rows)
        self._payloads = [
            _payload(place, record, said[place]) for place, record in enumerate(rows[list(SCHEMA.features)].to_dict("records"))
        ]

    def ship(self) -> int:
        """Nothing waits."""
        return 0

    def recent(self, _model: str, count: int) -> Sequence[Payload]:
        """The newest of them."""
        return self._payloads[-count:]


def _payload(place: int, features: dict[Any, Any], said: Floats) -> Payload:
    when = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=place)
    output = Output(SCHEMA.classes[int(said.argmax())], tuple(said.tolist()))
    return Payload(f"p{place:05d}", MODEL, CHAMPION, Arm.CHAMPION, f"c{place}", features, output, when, when)


class Book:
    """A ledger in which the former champions and the present one were promoted in turn."""

    def events(self, model: str | None = None, subject: str | None = None) -> Sequence[Event]:
        """Their decisions."""
        del subject
        when = datetime(2026, 1, 1, tzinfo=UTC)
        body = {"action": Action.PROMOTE.value}
        return [
            Event(number, when, str(model), f"p{number}", Kind.DECIDED, "ann", {**body, "version": number}, "", "")
            for number in range(1, CHAMPION + 1)
        ]


@dataclass(frozen=True)
class Tried:
    """A candidate: its weights, how many standard errors of the difference it is worse than the champion, and such an error."""

    weights: Floats
    errors: float
    error: float


class Court:
    """Champion, former champions, payloads and examiner: what does not change from candidate to candidate is made once."""

    def __init__(self, folder: Path, population: Population) -> None:
        (folder / "driftgate.toml").write_text(PROJECT, encoding="utf-8")
        settings = load(folder, {})
        self.population = population
        self.champion = TRUE + CHAMPION_ERRORS * errors_of([1, CHAMPION])
        self.champion_loss = population.loss(self.champion)
        self._bench = Bench(settings.plan(MODEL), folder, folder)
        self._train = drawn(TRAIN, [3, 3])
        nothing = drawn(10, [4, 4])
        for number in range(1, CHAMPION + 1):
            # Each a little worse than the one after it, as superior promotions leave them.
            own = self.champion + 0.06 * (CHAMPION - number) * errors_of([1, number])
            self._bench.put(number, Known(own), SCHEMA, drawn(TRAIN, [5, number]), nothing)
        book = FormerChampions(cast("Ledger", Book()), self._bench, self._bench.version)
        log = cast("PayloadLog", Log(Known(self.champion)))
        self._policy = Policy()
        examiner = MeasuringExaminer(settings, self._bench, log, lambda _: None, lambda _: self._policy, book.measured)
        self._desk = Desk(cast("Ledger", book), cast("Registry", self._bench), examiner)

    def candidate(self, kind: str, place: int) -> Tried:
        """The kind's candidate of that number."""
        rng = np.random.default_rng([11, place, kind == WORSE])
        while True:
            errors = float(rng.uniform(FEWEST_ERRORS, MOST_ERRORS)) if kind == WORSE else BETTER_ERRORS
            # Half of what a refit gets wrong is what the version before it got wrong.
            direction = errors_of(rng) + errors_of([1, CHAMPION])
            found = at_errors(self.population, self.champion, direction / np.linalg.norm(direction), errors, ROWS)
            if found is not None:
                weights, difference = found
                error = difference.spread / float(np.sqrt(ROWS))
                return Tried(weights, difference.mean / error, error)

    def evidence(self, weights: Floats, margin: float, place: int) -> Evidence:
        """Everything that the default gates ask about the candidate, on rows of its own."""
        self._policy = Policy(margin=margin)
        number = CANDIDATE + place
        self._bench.put(number, Known(weights), SCHEMA, self._train, drawn(ROWS, [13, place]))
        found = gather(MODEL, number, CHAMPION, self._desk, self._policy)
        self._bench.forget(number)
        return found

    def outcome(self, kind: str, place: int) -> Outcome:
        """What comes of one candidate."""
        tried = self.candidate(kind, place)
        evidence = self.evidence(tried.weights, tried.error / self.champion_loss, 2 * place + (kind == WORSE))
        verdicts, blocking = {}, {}
        for standard in Standard:
            gates = judge(evidence, replace(self._policy, standard=standard))
            verdicts[standard.value] = verdict_over(gates).value
            blocking[standard.value] = tuple(gate.name for gate in gates if gate.verdict.blocks)
        return Outcome(kind, tried.errors, verdicts, blocking)


@cache
def court() -> Court:
    """This process's own."""
    folder = tempfile.mkdtemp(prefix="driftgate-decisions-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Court(Path(folder), Population())


def outcomes(place: int) -> list[Outcome]:
    """Those of the two candidates of that number."""
    return [court().outcome(kind, place) for kind in (WORSE, BETTER)]


def simulated(count: int, processes: int, told: Callable[[Sequence[Outcome]], None] = lambda _: None) -> list[Outcome]:
    """The outcomes of so many candidates of each kind. `told` gets those that are known so far."""
    if processes == 1:
        return [outcome for place in range(count) for outcome in outcomes(place)]
    found: list[Outcome] = []
    with multiprocessing.get_context("spawn").Pool(processes) as workers:
        for pair in workers.imap(outcomes, range(count)):
            found += pair
            told(found)
    return found


@dataclass(frozen=True)
class Share:
    """How many of how many, with a two-sided exact interval (Clopper and Pearson 1934) at 95 %."""

    hits: int
    of: int

    @property
    def value(self) -> float:
        """The share."""
        return self.hits / self.of

    @property
    def interval(self) -> tuple[float, float]:
        """Its bounds."""
        from scipy.stats import beta

        tail = (1.0 - CONFIDENCE) / 2.0
        low = float(beta.ppf(tail, self.hits, self.of - self.hits + 1)) if self.hits else 0.0
        return low, float(beta.ppf(1.0 - tail, self.hits + 1, self.of - self.hits)) if self.hits < self.of else 1.0


def promoted(found: Sequence[Outcome], kind: str, standard: Standard) -> Share:
    """The share of the kind that passes by the standard."""
    mine = [outcome for outcome in found if outcome.kind == kind]
    return Share(sum(outcome.verdicts[standard.value] == Verdict.PASS.value for outcome in mine), len(mine))


def _told(found: Sequence[Outcome]) -> None:
    counts = [promoted(found, kind, standard) for kind in (WORSE, BETTER) for standard in Standard]
    shown = ", ".join(f"{share.hits}" for share in counts)
    print(
        f"\r{counts[0].of} pairs of candidates; promoted of the worse and of the better, by standard: {shown}",
        end="",
        file=sys.stderr,
        flush=True,
    )


def report(found: Sequence[Outcome]) -> Iterator[str]:
    """Lines for people."""
    yield f"{ROWS:,} judged rows, {FORMER} former champions, {PAYLOADS} payloads, the margin is one standard error of the difference"
    yield f"{'candidates':12}{'standard':16}{'promoted':>12}{'share':>8}   95 % interval   refused by (of those that were)"
    for kind in (WORSE, BETTER):
        for standard in Standard:
            share = promoted(found, kind, standard)
            low, high = share.interval
            by = Counter(name for outcome in found if outcome.kind == kind for name in outcome.blocking[standard.value])
            names = ", ".join(f"{name} {count}" for name, count in by.most_common())
            yield f"{kind:12}{standard.value:16}{share.hits:>5} of {share.of:<4}{share.value:>8.3f}   {low:.3f} to {high:.3f}  {names}"
    distances = pd.Series([outcome.errors for outcome in found if outcome.kind == WORSE])
    yield f"worse: by {distances.min():.2f} to {distances.max():.2f} standard errors; better: by {-BETTER_ERRORS:g}"


def rates(found: Sequence[Outcome]) -> dict[str, float]:
    """The keys of the contract: the worse of both standards."""
    return {
        "false_promotion_rate": round(max(promoted(found, WORSE, standard).value for standard in Standard), 4),
        "power": round(min(promoted(found, BETTER, standard).value for standard in Standard), 4),
    }


def main() -> None:
    """Prints the table and, last, the rates and the backtests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=CANDIDATES, help="of each kind")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--no-backtests", action="store_true", help="leave the replayed streams out")
    asked = parser.parse_args()
    found = simulated(asked.candidates, asked.processes, _told)
    print("\n".join(report(found)))
    answer: dict[str, Any] = dict(rates(found))
    print(f"required: at most {REQUIRED_FALSE:.0%} of the worse and at least {REQUIRED_POWER:.0%} of the better, by either standard")
    if not asked.no_backtests:
        from benchmarks import decisions_backtests

        answer["backtests"] = decisions_backtests.backtests(asked.processes)
        print("\n".join(decisions_backtests.table(answer["backtests"])))
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
