"""The cheapest answer FastAPI can give to the benchmark's body: checked by pydantic, no model, no log.

Run: `python -m benchmarks.serving_peers.constant PORT`.
"""

import sys
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field


class InstanceBody(BaseModel):
    """One row, as the API takes it."""

    model_config = ConfigDict(extra="forbid")

    features: dict[str, str | float | None]
    entity_id: str | None = None
    prediction_id: str | None = None


class PredictBody(BaseModel):
    """Rows, as the API takes them."""

    model_config = ConfigDict(extra="forbid")

    instances: Annotated[list[InstanceBody], Field(min_length=1, max_length=10_000)]


app = FastAPI()
ANSWER = {"prediction_id": "0", "entity_id": None, "arm": "champion", "version": 1, "prediction": "no", "probability": 0.5}


@app.post("/v1/models/clients/predict")
async def predict(body: PredictBody) -> dict[str, Any]:
    """The same answer to every row."""
    return {"predictions": [ANSWER] * len(body.instances)}


def main() -> None:
    """Serves until it is told to stop."""
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
