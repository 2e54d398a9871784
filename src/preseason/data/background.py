"""Classes that stand for nothing in particular: they are learnt, and are never an event."""

NAMES = frozenset({"background", "noise", "silence", "other", "none", "nothing", "background noise"})


def is_background(label: str) -> bool:
    """Whether a label says that nothing of interest is there.

    Example:
        >>> is_background("_background_noise_"), is_background("Whistle")
        (True, False)
    """
    return label.casefold().replace("_", " ").replace("-", " ").strip() in NAMES
