"""Whether two pictures are one: resized, recompressed, brightened, mirrored or slightly cropped copies.

Candidates are found by the 64-bit difference hash (dHash: is each cell of an 8 x 9 grid brighter than
its left neighbour?) of the whole of one picture and of slight crops of the other; each candidate is then
confirmed by the correlation of 24 x 27 grey thumbnails, over crops tried from coarse to fine. Colour
plays no part, so a black-and-white copy is a copy.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.rows import unit_rows

Thumbnail = NDArray[np.uint8]
Floats = NDArray[np.float32]
Codes = NDArray[np.uint64]
Stretch = tuple[float, float]  # of a side, start and end in 0..1

HEIGHT, WIDTH = 48, 54  # six pixels a cell of the 8 x 9 hash
CODE_DISTANCE = 10  # of 64 bits: nearly all copies cropped by up to 10 % a side lie within
CORRELATION = 0.97  # planted copies lie above; the likest different photos seen, one pose and kit, at 0.955
FLAT = 3.0  # grey levels of standard deviation below which a picture shows nothing to compare
_WHOLE: Stretch = (0.0, 1.0)
_SLIGHT: tuple[Stretch, ...] = (_WHOLE, (0.0, 0.95), (0.05, 1.0), (0.05, 0.95))
_HASHED: tuple[Stretch, ...] = (*_SLIGHT, (0.0, 0.88), (0.12, 1.0), (0.1, 0.9))
_STEPS = (0.05, 0.025, 0.0125, 0.0)
_LIKELY = 0.85  # correlation of the hash cells below which no finer look is taken
_NO_CELLS: Floats = np.zeros((0, 8 * 9), np.float32)
_CUT = 0.2  # at most this share of a side is taken for cut off at either end
_HOPELESS = 0.75  # correlation with the best coarse crop below which finer ones are not tried
_MOST_CHECKS = 8  # crops are tried for so many candidates of one picture, the likest first


def thumbnail(pixels: NDArray[np.uint8]) -> Thumbnail:
    """uint8 [48, 54] grey of a picture uint8 [h, w, 3], its sides stretched to fit."""
    from PIL import Image

    grey = Image.fromarray(pixels).convert("L")
    return np.array(grey.resize((WIDTH, HEIGHT), Image.Resampling.BOX), dtype=np.uint8)


def code(thumb: Thumbnail) -> int:
    """The 64-bit difference hash of a thumbnail."""
    return int(_bits(_cells(thumb, (_WHOLE,), (_WHOLE,), 8, 9).reshape(1, -1))[0])


def alike(one: Thumbnail, other: Thumbnail) -> bool:
    """Whether two thumbnails show one picture, perhaps slightly cropped or mirrored."""
    if one.std() < FLAT or other.std() < FLAT:
        return False
    return any(_correlation(turned, other) >= CORRELATION for turned in (one, one[:, ::-1]))


def pairs(thumbs: NDArray[np.uint8]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """For each picture of [n, 48, 54]: its number and those of its copies (some of them, where many).

    Memory grows with n by about 6 kB a picture. Time: a few milliseconds a picture for its crops, and
    for each pair 98 comparisons of hashes.
    """
    lively = np.flatnonzero(thumbs.std(axis=(1, 2)) >= FLAT)
    whole = np.array([code(thumb) for thumb in thumbs[lively]], np.uint64)
    cells = np.concatenate(
        [_cells(thumb, (_WHOLE,), (_WHOLE,), 8, 9).reshape(1, -1) for thumb in thumbs[lively]] or [_NO_CELLS]
    )
    small = _standard(thumbs[lively].astype(np.float32))
    for at, number in enumerate(lively):
        candidates = _candidates(thumbs[number], whole, cells)
        candidates = candidates[candidates != at]
        if len(candidates):
            hits = _confirmed(thumbs[number], thumbs[lively[candidates]], small[at], small[candidates])
            yield int(number), lively[candidates[hits]]


def _candidates(thumb: Thumbnail, whole: Codes, cells: Floats) -> NDArray[np.int64]:
    """Pictures whose hash and its cells are near those of this one, of a slight crop or of its mirror."""
    mine = _hash_cells(np.stack([thumb, thumb[:, ::-1]]))
    near = np.zeros(len(whole), bool)
    for each in _bits(mine):
        near |= np.bitwise_count(whole ^ each) <= CODE_DISTANCE
    found = np.flatnonzero(near).astype(np.int64)
    likely = (_normalised(cells[found]) @ _normalised(mine).T).max(axis=1, initial=0) >= _LIKELY
    return np.asarray(found[likely], dtype=np.int64)


def _confirmed(
    thumb: Thumbnail, others: NDArray[np.uint8], mine: Floats, theirs: Floats
) -> NDArray[np.int64]:
    """Places in `others` of true copies: by plain correlation, then by trying crops of the likest."""
    plain: Floats = theirs @ mine
    hits = set(np.flatnonzero(plain >= CORRELATION).tolist())
    unsure = [place for place in np.argsort(-plain, kind="stable").tolist() if place not in hits]
    hits.update(place for place in unsure[:_MOST_CHECKS] if alike(thumb, others[place]))
    return np.array(sorted(hits), np.int64)


def standardised(thumbs: NDArray[np.uint8]) -> Floats:
    """float32 [n, d] of thumbnails [n, 48, 54]: the dot product of two rows is their correlation."""
    return _standard(thumbs.astype(np.float32))


def _correlation(one: Thumbnail, other: Thumbnail) -> float:
    """The largest correlation of either picture with a crop of the other."""
    return max(_best_crop(one, other), _best_crop(other, one))


def _best_crop(whole: Thumbnail, part: Thumbnail) -> float:
    """The largest correlation of `part` with a crop of `whole`, found from coarse to fine."""
    wanted = _standard(part[None].astype(np.float32))[0]
    rows, columns = _HASHED, _HASHED
    best = 0.0
    for step in _STEPS:
        scores = _crops(whole, rows, columns) @ wanted
        place = int(scores.argmax())
        best = max(best, float(scores[place]))
        if best < _HOPELESS:
            break
        row, column = divmod(place, len(columns))
        rows, columns = _around(rows[row], step), _around(columns[column], step)
    return best


def _around(stretch: Stretch, step: float) -> tuple[Stretch, ...]:
    """Nine stretches whose ends lie at most a step from those of this one, inside 0..1."""
    low, high = stretch
    moves = (-step, 0.0, step)
    return tuple(
        (round(min(max(low + one, 0.0), _CUT), 4), round(max(min(high + two, 1.0), 1 - _CUT), 4))
        for one, two in product(moves, moves)
    )


def _standard(thumbs: Floats) -> Floats:
    """float32 [n, 24 * 27]: halved thumbnails with mean 0 and norm 1, so that a dot product correlates."""
    halved = thumbs.reshape(len(thumbs), HEIGHT // 2, 2, WIDTH // 2, 2).mean((2, 4))
    return _normalised(halved.reshape(len(thumbs), HEIGHT * WIDTH // 4))


def _crops(thumb: Thumbnail, rows: tuple[Stretch, ...], columns: tuple[Stretch, ...]) -> Floats:
    """float32 [rows * columns, 24 * 27]: crops of a thumbnail, standardised."""
    height, width = HEIGHT // 2, WIDTH // 2
    return _normalised(_cells(thumb, rows, columns, height, width).reshape(-1, height * width))


def _hash_cells(thumbs: Thumbnail) -> Floats:
    """float32 [k, 8 * 9]: hash cells of the slight crops of [m, 48, 54], those of one whole picture first."""
    crops = [_cells(thumb, _HASHED, _HASHED, 8, 9) for thumb in thumbs]
    return np.concatenate(crops).reshape(-1, 8 * 9)


def _bits(cells: Floats) -> Codes:
    """uint64 [k]: difference hashes of float32 [k, 8 * 9]."""
    brighter = np.diff(cells.reshape(-1, 8, 9), axis=2) > 0
    return np.packbits(brighter.reshape(-1, 64), axis=1).view(np.uint64).ravel()


def _cells(
    thumb: Thumbnail, rows: tuple[Stretch, ...], columns: tuple[Stretch, ...], height: int, width: int
) -> Floats:
    """float32 [rows * columns, height, width]: mean grey of the cells of each crop."""
    down = np.stack([_averages(HEIGHT, height, stretch) for stretch in rows])
    across = np.stack([_averages(WIDTH, width, stretch) for stretch in columns])
    cells: Floats = down[:, None] @ thumb.astype(np.float32) @ across.transpose(0, 2, 1)[None]
    return cells.reshape(-1, height, width)


def _normalised(rows: Floats) -> Floats:
    return unit_rows(rows - rows.mean(axis=1, keepdims=True))


@lru_cache(maxsize=4096)
def _averages(length: int, cells: int, stretch: Stretch) -> Floats:
    """float32 [cells, length]: weights that average a stretch of a side in equal cells."""
    low, high = stretch
    edges = (low + np.arange(cells + 1) * (high - low) / cells) * length
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = overlap.clip(0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)
