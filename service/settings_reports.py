"""The tables `[models.NAME.simulation]`, `[models.NAME.drift]` and `[models.NAME.card]` of driftgate.toml."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from driftgate.reports.scenarios import MAGNITUDES, Kind, Scenario
from driftgate.service.settings_tables import Table, refuse

if TYPE_CHECKING:
    from driftgate.reports.drift.aspects import Materiality

STANDARD_SCENARIOS = ("small", "moderate", "strong", "very_strong")

Told = Annotated[str, Field(min_length=1, max_length=4000)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Share = Annotated[float, Field(gt=0, lt=1)]


class CardTable(Table):
    """What only people can say of a model, for its model cards."""

    intended_use: Told | None = None
    limits: Told | None = None
    owner: Told | None = None
    contact: Told | None = None


class ScenarioTable(Table):
    """A scenario of the user's own, beside the standard ones."""

    kind: Kind = Kind.MULTIVARIATE
    features: Annotated[tuple[str, ...], Field(min_length=1)]
    magnitude: Annotated[float, Field(gt=0)]
    rows: Annotated[int, Field(ge=1)] | None = None
    share: Annotated[float, Field(gt=0, le=1)] | None = None

    @model_validator(mode="after")
    def _one_extent(self) -> "ScenarioTable":
        problems = []
        if self.rows is not None and self.share is not None:
            problems.append(("", "must have rows or share, not both"))
        if self.kind is Kind.MISSING and self.magnitude > 1:
            problems.append(
                ("magnitude", f'is the share of rows that lose the value where kind is "missing": at most 1, not {self.magnitude:g}')
            )
        if problems:
            refuse(problems)
        return self


class SimulationTable(Table):
    """Which perturbations a version is put through."""

    magnitudes: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)] = MAGNITUDES
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)] = tuple(Kind)
    break_limit: Annotated[float, Field(gt=0)] = 0.10
    seed: Seed = 0
    scenarios: dict[str, ScenarioTable] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _distinct(self) -> "SimulationTable":
        problems = [
            (f"scenarios.{name}", "is the name of a standard scenario: choose another")
            for name in self.scenarios
            if name in STANDARD_SCENARIOS
        ]
        if len(set(self.magnitudes)) < len(self.magnitudes):
            problems.append(("magnitudes", "must not name a factor twice"))
        if problems:
            refuse(problems)
        return self

    def extra(self) -> tuple[Scenario, ...]:
        """The user's own scenarios."""
        return tuple(
            Scenario(name, table.kind, table.features, table.magnitude, table.rows, table.share) for name, table in self.scenarios.items()
        )

    def names(self, gated: str) -> bool:
        """Whether a scenario of that name can come out. Names of one feature's scenarios hold a space: `tenure x1.05`."""
        if gated in STANDARD_SCENARIOS:
            return Kind.MULTIVARIATE in self.kinds
        return gated in self.scenarios or " " in gated


class DriftTable(Table):
    """When a column counts as drifted.

    `materiality_by`: `distance`: by the limits here; `loss`: by the drift at which the version's envelope passes what is tolerated.
    `own_windows`: a column must also differ by more than the snapshot's own windows of that length do among themselves.
    """

    level: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    normalised_wasserstein: Annotated[float, Field(ge=0)] = 0.1
    total_variation: Annotated[float, Field(ge=0, lt=1)] = 0.05
    missing_rate: Annotated[float, Field(ge=0, lt=1)] = 0.03
    unseen_mass: Annotated[float, Field(ge=0, lt=1)] = 0.01
    out_of_range: Annotated[float, Field(ge=0, lt=1)] = 0.01
    materiality_by: Literal["distance", "loss"] = "distance"
    own_windows: bool = False
    seed: Seed = 0

    def materiality(self) -> "Materiality":
        """The least effects that matter."""
        from driftgate.reports.drift.aspects import Materiality

        return Materiality(
            normalised_wasserstein=self.normalised_wasserstein,
            total_variation=self.total_variation,
            missing_rate=self.missing_rate,
            unseen_mass=self.unseen_mass,
            out_of_range=self.out_of_range,
        )
