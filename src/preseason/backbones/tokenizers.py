"""What turns texts into token numbers, read without the network it belongs to."""

from pathlib import Path
from typing import TYPE_CHECKING

from preseason.errors import WeightsError, first_line

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENIZER = "tokenizer.json"


def read_tokenizer(path: Path) -> "Tokenizer":
    """The tokenizer in a file; it neither cuts nor pads.

    Raises:
        WeightsError: the file is absent or damaged.
    """
    from tokenizers import Tokenizer

    try:
        return whole(Tokenizer.from_file(str(path)))
    except Exception as error:
        raise WeightsError(
            f"The tokenizer in {path.parent} cannot be read: {first_line(error)}. Expected {path.name} "
            "beside the weights."
        ) from error


def whole(tokenizer: "Tokenizer") -> "Tokenizer":
    """The tokenizer set to neither cut nor pad."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    # A text that spells a special token means its letters.
    tokenizer.encode_special_tokens = True
    return tokenizer
