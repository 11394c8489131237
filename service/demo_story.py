"""The demo's chapters. Each does what a person would do over HTTP, and says what came of it."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from driftgate.lifecycle.errors import DriftgateError
from driftgate.service import demo_data
from driftgate.service.documents import Document
from driftgate.service.remote import Remote

MODEL = "churn"
HISTORY_ROWS, TRAFFIC_ROWS, BATCH_ROWS, CONNECTIONS = 6000, 1500, 25, 4
FIRST_DAY = datetime(2026, 1, 1)  # noqa: DTZ001 - generated times are naive UTC by contract
COLOURS = {"pass": "green", "fail": "red", "undecided": "yellow", "promoted": "green", "refused": "red"}


class Story:
    """The story of one model, told over HTTP. `drift`: how far the clients drift, from 0 to 1."""

    def __init__(self, project: Path, service: Remote, drift: float) -> None:
        self._project = project
        self._service = service
        self._drift = drift
        self._console = Console(highlight=False)
        self._errors = Console(stderr=True, highlight=False)
        self.report_path = ""

    def write_history(self) -> None:
        """The clients known before the story begins."""
        demo_data.generate(HISTORY_ROWS, 1, FIRST_DAY).to_csv(self._project / "history.csv", index=False)

    def tell(self) -> None:
        """Every chapter, in order."""
        first = self._chapter("1. A first version earns its place", self._first_champion)
        self._chapter("2. It answers live traffic", lambda: self._traffic(2, 0.0))
        self._chapter(f"3. The clients drift (dial at {self._drift:g})", lambda: self._traffic(3, self._drift))
        self._chapter("4. A drift report on the logged payloads", self._drift_report)
        self._chapter("5. A retrain on what happened since is judged, and promoted under traffic", lambda: self._challenge(first))
        self._chapter("6. A bad candidate is refused", self._bad_candidate)
        self._chapter("7. And back again", self._roll_back)

    def _chapter(self, title: str, act: Callable[[], Any]) -> Any:
        self._console.print(f"\n[bold]{title}[/bold]")
        return act()

    def _first_champion(self) -> int:
        version = self._retrained("the clients of the first quarter", None)
        self._promoted(version, None)
        return version

    def _challenge(self, champion: int) -> None:
        clients = demo_data.generate(HISTORY_ROWS, 4, FIRST_DAY + timedelta(days=120), drift=self._drift)
        clients.to_csv(self._project / "recent.csv", index=False)
        version = self._retrained("drift in the logged payloads", "recent.csv")
        with self._background_traffic() as answered:
            self._promoted(version, champion)
        failed = sum(1 for code in answered if code != "ok")
        self._console.print(f"   {len(answered)} requests were answered meanwhile, {failed} failed; no process was restarted")

    def _bad_candidate(self) -> None:
        clients = demo_data.generate(HISTORY_ROWS, 5, FIRST_DAY + timedelta(days=150), drift=self._drift)
        # The labels were joined wrongly until lately; the newest quarter, which judges, is right again.
        wrong = clients[: int(len(clients) * 0.75)]
        pd.concat([demo_data.shuffled(wrong, 5), clients[len(wrong) :]]).to_csv(self._project / "wrong.csv", index=False)
        version = self._retrained("a pipeline that joined the wrong labels", "wrong.csv")
        self._promoted(version, self._service.champion(MODEL))

    def _roll_back(self) -> None:
        with self._busy("rolling back"):
            done = self._service.roll_back(MODEL, None, "the demo shows the way back")
        self._console.print(
            f"   [green]{done['state']}[/green]: version {done['champion']} serves again, instead of {done['previous_champion']}"
        )
        events = self._service.get(f"/v1/models/{MODEL}/promotions")["promotions"]
        self._console.print(f"   the ledger holds {len(events)} decisions, hash-chained: `driftgate audit verify` checks them")

    def _retrained(self, reason: str, data: str | None) -> int:
        with self._busy("retraining"):
            document = self._service.job(f"/v1/models/{MODEL}/retrain", {"reason": reason, "data": data})
        metrics = document["metrics"]
        self._console.print(
            f"   version {document['version']} is registered with its snapshot: "
            f"ROC AUC {metrics['roc_auc']:.3f}, log-loss {metrics['log_loss']:.3f}, lift {metrics['probability_lift']:.2f}"
        )
        return int(document["version"])

    def _promoted(self, version: int, champion: int | None) -> Document:
        with self._busy(f"gathering evidence on version {version}"):
            document = self._service.promote(MODEL, version, champion, "asked for by the demo")
            self._until_served(document["champion"])
        self._show_gates(document)
        return document

    def _show_gates(self, document: Document) -> None:
        table = Table(box=None, padding=(0, 2, 0, 3), show_header=False)
        for gate in document["gates"]:
            colour = COLOURS.get(gate["verdict"], "dim")
            table.add_row(gate["name"], f"[{colour}]{gate['verdict'].replace('_', ' ')}[/{colour}]", _shortened(gate["reasons"]))
        self._console.print(table)
        state = document["state"]
        colour = COLOURS.get(state, "yellow")
        self._console.print(f"   -> [{colour} bold]{state}[/{colour} bold]; champion: version {document['champion'] or 'none'}")
        for reason in document["reasons"] if not document["gates"] else ():
            self._console.print(f"      {reason}")

    def _drift_report(self) -> None:
        with self._busy("comparing payloads with the champion's snapshot"):
            document = self._service.job(f"/v1/models/{MODEL}/drift", {"since": "1h"})
        self.report_path = f"/v1/models/{MODEL}/reports/{document['report']}"
        colour = COLOURS.get(document["verdict"], "yellow")
        self._console.print(
            f"   {document['rows']} payloads against {document['reference_rows']} snapshot rows: [{colour}]{document['verdict']}[/{colour}]"
        )
        table = Table(box=None, padding=(0, 2, 0, 3), header_style="dim")
        for heading in ("column", "score", "limit", ""):
            table.add_column(heading)
        for column in [*document["columns"], *([document["prediction"]] if document["prediction"] else [])]:
            mark = "[red]drifted[/red]" if column["drifted"] else ""
            table.add_row(column["name"], _number(column["score"]), _number(column["limit"]), mark)
        self._console.print(table)

    def _traffic(self, seed: int, drift: float) -> None:
        clients = demo_data.generate(TRAFFIC_ROWS, seed, FIRST_DAY + timedelta(days=90), drift=drift)
        bodies = _bodies(clients)
        answers: list[Document] = []
        with self._progress("predictions", len(clients)) as advance, ThreadPoolExecutor(CONNECTIONS) as pool:
            for answer in pool.map(lambda body: self._service.post(f"/v1/models/{MODEL}/predict", body), bodies):
                answers += answer["predictions"]
                advance(len(answer["predictions"]))
        said = sum(1 for answer in answers if answer["prediction"] == "yes")
        left = int((clients["churned"] == "yes").sum())
        self._console.print(f"   {len(answers)} clients answered and logged: {said} expected to leave; later it turns out that {left} left")

    @contextmanager
    def _background_traffic(self) -> Iterator[list[str]]:
        bodies = _bodies(demo_data.generate(200, 9, FIRST_DAY + timedelta(days=130), drift=self._drift))
        answered: list[str] = []
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                for body in bodies:
                    try:
                        self._service.post(f"/v1/models/{MODEL}/predict", body)
                        answered.append("ok")
                    except DriftgateError as error:
                        answered.append(error.message)
                    if stop.wait(0.05):
                        return

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        try:
            yield answered
        finally:
            stop.set()
            thread.join()

    def _until_served(self, version: int | None) -> None:
        """Waits for the serving process to load the champion: the ledger leads, serving follows within a second or so."""
        deadline = time.monotonic() + 30
        while self._service.get("/readyz")["champions"][MODEL] != version and time.monotonic() < deadline:
            time.sleep(0.1)

    @contextmanager
    def _busy(self, what: str) -> Iterator[None]:
        columns = (TextColumn("  "), SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self._errors, transient=True) as progress:
            progress.add_task(what, total=None)
            yield

    @contextmanager
    def _progress(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        columns = (TextColumn("   {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._errors, transient=True) as progress:
            task = progress.add_task(what, total=total)
            yield lambda count: progress.advance(task, count)


def _bodies(clients: pd.DataFrame) -> Sequence[Document]:
    features = clients.drop(columns=["client_id", "event_time", "churned"])
    rows = features.astype(object).where(features.notna(), None).to_dict("records")
    instances = [{"entity_id": who, "features": row} for who, row in zip(clients["client_id"], rows, strict=True)]
    return [{"instances": instances[start : start + BATCH_ROWS]} for start in range(0, len(instances), BATCH_ROWS)]


def _shortened(reasons: Sequence[str], most: int = 3) -> str:
    more = f"\n... and {len(reasons) - most} more" if len(reasons) > most else ""
    return "\n".join(reason.splitlines()[0] for reason in reasons[:most]) + more


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
