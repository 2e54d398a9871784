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
        "Wrong use",
        "An option, a setting or an argument cannot be used as given.",
        "The message says what was received and what was expected; see `preseason VERB --help`.",
    ),
    "PS-U02": Explained(
        "A setting of the recipe",
        "A setting, from a flag, a keyword or a TOML file, does not exist or is out of range.",
        "All faults are listed at once, with the nearest name. `preseason fit --help` shows every setting.",
    ),
    "PS-U03": Explained(
        "An unknown name",
        "No verb, head, network, layout or task has this name.",
        "The message suggests the nearest one and lists the others; `preseason models` lists networks.",
    ),
    "PS-U04": Explained(
        "No CUDA device",
        "`--device cuda` was asked for and torch sees no such device.",
        "Use `--device auto` or `cpu`; or check the driver (`nvidia-smi`) and that torch is a CUDA build.",
    ),
    "PS-U05": Explained(
        "The graphics processor's memory is full",
        "A network, or one step of its training, does not fit into what is free of it.",
        "Give a smaller `--batch-size`, end other programs that use it, or take `--device cpu`.",
    ),
    "PS-U06": Explained(
        "A package is not installed",
        "What was asked for needs a package that comes with an extra of preseason.",
        "Run the line of the message, e.g. `pip install 'preseason[text]'`, and the same command again.",
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
        "The kind of model, a head in it, or its network cannot be written in the format.",
        "See what is exported in [Export](export.md); `preseason serve` answers for every model.",
    ),
    "PS-E02": Explained(
        "The export differs",
        "The exported model and the model answered the same photos differently by more than half a point.",
        "Check with more photos (`--data`), export without int8, or keep it with `--no-strict`.",
    ),
    "PS-E03": Explained(
        "The answer cannot be carried",
        "To timm and transformers only the network and, where blocks were trained, its classifier travel; "
        "this model's answer rests on more, e.g. attention over parts, or several members.",
        "Export to onnx or openvino, which carry all of it; or write the network alone with `--no-strict`.",
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
        "Nothing usable there",
        "The folder or table exists, and none of its files or rows can be used.",
        "Expected is one folder for each label, or a table. What was left out is named with its reason.",
    ),
    "PS-D04": Explained(
        "Too few classes or examples",
        "There is one class only, or too few different examples to learn from some and test on others.",
        "Add a folder with other examples, a handful of each label at least; copies count as one.",
    ),
    "PS-F01": Explained(
        "A file cannot be decoded",
        "One photo, clip or text is damaged, cut short, too large or no such file at all.",
        "Verbs name such files and go on. Copy the file again, or save it as JPEG, PNG or MP4.",
    ),
    "PS-W01": Explained(
        "Weights cannot be used",
        "A file of weights cannot be read, or does not fit the network.",
        "Check that `--backbone` names the network that `--weights` was made for.",
    ),
    "PS-W02": Explained(
        "Weights are not on this machine",
        "The network's weights are neither installed nor in the hub's cache, and no hub answers.",
        "The message says which file to put where, or which package to install.",
    ),
    "PS-N01": Explained(
        "The service does not do what was asked",
        "A service of the OpenAI protocol refuses, fails, or does not answer; the message has its words.",
        "Check `--base-url` (the address up to `/v1`) and the key in `OPENAI_API_KEY`, then run it again.",
    ),
    "PS-M01": Explained(
        "The model folder cannot be used",
        "Files of the model are absent, damaged, or do not fit together.",
        "Copy the whole folder again, or fit again: the features are still in the bank.",
    ),
    "PS-M02": Explained(
        "No model folder",
        "There is no `preseason.json` in the folder that was named.",
        "Name the folder that `fit -o` wrote.",
    ),
    "PS-M03": Explained(
        "A newer format",
        "The model was saved by a newer preseason.",
        "Update preseason.",
    ),
    "PS-M04": Explained(
        "A folder that will not be replaced",
        "The folder to be written exists and holds something else.",
        "Name a new folder with `-o`. Only models replace models, and exports replace exports.",
    ),
    "PS-C01": Explained(
        "The feature bank cannot be written",
        "The cache's folder cannot be made or written.",
        "Name another with `--cache` or PRESEASON_CACHE.",
    ),
    "PS-C02": Explained(
        "The disk is full",
        "There is no room left for features; what is there is kept.",
        "Free some space (`preseason cache clear`) and run the same command: it goes on.",
    ),
    "PS-G01": Explained(
        "Workers are gone",
        "A worker of a fit has died, or could not be reached, that held a share of the network's weights.",
        "Start the same command again: it goes on from the last checkpoint.",
    ),
    "PS-S01": Explained(
        "The system refused",
        "A file or folder could not be read or written for a reason of the system's.",
        "The message is the system's own: permissions, a full disk, a share that is gone.",
    ),
    "PS-X01": Explained(
        "A fault of preseason",
        "Something happened that nobody foresaw.",
        "Please report it with the traceback.",
    ),
}
