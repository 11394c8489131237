"""LitServe over the pickled version, batching on, no log: `python -m benchmarks.serving_peers.lit PORT`."""

import sys
from collections.abc import Sequence
from typing import Any

import litserve

from benchmarks.serving_peers import pickled

BATCH_ROWS, BATCH_SECONDS = 64, 0.001


class Clients(litserve.LitAPI):
    """One row a request; the rows that wait together are scored together."""

    def setup(self, device: str) -> None:
        """Loads the version in the worker; `device` is the processor."""
        del device
        self.model = pickled.load()

    def decode_request(self, request: dict[str, Any]) -> dict[str, Any]:
        """The row of a request."""
        features: dict[str, Any] = request["features"]
        return features

    def predict(self, rows: Sequence[dict[str, Any]]) -> list[float]:
        """The probabilities of a batch."""
        return pickled.chances(self.model, rows)

    def encode_response(self, chance: float) -> dict[str, float]:
        """The answer to a request."""
        return {"probability": chance}


def main() -> None:
    """Serves until it is told to stop."""
    server = litserve.LitServer(
        Clients(max_batch_size=BATCH_ROWS, batch_timeout=BATCH_SECONDS), accelerator="cpu", devices=1, workers_per_device=1
    )
    server.run(host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, log_level="warning", generate_client_file=False)


if __name__ == "__main__":
    main()
