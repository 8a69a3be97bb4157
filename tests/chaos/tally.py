"""What a rehearsal has done and found, for the last lines of `make chaos`."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.chaos.content import Difference


@dataclass
class Tally:
    """kills, cuts: SIGKILLs of a process, and hosts taken off the network. recoveries: (seconds, test) from the harm to the end of
    the run that made it good. difference: over all comparisons with a run that nothing happened to."""

    kills: int = 0
    cuts: int = 0
    recoveries: list[tuple[float, str]] = field(default_factory=list)
    difference: Difference = field(default_factory=Difference)

    def add(self, other: Tally) -> None:
        """Takes in what another process has counted."""
        self.kills, self.cuts = self.kills + other.kills, self.cuts + other.cuts
        self.recoveries += other.recoveries
        self.difference += other.difference

    def lines(self) -> list[str]:
        longest, where = max(self.recoveries, default=(0.0, "none"))
        d = self.difference
        return [
            f"longest recovery: {longest:.1f} s ({where})",
            f"kills and cuts: {self.kills + self.cuts} ({self.kills} kills, {self.cuts} cuts); "
            f"rows lost: {d.lost}, doubled: {d.doubled}, changed: {d.changed}",
        ]


TALLY = Tally()
