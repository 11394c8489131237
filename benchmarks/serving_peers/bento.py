"""BentoML over the pickled version, adaptive batching on, no log: `bentoml serve benchmarks.serving_peers.bento:Clients`."""

from typing import Any

import bentoml

from benchmarks.serving_peers import pickled

BATCH_ROWS = 64


@bentoml.service(workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Clients:
    """One row a request; the rows that wait together are scored together."""

    def __init__(self) -> None:
        self.model = pickled.load()

    # Its limit of latency is left at a minute: with a second, a stall of the machine makes it refuse requests.
    @bentoml.api(batchable=True, max_batch_size=BATCH_ROWS)
    def predict(self, rows: list[dict[str, Any]]) -> list[float]:
        """The probabilities of a batch."""
        return pickled.chances(self.model, rows)
