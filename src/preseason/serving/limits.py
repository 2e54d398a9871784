"""How much one request may cost, so that it costs nobody else anything."""

from dataclasses import dataclass, fields

from preseason.errors import UsageError


@dataclass(frozen=True)
class Limits:
    """What a server takes; more is refused with a reason.

    Attributes:
        body_bytes: of a request with examples.
        inputs: examples in one request.
        text_letters: of one text.
        pixels: of one picture, or of one frame.
        clip_s: seconds of a clip.
        waiting: examples that wait for one model; more are refused until some are answered.
        answer_s: from the end of a request to its answer.
        upload_s: from the start of a request to its end, longer uploads of matches aside.
        idle_s: without one byte of a request that has begun.
        connections: open at a time.
        match_bytes, match_s: of one video that actions are looked for in.
        matches_bytes: of all of them together; the oldest go first.
    """

    body_bytes: int = 64_000_000
    inputs: int = 64
    text_letters: int = 50_000
    pixels: int = 50_000_000
    clip_s: float = 120.0
    waiting: int = 256
    answer_s: float = 60.0
    upload_s: float = 60.0
    idle_s: float = 10.0
    connections: int = 512
    match_bytes: int = 8_000_000_000
    match_s: float = 4 * 3600.0
    matches_bytes: int = 20_000_000_000

    def __post_init__(self) -> None:
        wrong = [each.name for each in fields(self) if getattr(self, each.name) <= 0]
        if wrong:
            raise UsageError(f"Limits of a server are numbers above 0; these are not: {', '.join(wrong)}.")
