"""What the tasks of photos and clips share: crops of pictures, and views."""

from itertools import cycle

from preseason.engine.passes import WHOLE, Box, grid


def views(count: int) -> tuple[Box, ...]:
    """The whole, its mirror image, then corners of 0.85 of the side, every second one mirrored."""
    found = [WHOLE, WHOLE.mirrored()]
    for index, corner in enumerate(cycle(grid(2, 0.85))):
        if len(found) >= count:
            return tuple(found[:count])
        found.append(corner.mirrored() if index % 2 else corner)
    raise AssertionError("cycle never ends")
