"""Request bodies, as pydantic checks and documents them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, StrictBool, StrictFloat, StrictInt, StrictStr
from pydantic_core import CoreSchema

LARGEST = 2**31 - 1
"""What a column of a version's number holds in every database."""


class OneSentence:
    """Gives a union one message in place of one per member, so that an error's field is the caller's own."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The union's schema, with the message."""
        schema: Any = handler(source)
        return {**schema, "custom_error_type": "scalar", "custom_error_message": self._sentence}


# No database takes NUL, and MySQL takes "a" and "a " for the same key.
Identifier = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*[^\x00 ]$")]
Number = Annotated[StrictInt, Field(ge=1, le=LARGEST)]
Words = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]
Text = Annotated[StrictStr, Field(max_length=65536)]
Label = Annotated[StrictBool | StrictInt | StrictFloat | Text, OneSentence("must be text, true, false or a finite number")]
Value = Annotated[StrictBool | StrictInt | StrictFloat | Text, OneSentence("must be text, a finite number, true, false or null")] | None


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

    instances: Annotated[list[InstanceBody], Field(min_length=1, max_length=100_000)]


class OutcomeBody(Body):
    """One late truth: of a prediction, or of an entity at a time."""

    value: Label
    observed_at: datetime
    prediction_id: Identifier | None = None
    entity_id: Identifier | None = None


class OutcomesBody(Body):
    """Late truths."""

    outcomes: Annotated[list[OutcomeBody], Field(min_length=1, max_length=10_000)]


class RetrainBody(Body):
    """A wish for a new candidate. `data`: a path on the worker's machine, below the project, instead of the configured source."""

    reason: Words = "requested over HTTP"
    search: StrictBool = False
    data: Annotated[str, Field(max_length=1000)] | None = None


class PromotionBody(Body):
    """A wish for a new champion. `expected_champion`: who serves as you see it; null: nobody.

    `standard`: what it must show against the champion this once, instead of the policy's. `break_glass`: without gates and approval,
    for the reason in `comment`; takes an admin.
    """

    version: Number
    expected_champion: Number | None
    comment: Words = ""
    standard: Literal["superior", "non_inferior"] | None = None
    break_glass: StrictBool = False


class PolicyBody(Body):
    """Why the limits of the service's driftgate.toml are put in force."""

    comment: Words = ""


class RollbackBody(Body):
    """A wish to go back: to `to`, or to the champion before this one."""

    to: Number | None = None
    comment: Words = ""


class ChallengeBody(Body):
    """A wish for a challenger; null for having none any more. `shadow_only`: it may score beside the champion, and answers nobody."""

    version: Number | None
    shadow_only: StrictBool = False
    comment: Words = ""


class ApprovalBody(Body):
    """Why a promotion is approved or rejected."""

    comment: Words = ""


class DriftBody(Body):
    """A wish for a drift report over logged payloads of the last `since`, such as `7d` or `12h`."""

    version: Number | None = None
    since: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,4}[smhdw]$")] = "7d"


class MonitorBody(Body):
    """A wish for a monitoring pass over the payloads of the last `since`; by default over the model's own window."""

    since: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,4}[smhdw]$")] | None = None
