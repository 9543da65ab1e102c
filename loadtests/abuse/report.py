"""Figures and promises of one attack."""

from dataclasses import dataclass, field

Figure = float | int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A sentence that has to be true."""

    sentence: str
    kept: bool


@dataclass(slots=True, kw_only=True)
class Report:
    """The findings of one attack."""

    attack: str
    figures: dict[str, Figure] = field(default_factory=dict)
    promises: list[Promise] = field(default_factory=list)

    def figure(self, name: str, value: Figure) -> None:
        """Note a measured value; its name says the unit."""
        self.figures[name] = round(value, 4) if isinstance(value, float) else value

    def require(self, sentence: str, kept: bool) -> None:  # noqa: FBT001 - reads like an assertion
        """Note whether a promise was kept."""
        self.promises.append(Promise(sentence=sentence, kept=bool(kept)))

    @property
    def kept(self) -> bool:
        """True if there are promises and all were kept."""
        return bool(self.promises) and all(promise.kept for promise in self.promises)

    def lines(self) -> list[str]:
        """The report for people."""
        return [
            f"{self.attack}",
            *(f"  {name:60} {value}" for name, value in self.figures.items()),
            *(f"  {'kept  ' if promise.kept else 'BROKEN'} {promise.sentence}" for promise in self.promises),
        ]

    def as_document(self) -> dict[str, object]:
        """The report for programs."""
        promises = [{"sentence": promise.sentence, "kept": promise.kept} for promise in self.promises]
        return {"attack": self.attack, "kept": self.kept, "figures": self.figures, "promises": promises}
