"""Request bodies, as pydantic checks and documents them."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr

Identifier = Annotated[str, Field(min_length=1, max_length=200)]
Value = StrictBool | StrictInt | StrictFloat | Annotated[StrictStr, Field(max_length=65536)] | None


class Body(BaseModel):
    """A body: unknown keys are errors, so that a typing mistake is not silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class InstanceBody(Body):
    """One row to score."""

    features: dict[str, Value]
    entity_id: Identifier | None = None
    prediction_id: Identifier | None = None


class PredictBody(Body):
    """Rows to score, in order."""

    instances: Annotated[list[InstanceBody], Field(min_length=1, max_length=10_000)]


class OutcomeBody(Body):
    """One late truth: of a prediction, or of an entity at a time."""

    value: StrictBool | StrictInt | StrictFloat | StrictStr
    observed_at: datetime
    prediction_id: Identifier | None = None
    entity_id: Identifier | None = None


class OutcomesBody(Body):
    """Late truths."""

    outcomes: Annotated[list[OutcomeBody], Field(min_length=1, max_length=10_000)]


class RetrainBody(Body):
    """A wish for a new candidate. `data`: a path on the worker's machine, below the project, instead of the configured source."""

    reason: Annotated[str, Field(max_length=2000)] = "requested over HTTP"
    search: bool = False
    data: Annotated[str, Field(max_length=1000)] | None = None


class PromotionBody(Body):
    """A wish for a new champion. `expected_champion`: who serves as you see it; null: nobody."""

    version: Annotated[int, Field(ge=1)]
    expected_champion: Annotated[int, Field(ge=1)] | None
    comment: Annotated[str, Field(max_length=2000)] = ""


class RollbackBody(Body):
    """A wish to go back: to `to`, or to the champion before this one."""

    to: Annotated[int, Field(ge=1)] | None = None
    comment: Annotated[str, Field(max_length=2000)] = ""


class ApprovalBody(Body):
    """Why a promotion is approved or rejected."""

    comment: Annotated[str, Field(max_length=2000)] = ""


class DriftBody(Body):
    """A wish for a drift report over logged payloads of the last `since`, such as `7d` or `12h`."""

    version: Annotated[int, Field(ge=1)] | None = None
    since: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,5}[smhdw]$")] = "7d"
