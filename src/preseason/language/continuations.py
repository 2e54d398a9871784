"""Multiple-choice questions out of any prose: how does this beginning go on?

The idea is that of HellaSwag (Zellers et al. 2019, arXiv 1905.07830), without its generated endings: the
wrong options are stretches of the same text from elsewhere, so the subject gives little away.
"""

import re

import numpy as np

from preseason.language.samples import Quiz

OPENING, ENDING = 12, 6
"""Words of the beginning, and of each option."""

STEP = 6
"""Words from one beginning to the next."""

OPTIONS = 4
WORD = re.compile(r"\(?[A-Za-z][A-Za-z'-]*[,.;:!?)]*")


def continuations(text: str) -> tuple[Quiz, ...]:
    """Questions about the text, in its order.

    Stretches with anything but words (figures, markup) are left out. Wrong endings do not overlap with the
    stretch that is asked about. A text too short for `OPTIONS` of them gives no question.
    """
    rng = np.random.default_rng(0)
    words = text.split()
    size = OPENING + ENDING
    plain = np.array([WORD.fullmatch(word) is not None for word in words], bool)
    starts = [at for at in range(0, len(words) - size + 1, STEP) if plain[at : at + size].all()]
    endings = {at: " ".join(words[at + OPENING : at + size]) for at in starts}
    found = []
    for at in starts:
        far = [other for other in starts if abs(other - at) >= size and endings[other] != endings[at]]
        if len(far) < OPTIONS - 1:
            continue
        options = [at, *(int(other) for other in rng.choice(far, OPTIONS - 1, replace=False))]
        order = rng.permutation(OPTIONS)
        texts = tuple(endings[options[place]] for place in order)
        question = " ".join(words[at : at + OPENING])
        found.append(Quiz(question, texts, int(np.argmin(order)), continued=True))
    return tuple(found)
