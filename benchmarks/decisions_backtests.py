"""Backtests of four real streams: the gates beside `never`, `always` and `latest`, with sound candidates and with 20 % broken ones.

Run: `python -m benchmarks.decisions_backtests`; `--streams bank,telco` for some. Every stream is a project with the default policy, and is
replayed by the code behind `driftgate backtest`. Which candidates are broken, and how, is drawn by five seeds, and their mean counts: with
one seed, a broken last candidate decides more than any rule. Definitions: docs/discussions/backtests.md. The last line is one JSON object.
"""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("DO_NOT_TRACK", "1")

import numpy as np
import pandas as pd

from benchmarks.pools import customers, folder, purchases
from driftgate.service.backtesting.running import Wish, backtest
from driftgate.service.settings import load

CORRUPT = 0.2
SEEDS = range(5)
KEPT = ("mean_loss", "promotions", "corrupted_promoted", "accuracy", "regretted", "refused")
OF_EACH_SEED = ("mean_loss", "losses", "corrupted_promoted")
CHURN_DAYS, ACTIVE_DAYS = 90, 180
EVERY_NTH_CUSTOMER = 3
BIKE_KINDS = "{ " + ", ".join(f'{name} = "categorical"' for name in ("hr", "weekday", "weathersit", "holiday", "workingday")) + " }"
"""Codes: five per cent more than an hour of the day is no hour."""


@dataclass(frozen=True)
class Stream:
    """A history, the model's table in driftgate.toml, and how it is cut."""

    name: str
    rows: Callable[[], pd.DataFrame]
    settings: str
    every: str
    first: str
    delay: str
    time: str | None = None


def bank() -> pd.DataFrame:
    """Bank marketing calls in their order, without what the call itself tells, the month, and the indices that date a row."""
    rows = pd.read_csv(folder() / "bank-additional-full.csv.gz", sep=";")
    dated = ["emp.var.rate", "nr.employed", "cons.conf.idx", "cons.price.idx", "euribor3m"]
    return rows.drop(columns=["duration", "month", *dated])


def bike() -> pd.DataFrame:
    """Bikes rented in an hour, with its time; without the parts of the target, the ids and what only names the date."""
    rows = pd.read_csv(folder() / "bike_sharing_hour.csv.gz")
    rows["at"] = pd.to_datetime(rows["dteday"]) + pd.to_timedelta(rows["hr"], unit="h")
    return rows.drop(columns=["instant", "dteday", "yr", "mnth", "season", "casual", "registered"])


def telco() -> pd.DataFrame:
    """Telco customers in a random order: nothing changes."""
    rows = pd.read_csv(folder() / "telco_customer_churn.csv.gz")
    rows["TotalCharges"] = pd.to_numeric(rows["TotalCharges"], errors="coerce")
    return rows.iloc[np.random.default_rng(0).permutation(len(rows))].reset_index(drop=True)


def cdnow() -> pd.DataFrame:
    """Customers of CDNOW on the first of each month, active in the 180 days before; churned: no purchase in the 90 days after."""
    bought = purchases()
    bought = bought[bought["customer"] % EVERY_NTH_CUSTOMER == 0]
    months = pd.date_range("1997-03-01", "1998-04-01", freq="MS")
    return pd.concat([_customers(bought, month) for month in months], ignore_index=True)


