"""What model cards need from the outside: what a version's run says, and a place for the card beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from driftgate.lifecycle.versions import Version


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the run of a version says of how it was made, as text.

    `ours`: Driftgate trained it. Else it was adopted, `adopted_by` says by whom where that is known, and parameters and tags are those that
    foreign code left. `link`: the path of the run's card on the pages of MLflow.
    """

    ours: bool
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    adopted_by: str | None = None
    link: str | None = None


class CardShelf(Protocol):
    """Model cards, beside the runs of their versions. Every method but `bound` raises RegistryUnavailable where MLflow does not answer."""

    def bound(self, model: str) -> Sequence[Version]:
        """Every bound version of the model, oldest first, without aliases."""
        ...

    def made(self, model: str) -> Mapping[int, str]:
        """By version, the key under which its card was last made; a version without a card has none."""
        ...

    def run(self, version: Version) -> RunFacts:
        """What the version's run says."""
        ...

    def pictures(self, version: Version) -> Mapping[str, bytes]:
        """The PNG files among the plots of the version's run, by name."""
        ...

    def read(self, version: Version, path: str) -> bytes | None:
        """The artifact of the version's run at that path; None where there is none."""
        ...

    def keep(self, version: Version, files: Mapping[str, bytes]) -> None:
        """Keeps each file as the artifact `card/NAME` of the version's run; a repeat overwrites."""
        ...

    def link(self, version: Version, words: str, key: str) -> None:
        """Puts the words into the version's description, in place of the last ones, and notes the key.

        What people wrote there stays, letter for letter. Words that do not fit beside it are left out.
        """
        ...
