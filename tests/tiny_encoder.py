"""A tokenizer of a few words for tiny encoders."""

from pathlib import Path

WORDS = ["goal", "match", "team", "great", "awful", "ball", "win", "lose", "referee", "the", "was", "what"]


def save_tokenizer(folder: Path) -> None:
    """A tokenizer of these words, letter by letter where it does not know one."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]
    vocabulary = {word: place for place, word in enumerate([*pieces, *WORDS])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
