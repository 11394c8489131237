"""The tables `[models.NAME.monitoring]` and `[models.NAME.triggers]`, and `[[alerts.rules]]`, of driftgate.toml."""

import re
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from driftgate.lifecycle.findings import Monitor
from driftgate.service.settings_tables import Reference, Table, refuse

UNCURED = (Monitor.TRAFFIC, Monitor.INPUTS, Monitor.CHALLENGER)
"""What no retrain of the champion mends: nobody asks, a source sends what it should not, or another version is the worse one."""

_DRAWN = re.compile(r"[rh]", re.IGNORECASE)


def _cron(text: str) -> str:
    from croniter import CroniterBadDateError, croniter

    fields = text.split()
    # Fields that croniter would draw by lot, anew in every process.
    drawn = any(_DRAWN.match(each) for each in fields)
    if len(fields) != 5 or drawn or not croniter.is_valid(text):  # noqa: PLR2004 - minute, hour, day, month, weekday
        raise ValueError(f'must be a cron expression of five fields, such as "0 6 * * *" (every day at six), not "{text}"')
    try:
        croniter(text).get_next()
    except CroniterBadDateError as error:
        raise ValueError(f'must be due some day, and "{text}" never is') from error
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f'must be a time zone such as "Europe/Berlin" or "UTC", not "{name}"') from error
    return name


Cron = Annotated[str, AfterValidator(_cron)]
Zone = Annotated[str, AfterValidator(_zone)]
Days = Annotated[float, Field(gt=0, le=36_500)]
Growth = Annotated[float, Field(gt=0)]


class MonitoringTable(Table):
    """When a model's traffic is looked at, and what counts as an alarm. Without a `schedule`: only when somebody asks.

    `limits`: metric -> least value on matured outcomes (for losses, largest), as in `gates.floors`. `loss_growth`: the relative growth
    of the loss over the holdout's that is tolerated.
    """

    schedule: Cron | None = None
    timezone: Zone = "UTC"
    window_days: Days = 7.0
    false_alarms_per_year: Annotated[float, Field(gt=0, le=1_000)] = 2.0
    minimum_rows: Annotated[int, Field(ge=1)] = 50
    off: tuple[Monitor, ...] = ()
    limits: dict[str, float] = Field(default_factory=dict)
    loss_growth: Growth = 0.10
    shift_auc: Annotated[float, Field(ge=0.5, lt=1)] = 0.55
    low_confidence: Annotated[float, Field(ge=0, le=1)] = 0.5
    null_outputs: Annotated[float, Field(ge=0, le=1)] = 0.01
    value_per_entity: float = 1.0
    favourable: str | None = None
    silence_hours: Annotated[float, Field(gt=0)] | None = None
    html: Literal["always", "alarm", "never"] = "alarm"
    keep_days: Days = 730.0
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0


class TriggersTable(Table):
    """What starts a retrain without a person. `on`: monitors whose alarm does; `new_labels`: matured labels since the last one.

    `retry_share`: the new labels, as a share of a refused candidate's rows, that the same cause waits for; 0: none. `retry_days`: at most.
    """

    schedule: Cron | None = None
    timezone: Zone = "UTC"
    on: tuple[Monitor, ...] = ()
    new_labels: Annotated[int, Field(ge=1)] | None = None
    cooldown_days: Days = 7.0
    monthly_budget: Annotated[int, Field(ge=0)] = 4
    retry_share: Annotated[float, Field(ge=0, le=100)] = 0.5
    retry_days: Days = 30.0
    trial: bool = True
    search: bool = False

    @model_validator(mode="after")
    def _cures(self) -> "TriggersTable":
        named = [monitor for monitor in UNCURED if monitor in self.on]
        if named:
            refuse([("on", f'must not name "{monitor.value}": a retrain does not mend it') for monitor in named])
        return self


class RuleTable(Table):
    """Which alarms go where and how. The first rule that fits counts; without one that fits: every channel, at once."""

    monitors: tuple[Monitor, ...] = ()
    models: tuple[str, ...] = ()
    channels: tuple[Reference, ...] = Field(default=(), repr=False)
    mode: Literal["now", "digest", "off"] = "now"
    cooldown_hours: Annotated[float, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _off_or_somewhere(self) -> "RuleTable":
        given = {"channels": bool(self.channels), "cooldown_hours": self.cooldown_hours is not None}
        if self.mode == "off" and any(given.values()):
            refuse([(key, 'is of no use where mode is "off"') for key, there in given.items() if there])
        return self

    def covers(self, other: "RuleTable") -> bool:
        """Whether whatever fits the other rule fits this one."""
        monitors = not self.monitors or (bool(other.monitors) and set(other.monitors) <= set(self.monitors))
        return monitors and (not self.models or (bool(other.models) and set(other.models) <= set(self.models)))
