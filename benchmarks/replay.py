"""Bank marketing replayed month by month through the real service: what alarmed, what was retrained, and what was lost.

Run: `python -m benchmarks.replay`; `--months N` or `--quick` (the first shift only), `--plot FILE` for a PNG. API and worker are
processes of their own; predictions, outcomes, passes and promotions go over HTTP, and retrains start by themselves. Definitions:
docs/discussions/replay.md. The last line is one JSON object.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("DO_NOT_TRACK", "1")

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.pools import folder
from benchmarks.replay_tables import Month, plot, summary, table
from driftgate.lifecycle.plan import Estimator, ModelPlan, Source
from driftgate.reports import losses
from driftgate.service.bootstrap import wire
from driftgate.service.settings import load
from driftgate.training import estimators
from driftgate.training.schema import conform, infer
from tests.e2e.services import Service, service

Floats = npt.NDArray[np.float64]

MODEL = "bank"
FIRST = ("2008-05", "2008-06", "2008-07")
LEAST = 250
"""Months with fewer rows wait for the next ones."""
WINDOW = 3_000
DUE_GROWTH, DUE_Z = 0.10, 2.326
"""A retrain is due where the loss is above the holdout's by more than 10 %, surely: the one-sided 99 % bound."""
QUICK = 3
BATCH = 5_000
DROP = ["duration", "month", "emp.var.rate", "nr.employed", "cons.conf.idx", "cons.price.idx", "euribor3m"]
NAMES = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

SETTINGS = f"""\
[models.{MODEL}]
source = {{ path = "known.csv", separator = ";" }}
target = "y"
positive = "yes"
holdout = 0.35
drop = {json.dumps(DROP)}
"""

LATER = f"""
[models.{MODEL}.window]
rows = {WINDOW}

[models.{MODEL}.outcomes]
maturity_days = 1e-5

[models.{MODEL}.monitoring]
window_days = 1e-5
html = "never"

[models.{MODEL}.triggers]
on = ["concept_shift", "performance"]
cooldown_days = 1e-6
monthly_budget = 100
"""


def stream() -> pd.DataFrame:
    """The calls in order, with the calendar month of each as `at`: the year goes up where the month falls."""
    rows = pd.read_csv(folder() / "bank-additional-full.csv.gz", sep=";")
    month = rows["month"].map({name: place + 1 for place, name in enumerate(NAMES)})
    year = 2008 + (month.diff() < 0).cumsum()
    return rows.assign(at=[f"{when}-{which:02d}" for when, which in zip(year, month, strict=True)])


