"""What names of folders and files say: batches, tools, what nobody labelled, and what is no example."""

import re
from pathlib import Path

_UNLABELLED_WORDS = """
    unlabelled unlabeled unsorted unannotated nolabel nolabels tolabel todo inbox incoming unclassified
    untagged notlabelled notlabeled unsup unsupervised
    newfolder untitledfolder neuerordner nouveaudossier nuevacarpeta nuovacartella novapasta nieuwemap
    nowyfolder новаяпапка 新しいフォルダー 新建文件夹 새폴더
"""
UNLABELLED = frozenset(_UNLABELLED_WORDS.split())
_TOOLS_WORDS = """
    runs run models model weights checkpoints checkpoint ckpt logs log output outputs result results
    predictions prediction predict predicted wandb mlruns lightninglogs tensorboard annotations annotation
    labels metadata meta docs doc scripts script src code notebooks notebook exports export backup backups
    cache tmp temp bin lib env venv sorted corrections crops report reports
"""
TOOLS = frozenset(_TOOLS_WORDS.split())
NO_LABELS = frozenset({"images", "all", "unknown"})
_NO_EXAMPLE_WORDS = """
    .csv .tsv .json .jsonl .ndjson .parquet .xls .xlsx .ods .yaml .yml .toml .ini .cfg .xml .html .htm .log
    .py .ipynb .sh .bat .pt .pth .ckpt .h5 .onnx .safetensors .pkl .npy .npz .db .sqlite .pdf .doc .docx .zip
    .gz .tar .7z .rar .names .cache .css .js .vocab .feat .md5 .sha256 .url .lnk .bak .crdownload
"""
_NO_EXAMPLE = frozenset(_NO_EXAMPLE_WORDS.split())
WRITTEN = frozenset({".txt", ".md", ".rst", ""})
"""Endings of texts, which are remarks where they lie beside folders of anything else."""
_PAPERS = re.compile(
    r"(readme|licen[cs]e|classes|labels|notes|changelog|dataset|citation)\b.*", re.IGNORECASE
)
_BATCH = re.compile(
    r"[\W_]*(?:"
    r"(?:images?|imgs?|photos?|pics?|pictures?|frames?|videos|clips|raw|jpe?g|png|data|files|originals?)"
    r"(?:[\W_]*\d)*|"
    r"(?:match|game|video|vid|clip|seq|sequence|session|burst|camera|cam|day|week|month|season|year|round|set|"
    r"batch|part|fold|run|take|half|scene|folder|group|dataset|recording|rec|download|export|series|view|roll|"
    r"album|event|trip|source|page|crops?|sub|dir|chunk|shard|subset|phone|user|[a-z])?(?:[\W_]*\d)+|"
    r".*(?:19|20)\d\d.*"
    r")[\W_]*[a-z]?",
    re.IGNORECASE,
)


def is_example(path: Path) -> bool:
    """Whether a file may be an example, by its name: no table, no settings, no readme."""
    return path.suffix.lower() not in _NO_EXAMPLE and _PAPERS.fullmatch(path.name) is None


def is_unlabelled_name(name: str) -> bool:
    """Whether a folder's name says that nobody labelled what lies there."""
    return letters_of(name) in UNLABELLED


def is_batch_name(name: str) -> bool:
    """Whether a folder's name counts or dates batches of examples rather than saying what they show.

    Example:
        >>> is_batch_name("match_3"), is_batch_name("2023-05-01"), is_batch_name("Messi")
        (True, True, False)
    """
    return _BATCH.fullmatch(name) is not None


def letters_of(name: str) -> str:
    """The letters of a name, without case."""
    return "".join(filter(str.isalpha, name.casefold()))