def _customers(bought: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """Recency, frequency and money of each active customer on that day."""
    rows = customers(bought, at)
    rows = rows[rows["recency"] <= ACTIVE_DAYS]
    later = bought[(bought["date"] >= at) & (bought["date"] < at + pd.Timedelta(days=CHURN_DAYS))]
    churned = np.where(rows.index.isin(later["customer"]), "no", "yes")
    return rows.assign(churned=churned, at=at).rename_axis("customer").reset_index()


STREAMS = (
    # As in benchmarks.replay, where this was fixed: no time column, so the newest rows are split at random.
    Stream("bank", bank, 'target = "y"\npositive = "yes"\nholdout = 0.35\nwindow = { rows = 3000 }\n', "2000", "5647", "0", "row_order"),
    Stream("cdnow", cdnow, 'target = "churned"\npositive = "yes"\ntime = "at"\nentity = "customer"\n', "1M", "1M", f"{CHURN_DAYS}d"),
    Stream(
        "bike",
        bike,
        f'target = "cnt"\ntask = "regression"\ntime = "at"\nwindow = {{ months = 6 }}\nkinds = {BIKE_KINDS}\n',
        "2M",
        "3M",
        "1d",
    ),
    Stream("telco", telco, 'target = "Churn"\npositive = "Yes"\ntime = "row_order"\nentity = "customerID"\n', "500", "2000", "0"),
)


def backtests(
    processes: int = 2, streams: Sequence[str] = (), told: Callable[[str], None] = lambda _: None, keep: Path | None = None
) -> dict[str, dict[str, Any]]:
    """By stream (`bank`, and `bank corrupted` with broken candidates): the policies, each with the keys `KEPT`, means over the seeds.

    `keep`: a folder that the projects stay in, so that a run that was stopped goes on.
    """
    names = [stream.name for stream in STREAMS if not streams or stream.name in streams]
    documents: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory(prefix="driftgate-backtests-") as scratch:
        runs = [(0.0, 0), *((CORRUPT, seed) for seed in SEEDS)]
        wanted = [(name, share, seed, keep or Path(scratch)) for name in names for share, seed in runs]
        with multiprocessing.get_context("spawn").Pool(processes) as workers:
            for name, document in workers.imap(replayed, wanted, chunksize=1):
                told(f"{name}, seed {document['seed']}: {len(document['periods'])} periods")
                documents.setdefault(name, []).append(document)
    return {name: averaged(each) for name, each in documents.items()}


def averaged(documents: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """By policy: the mean of each figure over the documents, and `by_seed` what each of them says of `OF_EACH_SEED`."""
    found: dict[str, dict[str, Any]] = {}
    for policy in documents[0]["policies"]:
        every = [document["policies"][policy] for document in documents]
        found[policy] = {key: None if every[0][key] is None else float(np.mean([each[key] for each in every])) for key in KEPT}
        found[policy]["by_seed"] = [{key: each[key] for key in OF_EACH_SEED} for each in every]
    found["policy"]["refusals_by_gate"] = [document["policies"]["policy"]["refusals_by_gate"] for document in documents]
    return found


def replayed(asked: tuple[str, float, int, Path]) -> tuple[str, dict[str, Any]]:
    """The name and the document of one backtest, in a project of its own below the folder."""
    stream, corrupt, seed, place = next(each for each in STREAMS if each.name == asked[0]), *asked[1:]
    name = f"{stream.name} corrupted" if corrupt else stream.name
    project = place / f"{name} {seed}"
    project.mkdir(parents=True, exist_ok=True)
    stream.rows().to_parquet(project / "rows.parquet", index=False)
    settings = f'[models.{stream.name}]\nsource = {{ path = "rows.parquet" }}\n{stream.settings}'
    (project / "driftgate.toml").write_text(settings, encoding="utf-8")
    cut = {"time": stream.time, "every": stream.every, "delay": stream.delay, "lead": stream.first}
    wish = Wish(stream.name, **cut, corrupt=corrupt, seed=seed, watched=False)
    return name, backtest(load(project), wish, lambda _done, _all: None)


def table(found: dict[str, dict[str, Any]]) -> list[str]:
    """A line for each stream and policy: mean loss, its distance from the best of the simple policies, and what was promoted."""
    counts = f"{'promoted':>10}{'broken':>8}{'regretted':>11}{'refused':>9}"
    lines = [f"{'stream':<18}{'policy':<8}{'mean loss':>11}{'over best':>11}{'accuracy':>10}{counts}"]
    for stream, policies in found.items():
        best = min(policies[name]["mean_loss"] for name in ("never", "always", "latest"))
        for name, each in policies.items():
            accuracy = "" if each["accuracy"] is None else f"{each['accuracy']:.4f}"
            lines.append(
                f"{stream:<18}{name:<8}{each['mean_loss']:>11.5g}{each['mean_loss'] / best - 1:>+11.2%}{accuracy:>10}"
                f"{each['promotions']:>10g}{each['corrupted_promoted']:>8g}{each['regretted']:>11g}{each['refused']:>9g}"
            )
    return lines


def main() -> None:
    """Prints the table and, last, the figures."""
    parser = argparse.ArgumentParser(description="Backtests of real streams.")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--streams", default="", help="names, with commas")
    parser.add_argument("--keep", type=Path, help="a folder for the projects, so that a run that was stopped goes on")
    asked = parser.parse_args()
    streams = [name for name in asked.streams.split(",") if name]
    found = backtests(asked.processes, streams, lambda line: print(line, file=sys.stderr, flush=True), asked.keep)
    print("\n".join(table(found)))
    print(json.dumps({"backtests": found}))


if __name__ == "__main__":
    main()
