"""The tables of driftgate.toml about live traffic: `[models.NAME.arms]`, `.heuristic`, `.outcomes` and `.payloads`, and `[alerts]`."""

import math
import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from driftgate.service.settings_monitoring import Cron, RuleTable, Zone
from driftgate.service.settings_tables import Reference, Table, refuse

_FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def _function(name: str) -> str:
    if not _FUNCTION.fullmatch(name):
        raise ValueError("must be package.module:function")
    return name


Portion = Annotated[float, Field(ge=0, le=1)]
Days = Annotated[float, Field(gt=0, le=36_500)]
Names = tuple[Annotated[str, Field(min_length=1)], ...]


class ArmsTable(Table):
    """Shares of the entities; the champion has what is left. `shadow`: the challenger also scores the champion's rows, unseen."""

    challenger: Portion = 0.0
    heuristic: Portion = 0.0
    shadow: bool = False
    salt: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _at_most_everything(self) -> "ArmsTable":
        if math.fsum((self.challenger, self.heuristic)) > 1:
            refuse([("", f"challenger and heuristic must be at most 1 together, not {self.challenger + self.heuristic:g}")])
        return self


class HeuristicTable(Table):
    """The rule of the model-free arm: a constant, a column's value, or a user's function of the rows."""

    constant: str | float | int | None = None
    column: Annotated[str, Field(min_length=1)] | None = None
    function: Annotated[str, AfterValidator(_function)] | None = None

    @model_validator(mode="after")
    def _one_rule(self) -> "HeuristicTable":
        if sum(rule is not None for rule in (self.constant, self.column, self.function)) != 1:
            refuse([("", "must have exactly one of constant, column and function")])
        return self


class OutcomesTable(Table):
    """How late truths arrive.

    `maturity_days`: after so long a payload's truth is known. `match_days`: how far before an outcome its entity's payload may lie.
    """

    maturity_days: Days = 30.0
    match_days: Days | None = None


class PayloadsTable(Table):
    """What is logged of a payload, and for how long. `redact`: features left out; `hash`: features replaced by a keyed hash."""

    redact: Names = ()
    hash: Names = ()
    keep_days: Days | None = None
    low_confidence: Portion = 0.6

    @property
    def hidden(self) -> frozenset[str]:
        """The features that the log does not hold as they were."""
        return frozenset({*self.redact, *self.hash})

    @model_validator(mode="after")
    def _left_out_or_hashed(self) -> "PayloadsTable":
        both = sorted(set(self.redact) & set(self.hash))
        if both:
            refuse([("hash", f"names features that redact names too: {', '.join(both)}")])
        return self


class AlertsTable(Table):
    """Where messages go: Apprise addresses such as `mailto://...`, `twilio://...`, `slack://...`, each best kept as `env:NAME`.

    `cooldown_hours`: how long an alarm that goes on is not told again. `retrains`: whether those that a trigger starts are told.
    `digest`: when what rules put into the digest is sent.
    """

    channels: tuple[Reference, ...] = Field(default=(), repr=False)
    timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 10.0
    cooldown_hours: Annotated[float, Field(ge=0)] = 24.0
    recovery: bool = True
    retrains: bool = True
    digest: Cron = "0 8 * * *"
    timezone: Zone = "UTC"
    rules: tuple[RuleTable, ...] = ()
