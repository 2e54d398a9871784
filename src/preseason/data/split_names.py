"""What people call the parts of a split that they made themselves."""

import re
import unicodedata
from collections.abc import Sequence


def _folded(name: str) -> str:
    """A name without accents, so that `entraînement` and `entrainement` are one word."""
    if name.isascii():
        return name
    parts = unicodedata.normalize("NFKD", name)
    return unicodedata.normalize("NFC", "".join(sign for sign in parts if not unicodedata.combining(sign)))


NAMES = dict.fromkeys(("train", "training", "trn", "trainval", "learn", "learning"), "train")
NAMES |= dict.fromkeys(
    ("val", "vali", "valid", "validation", "validate", "validating", "vld", "dev", "devel", "development"),
    "validation",
)
NAMES |= dict.fromkeys(
    ("test", "testing", "tests", "tst", "eval", "evaluation", "holdout", "heldout", "unseen"), "test"
)
_ABROAD = {
    "train": "entrainement entrenamiento treino treinamento addestramento trainingsdaten 学習 学習用 "
    "訓練 訓練用 训练 训练集 훈련 학습",
    "validation": "validierung validierungsdaten validacion validacao validazione validatie walidacja 検証 "
    "検証用 验证 验证集 검증",
    "test": "testdaten pruebas prueba teste testes essai prova テスト 测试 测试集 테스트",
}
"""Words of other languages, without accents."""
NAMES |= {_folded(word): part for part, words in _ABROAD.items() for word in words.split()}
_MORE_WORDS = """
    set split splits data dataset datasets part subset partition image images img imgs photo photos pic
    pics picture pictures frame frames clip clips video videos text texts tweets file files folder audio
    sample samples example examples x my label labels annotation annotations metadata
"""
_MORE = frozenset(_MORE_WORDS.split())
"""Words that people put beside the name of a part, and that say nothing."""
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+")
_JOINED = re.compile(
    r"(train|training|val|valid|validation|dev|test|testing|eval|holdout)"
    r"(set|split|data|dataset|images?|imgs?|photos?|clips?|videos?)"
)


def split_from(name: str) -> str | None:
    """`train`, `validation` or `test` from the usual spellings; None for any other word.

    Case, numbers and words such as set, data or images beside it do not count.

    Example:
        >>> split_from("Valid"), split_from("test_images"), split_from("01-TrainingSet"), split_from("messi")
        ('validation', 'test', 'train', None)
        >>> split_from("val2017"), split_from("hold-out"), split_from("test match")
        ('validation', 'test', None)
    """
    words = _WORDS.findall(_folded(name))
    said = " ".join(_told(word) for word in words if _told(word) not in _MORE)
    return NAMES.get(said) or NAMES.get({"hold out": "holdout", "held out": "heldout"}.get(said, ""))


def splits_of(names: Sequence[str]) -> tuple[str | None, ...]:
    """The part that each of several names says; words that all of them share do not count.

    Where words are shared, at least two parts must be told, and one of them is for training.

    Example:
        >>> splits_of(["players_train", "players_test"]), splits_of(["train", "Messi"])
        (('train', 'test'), ('train', None))
        >>> splits_of(["seg_pred", "seg_test", "seg_train"])
        (None, 'test', 'train')
        >>> splits_of(["home test", "away test"])
        (None, None)
    """
    found = tuple(map(split_from, names))
    if any(found) or len(names) < 2:
        return found
    words = [_WORDS.findall(name) for name in names]
    shared = {word.lower() for word in words[0]}.intersection(*({w.lower() for w in each} for each in words))
    found = tuple(split_from(" ".join(w for w in each if w.lower() not in shared)) for each in words)
    told = {part for part in found if part}
    clear = len(told) > 1 and (all(found) or (bool(shared) and "train" in told))
    return found if clear else (None,) * len(names)


def _told(word: str) -> str:
    plain = word.lower()
    joined = _JOINED.fullmatch(plain)
    return joined[1] if joined else plain
