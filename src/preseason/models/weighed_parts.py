"""What explanations have in common: parts of an example, and what hiding each of them costs."""

from collections.abc import Iterator


class WeighedParts:
    """Iterating gives pairs of part and weight.

    Attributes:
        parts: names of the parts.
        weights: for each part, what hiding it costs.
    """

    parts: tuple[str, ...]
    weights: tuple[float, ...]

    def __iter__(self) -> Iterator[tuple[str, float]]:
        """Parts with their weights."""
        return iter(zip(self.parts, self.weights, strict=True))

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, place: int) -> tuple[str, float]:
        return self.parts[place], self.weights[place]