def blocks(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The months after the first ones; one with fewer than LEAST rows joins the next, and the rest the last."""
    found: list[list[str]] = [[]]
    counts = rows["at"].value_counts()
    for name in dict.fromkeys(rows["at"]):
        if name in FIRST:
            continue
        if sum(int(counts[each]) for each in found[-1]) >= LEAST:
            found.append([])
        found[-1].append(name)
    if len(found) > 1 and sum(int(counts[each]) for each in found[-1]) < LEAST:
        found[-2] += found.pop()
    return [(names[0] if len(names) == 1 else f"{names[0]}..{names[-1][2:]}", rows[rows["at"].isin(names)]) for names in found]


def command(project: Path, *arguments: str) -> None:
    """A command of the product. Raises SystemExit with its words where it fails."""
    line = [sys.executable, "-P", "-m", "driftgate.service", "--project", str(project), *arguments]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"driftgate {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")


def known(project: Path, rows: pd.DataFrame) -> None:
    """Makes these the rows that a retrain finds."""
    fresh = project / "known.new"
    rows.drop(columns="at").to_csv(fresh, sep=";", index=False)
    fresh.replace(project / "known.csv")


def replayed(project: Path, rows: pd.DataFrame, months: int | None) -> list[Month]:
    """Every month, or the first so many, through API and worker."""
    known(project, rows[rows["at"].isin(FIRST)])
    (project / "driftgate.toml").write_text(SETTINGS, encoding="utf-8")
    command(project, "retrain")
    command(project, "promote", "1")
    (project / "driftgate.toml").write_text(SETTINGS + LATER, encoding="utf-8")
    found: list[Month] = []
    champion = 1
    with service(project) as running:
        for name, block in blocks(rows)[:months]:
            running.serving(MODEL, champion)
            begun = time.monotonic()
            month = _served(running, name, block, champion)
            known(project, rows[: int(block.index[-1]) + 1])
            _watched(running, month, begun)
            champion = _followed(running, month, champion)
            month.seconds = time.monotonic() - begun
            said = ", ".join(month.fired) or "; ".join(month.held) or "no retrain"
            print(
                f"{name}: version {month.version}, loss {month.served:.3f}, {said} {month.promotion} ({month.seconds:.0f} s)",
                file=sys.stderr,
                flush=True,
            )
            found.append(month)
    return found


def _served(running: Service, name: str, block: pd.DataFrame, champion: int) -> Month:
    """Asks for every row, with the features that the champion takes, and tells every outcome."""
    schema = running.get(f"/v1/models/{MODEL}/versions/{champion}")["schema"]
    features = block[[column["name"] for column in schema["columns"]]].to_dict("records")
    truth = block["y"].to_numpy()
    answers: list[dict[str, Any]] = []
    for start in range(0, len(features), BATCH):
        body = {"instances": [{"features": row} for row in features[start : start + BATCH]]}
        answers += running.post(f"/v1/models/{MODEL}/predict", body)["predictions"]
    observed = datetime.now(UTC).isoformat()
    told = [
        {"prediction_id": answer["prediction_id"], "value": value, "observed_at": observed}
        for answer, value in zip(answers, truth, strict=True)
    ]
    for start in range(0, len(told), BATCH):
        running.post(f"/v1/models/{MODEL}/outcomes", {"outcomes": told[start : start + BATCH]})
    (version,) = {int(answer["version"]) for answer in answers}
    yes = np.array([float(answer["probability"]) for answer in answers])
    said = np.clip(np.where(truth == "yes", yes, 1 - yes), 1e-15, 1)
    return Month(name, int(block.index[0]), len(block), float((truth == "yes").mean()), version, -np.log(said), [], [], [])


def _watched(running: Service, month: Month, begun: float) -> None:
    """One pass by the worker over exactly this month, which took place since `begun`."""
    time.sleep(1.0)  # maturity
    since = f"{math.ceil(time.monotonic() - begun)}s"
    found = running.job(f"/v1/models/{MODEL}/monitor", {"since": since})
    if found["rows"] != month.rows:
        raise SystemExit(f"{month.name}: the pass saw {found['rows']} rows, not {month.rows}")
    month.alarms = sorted({each.split("/")[0] for each in found["failed"]})
    for trigger in _considered(running, found):
        if trigger["fired"]:
            month.fired += trigger["causes"]
            job = running.until(
                lambda job=trigger["job_id"]: running.get(f"/v1/jobs/{job}"), lambda job: job["state"] in {"done", "failed"}
            )
            month.candidate = int(job["result"]["version"]) if job["state"] == "done" else None
            month.promotion = "" if month.candidate else f"retrain failed: {job['error']}"
        else:
            month.held += trigger["reasons"]


def _considered(running: Service, found: dict[str, Any]) -> list[dict[str, Any]]:
    """The retrains that the pass considered, once the trial refit that decides is over."""
    if found["weighing"] is None:
        return list(found["triggers"])
    job = running.until(lambda: running.get(f"/v1/jobs/{found['weighing']}"), lambda job: job["state"] in {"done", "failed"})
    if job["state"] == "failed":
        raise SystemExit(f"the retrain could not be weighed: {job['error']}")
    return [job["result"]["trigger"]] if job["result"]["trigger"] else []


def _followed(running: Service, month: Month, champion: int) -> int:
    """Who serves next: the candidate where the gates let it."""
    if month.candidate is None:
        return champion
    promotion = running.promoted(MODEL, month.candidate, champion)
    failed = [f"{gate['name']} {gate['verdict']}" for gate in promotion["gates"] if gate["verdict"] in {"fail", "undecided"}]
    month.promotion = promotion["state"] if not failed else f"{promotion['state']} ({', '.join(failed)})"
    return int(promotion["champion"])


def compare(project: Path, rows: pd.DataFrame, months: Sequence[Month]) -> None:
    """Fills in, month by month, the other two policies and whether a retrain was due, from the kept versions and rows alone."""
    parts = wire(load(project), lambda _: None)
    try:
        registry = parts.app.registry
        references = {month.version: _reference(registry, month.version) for month in months}
        first = registry.version(MODEL, 1)
        scorer = registry.scorer(first)
        for place, month in enumerate(months):
            block = rows[month.start : month.start + month.rows]
            month.never = float(_losses(first.schema, scorer.score, block).mean())
            # As the policy would have served: fitted on what was known when the month began.
            always = (first.schema, scorer.score) if place == 0 else _fitted(rows[max(0, month.start - WINDOW) : month.start])
            month.always = float(_losses(*always, block).mean())
            before = references[month.version]
            month.reference = float(before.mean())
            month.due = _surely_grown(month.losses, before)
    finally:
        parts.close()


def _reference(registry: Any, number: int) -> Floats:
    version = registry.version(MODEL, number)
    return _losses(version.schema, registry.scorer(version).score, registry.snapshot(version, "holdout"))


def _losses(schema: Any, score: Any, rows: pd.DataFrame) -> Floats:
    taken = conform(rows[[*schema.features, "y"]], schema, with_target=True)
    said = np.asarray(score(taken[list(schema.features)]), dtype=np.float64)
    return losses.per_row_loss(said, losses.truth(taken["y"], schema), schema)


def _fitted(rows: pd.DataFrame) -> tuple[Any, Any]:
    plan = ModelPlan(MODEL, Source(), "y", positive="yes", estimator=Estimator("hist_gradient_boosting"))
    taken = rows.drop(columns=["at", *DROP]).reset_index(drop=True)
    schema = infer(taken, plan, np.ones(len(taken), dtype=np.bool_)).schema
    train = conform(taken, schema, with_target=True)
    model = estimators.pipeline(plan.estimator, schema, 0, Path())
    model.fit(train[list(schema.features)], losses.truth(train["y"], schema))
    return schema, model.predict_proba


def _surely_grown(now: Floats, before: Floats) -> bool:
    """Whether the mean of `now` is above 1.1 times that of `before`: a normal bound for two independent samples."""
    limit = 1 + DUE_GROWTH
    spread = math.sqrt(now.var(ddof=1) / len(now) + limit**2 * before.var(ddof=1) / len(before))
    return float(now.mean() - limit * before.mean()) > DUE_Z * spread


def run(project: Path, months: int | None = None) -> list[Month]:
    """The replayed months, compared."""
    rows = stream()
    found = replayed(project, rows, months)
    compare(project, rows, found)
    return found


def main() -> None:
    """Prints the table and, last, the figures."""
    parser = argparse.ArgumentParser(description="The bank stream through the real service, month by month.")
    parser.add_argument("--months", type=int, help="only the first so many")
    parser.add_argument("--quick", action="store_true", help=f"only the first {QUICK} months, up to the first shift")
    parser.add_argument("--plot", type=Path, help="a PNG file to draw")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="driftgate-replay-") as project:
        found = run(Path(project), QUICK if asked.quick else asked.months)
    print("\n".join(table(found)))
    if asked.plot:
        plot(found, asked.plot)
    print(json.dumps(summary(found)))


if __name__ == "__main__":
    main()
