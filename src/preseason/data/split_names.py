"""What people call the parts of a split that they made themselves."""

import re

NAMES = {"train": "train", "training": "train", "trn": "train"}
NAMES |= {"val": "validation", "valid": "validation", "validation": "validation", "dev": "validation"}
NAMES |= {"test": "test", "testing": "test", "tst": "test", "eval": "test", "holdout": "test"}
_SUFFIX = re.compile(
    r"[ _-]?(set|split|data|dataset|images?|photos?|pictures?|clips?|videos?|texts?|files?)$"
)


def split_from(name: str) -> str | None:
    """`train`, `validation` or `test` from the usual spellings; None for any other word.

    Example:
        >>> split_from("Valid"), split_from("test_images"), split_from("messi")
        ('validation', 'test', None)
    """
    plain = name.strip().lower()
    return NAMES.get(plain) or NAMES.get(_SUFFIX.sub("", plain))
