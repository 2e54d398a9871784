"""What every error code means: shown after the message, under `code` with `--json`, and on a page of its own.

The letter tells the class of the error, 01 is its general code. Codes are added, never given a new meaning.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Explained:
    """An error code in words: what it is called, what happened, what to do."""

    title: str
    happened: str
    remedy: str


CODES: dict[str, Explained] = {
    "PS-U01": Explained(
        "Wrong usage",
        "An option, a setting or an argument cannot be used as given.",
        "The message says what was received and what was expected; see `preseason COMMAND --help`.",
    ),
    "PS-U02": Explained(
        "Invalid setting",
        "A setting, from a flag, a keyword or a TOML file, does not exist or is out of range.",
        (
            "All faults are listed at once, with the nearest valid name. `preseason fit --help` "
            "shows every setting."
        ),
    ),
    "PS-U03": Explained(
        "Unknown name",
        "There is no command, head, network, layout or task with this name.",
        ("The message suggests the nearest name and lists the others; `preseason models` lists networks."),
    ),
    "PS-U04": Explained(
        "No CUDA device",
        "`--device cuda` was requested, but torch finds no such device.",
        ("Use `--device auto` or `cpu`; or check the driver (`nvidia-smi`) and that torch is a CUDA build."),
    ),
    "PS-U05": Explained(
        "Out of GPU memory",
        "A network, or one training step, does not fit into the free GPU memory.",
        "Use a smaller `--batch-size`, stop other programs that use the GPU, or use `--device cpu`.",
    ),
    "PS-U06": Explained(
        "A package is not installed",
        "This needs a package that comes with an extra of preseason.",
        "Run the command in the message, e.g. `pip install 'preseason[text]'`, then try again.",
    ),
    "PS-U07": Explained(
        "A forked process",
        "preseason had computed in a process before this one was forked from it: the threads that compute "
        "do not live on in a child, and it would wait for ever.",
        "Start workers by spawn or forkserver, without gunicorn's --preload, or load and ask the model only "
        "in the worker.",
    ),
    "PS-E01": Explained(
        "This model cannot be exported",
        "The kind of model, one of its heads, or its network cannot be written in this format.",
        "[Export](export.md) lists what can be exported; `preseason serve` works for every model.",
    ),
    "PS-E02": Explained(
        "The export differs",
        "The exported model and the original disagree on the same photos by more than half a point.",
        "Check with more photos (`--data`), export without int8, or keep it with `--no-strict`.",
    ),
    "PS-E03": Explained(
        "The answer cannot be exported in full",
        (
            "To timm and transformers only the network and, where blocks were trained, its "
            "classifier are exported; this model's answer rests on more, e.g. attention over "
            "regions, or several fold models."
        ),
        (
            "Export to onnx or openvino, which carry everything; or write the network alone with "
            "`--no-strict`."
        ),
    ),
    "PS-D01": Explained(
        "The data cannot be used",
        "Nothing can be learnt from the data as it stands, or nothing could be read.",
        "The message names the file or the label; [Photos](photos.md) shows the layouts.",
    ),
    "PS-D02": Explained(
        "There is no such file or folder",
        "The path that was named does not exist.",
        "Check the spelling and the folder you are in; a name with spaces needs quotes.",
    ),
    "PS-D03": Explained(
        "Nothing usable",
        "The folder or table exists, but none of its files or rows can be used.",
        "Expected one folder per label, or a table. What was left out is listed with its reason.",
    ),
    "PS-D04": Explained(
        "Too few classes or examples",
        (
            "There is only one class, or there are too few different examples to learn from some and "
            "test on others."
        ),
        "Add a folder with other examples, at least a handful per label; copies count as one.",
    ),
    "PS-F01": Explained(
        "A file cannot be decoded",
        "A photo, clip or text is damaged, truncated, too large or not such a file at all.",
        "Commands name such files and go on. Copy the file again, or save it as JPEG, PNG or MP4.",
    ),
    "PS-W01": Explained(
        "Weights cannot be used",
        "A file of weights cannot be read, or does not fit the network.",
        "Check that `--backbone` names the network that `--weights` was made for.",
    ),
    "PS-W02": Explained(
        "Weights are not on this machine",
        (
            "The network's weights are neither installed nor in the hub's cache, and the hub cannot "
            "be reached."
        ),
        "The message says which file to put where, or which package to install.",
    ),
    "PS-N01": Explained(
        "The service failed",
        ("A service with the OpenAI protocol refused, failed or did not answer; the message quotes it."),
        ("Check `--base-url` (the address up to `/v1`) and the key in `OPENAI_API_KEY`, then try again."),
    ),
    "PS-N02": Explained(
        "The hub failed",
        "The Hugging Face hub cannot be reached, has no such model, or does not let you write there.",
        "Check the name and the connection; `hf auth login` or `HF_TOKEN` gives access to your own models.",
    ),
    "PS-N03": Explained(
        "The store failed",
        "An object store (`s3://`, `gs://`, `az://`, `hf://`) cannot be reached, or refuses to be read or "
        "written.",
        "Check the address; its library reads credentials and endpoint from the environment, see "
        "[Stores](stores.md).",
    ),
    "PS-M01": Explained(
        "The model folder cannot be used",
        "Files of the model are missing, damaged, or do not fit together.",
        "Copy the whole folder again, or fit again: the features are still in the bank.",
    ),
    "PS-M02": Explained(
        "Not a model folder",
        "There is no `preseason.json` in the folder.",
        "Name the folder that `fit -o` wrote.",
    ),
    "PS-M03": Explained(
        "A newer format",
        "The model was saved by a newer preseason.",
        "Update preseason.",
    ),
    "PS-M04": Explained(
        "A folder that will not be replaced",
        "The output folder exists and holds something else.",
        "Name a new folder with `-o`. Only models replace models, and exports replace exports.",
    ),
    "PS-C01": Explained(
        "The feature bank cannot be written",
        "The cache folder cannot be created or written.",
        "Name another with `--cache` or PRESEASON_CACHE.",
    ),
    "PS-C02": Explained(
        "The disk is full",
        "There is no space left for features; what was computed is kept.",
        "Free some space (`preseason cache clear`) and run the same command again: it resumes.",
    ),
    "PS-G01": Explained(
        "Workers are gone",
        "A worker that held part of the network's weights died or could not be reached.",
        "Run the same command again: it resumes from the last checkpoint.",
    ),
    "PS-S01": Explained(
        "The operating system refused",
        "A file or folder could not be read or written.",
        (
            "The message is the operating system's own: permissions, a full disk, a network share "
            "that is gone."
        ),
    ),
    "PS-X01": Explained(
        "A bug in preseason",
        "Something unexpected happened.",
        "Please report it with the traceback.",
    ),
}
