"""Pools of real rows that the alarm benchmark draws from: bank, Telco and CDNOW, without target, ids and dates."""

import gzip
import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task

BANK_ROWS = 20_000
CUT = pd.Timestamp("1997-07-01")


@dataclass(frozen=True)
class Pool:
    """Rows to draw from, their schema, and the columns that drift is planted in. `category` None: there is none."""

    name: str
    rows: pd.DataFrame
    schema: Schema
    number: str
    category: str | None


def folder() -> Path:
    """Where the data files are. Raises FileNotFoundError saying how to name another place."""
    found = Path(os.environ.get("DRIFTGATE_TEST_DATA", "../shared/data"))
    if not found.is_dir():
        raise FileNotFoundError(f"{found} is no folder: set DRIFTGATE_TEST_DATA to the one that holds the data files")
    return found


def pools() -> list[Pool]:
    """The three pools."""
    return [bank(), telco(), cdnow()]


def bank() -> Pool:
    """Bank marketing calls; `duration` is known only after the call."""
    rows = pd.read_csv(folder() / "bank-additional-full.csv.gz", sep=";").drop(columns=["y", "duration"])
    return _pool("bank", rows, "age", "job")


def telco() -> Pool:
    """Telco customers; `TotalCharges` is text with blanks, which are missing."""
    rows = pd.read_csv(folder() / "telco_customer_churn.csv.gz").drop(columns=["Churn", "customerID"])
    rows["TotalCharges"] = pd.to_numeric(rows["TotalCharges"], errors="coerce")
    return _pool("telco", rows, "MonthlyCharges", "PaymentMethod")


def cdnow() -> Pool:
    """Customers of CDNOW as they stood in mid-1997: recency, frequency and money over several spans."""
    return _pool("cdnow", customers(purchases(), CUT).reset_index(drop=True), "spent", None)


def purchases() -> pd.DataFrame:
    """CDNOW's purchases: customer, date, discs, money spent."""
    text = gzip.decompress((folder() / "cdnow_master.txt.gz").read_bytes()).decode()
    bought = pd.read_csv(io.StringIO(text), sep=r"\s+", header=0, names=["customer", "date", "discs", "spent"])
    return bought.assign(date=pd.to_datetime(bought["date"].astype(str), format="%Y%m%d"))


def customers(bought: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """Recency, frequency and money of everybody who bought before that day, by customer."""
    past = bought[bought["date"] < at]
    ago = (at - past["date"]).dt.days
    by = past.assign(ago=ago).groupby("customer")
    rows = pd.DataFrame(
        {
            "recency": by["ago"].min(),
            "age": by["ago"].max(),
            "orders": by.size(),
            "discs": by["discs"].sum(),
            "spent": by["spent"].sum(),
            "mean_spent": by["spent"].mean(),
            "largest": by["spent"].max(),
            "spent_90": past[ago <= 90].groupby("customer")["spent"].sum(),
            "orders_30": past[ago <= 30].groupby("customer").size(),
        }
    )
    return rows.fillna({"spent_90": 0.0, "orders_30": 0})


def _pool(name: str, rows: pd.DataFrame, number: str, category: str | None) -> Pool:
    numeric = {column: pd.api.types.is_numeric_dtype(rows[column]) for column in rows.columns}
    read = pd.DataFrame({column: rows[column].astype(np.float64 if numeric[column] else object) for column in rows.columns})
    kinds = [Column(column, ColumnKind.NUMERIC if numeric[column] else ColumnKind.CATEGORICAL) for column in rows.columns]
    return Pool(name, read, Schema(columns=tuple(kinds), target="target", task=Task.REGRESSION), number, category)
