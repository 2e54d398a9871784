"""Every setting of a fit, in one frozen place: the CLI flags, the TOML file and the model card read it."""

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from preseason.errors import UsageError
from preseason.formatting import nearest_name

BUDGET_S = 60.0
"""The most that is spent on a fit where none is named, and on top of it what a task allows an example."""


CACHE_LIMIT_GB = 20.0
MODEL_FILE = "preseason.json"
"""The manifest of a model folder, which holds the settings of its fit."""


def _option(
    default: Any,
    text: str,
    choices: tuple[str, ...] = (),
    minimum: float | None = None,
    also: tuple[str, ...] = (),
) -> Any:
    """A setting; `also` are further names of it, of which the first is that of its flag."""
    metadata = {"help": text, "choices": choices, "minimum": minimum, "also": also}
    return field(default=default, metadata=metadata)


def parse_seconds(text: str | float) -> float:
    """Seconds from `90`, `"90s"`, `"2m"` or `"1h"`.

    Example:
        >>> parse_seconds("2m")
        120.0

    Raises:
        UsageError: not a length of time.
    """
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([smh]?)\s*", str(text))
    if match is None:
        raise UsageError(f"{text!r} is not a length of time. Write seconds (90) or 90s, 2m, 1h.")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def parse_share(text: str | float) -> float:
    """A share from `1/50`, `"0.02"` or `"2%"`.

    Example:
        >>> parse_share("1/50"), parse_share("2 %")
        (0.02, 0.02)

    Raises:
        UsageError: no share between 0 and 1, both left out.
    """
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*(%|/\s*[0-9]*\.?[0-9]+)?\s*", str(text))
    share = 0.0
    if match is not None:
        below = 1.0 if match[2] is None else 100.0 if match[2] == "%" else float(match[2][1:])
        share = float(match[1]) / below if below else 0.0
    if not 0 < share < 1:
        raise UsageError(
            f"{text!r} is not a valid share of unknown inputs. Write 1/50, 2% or 0.02: more than "
            "0, less than 1."
        )
    return share


@dataclass(frozen=True)
class Unfreeze:
    """Which of a network's last blocks are fine-tuned.

    Attributes:
        blocks: how many; None for the whole network, or where it is left open.
        auto: whether it is left open.
    """

    blocks: int | None = None
    auto: bool = False

    @classmethod
    def parse(cls, text: str) -> "Unfreeze":
        """What `--unfreeze` says: `auto`, `all` or a number.

        Raises:
            UsageError: it is none of these.
        """
        if text in ("auto", "all"):
            return cls(auto=text == "auto")
        if not text.isdigit():
            raise UsageError(f"unfreeze={text!r}: expected a number of blocks, 'all' or 'auto'.")
        return cls(int(text))

    def cut(self, n_blocks: int) -> int | None:
        """Index of the first block that is trained, `n_blocks` where none is; None where it is left open.

        Raises:
            UsageError: there are fewer blocks than that.
        """
        if self.auto or self.blocks is None:
            return None if self.auto else 0
        if self.blocks > n_blocks:
            raise UsageError(
                f"--unfreeze {self.blocks}: the network has {n_blocks} blocks. "
                "Choose at most that many, or all."
            )
        return n_blocks - self.blocks


@dataclass(frozen=True)
class Repeated:
    """A fit that is done again.

    Attributes:
        fingerprint: of its data and settings: with others its decisions do not hold.
        decisions: what the clock decided there, by name.
    """

    fingerprint: str
    decisions: dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """Settings of one fit; validated on creation, with all errors reported together.

    Raises:
        UsageError: one or more settings are out of range.
    """

    name: str = _option(
        "default",
        "Named recipe to start from.",
        ("default", "frozen-dense", "last-10-layers"),
        also=("recipe",),
    )
    task: str = _option(
        "auto",
        "What the data are: photos, clips, texts, actions, sounds, detection or chat; auto looks at them.",
    )
    backbone: str = _option(
        "auto",
        (
            "Pretrained network: any timm name, or for texts any name on the Hugging Face hub; auto "
            "is the bundled one. Several, separated by commas, are read together for photos (auto,faces), "
            "and compared by cross-validation for everything else; auto,motion reads how things move in "
            "clips, too."
        ),
    )
    weights: str | None = _option(None, "File or folder with the backbone's weights.")
    head: str = _option(
        "auto",
        (
            "Head that turns features into answers, one of the task's heads; auto lets "
            "cross-validation choose."
        ),
    )
    unfreeze: str = _option("auto", "Last N blocks to fine-tune, 0 for the head alone, or all.")
    budget_s: float | None = _option(
        None,
        "Time budget: seconds, or e.g. 2m; by default about a minute plus some time per example.",
        minimum=1,
        also=("budget",),
    )
    seed: int = _option(0, "Random seed.", minimum=0)
    device: str = _option("auto", "Device to compute on.", ("auto", "cpu", "cuda"))
    cache: str | None = _option(None, "Folder of the feature bank (also PRESEASON_CACHE).")
    cache_limit_gb: float = _option(
        CACHE_LIMIT_GB, "Cache size at which the oldest features are evicted.", minimum=0.1
    )
    image_size: int | None = _option(None, "Input size of the network in pixels.", minimum=32)
    frames: int | None = _option(
        None, "Frames sampled from a clip, or fed to a video network at once.", minimum=2
    )
    views: int = _option(4, "Augmented views per photo when blocks are fine-tuned from the bank.", minimum=1)
    epochs: int | None = _option(None, "Maximum number of training epochs.", minimum=1)
    learning_rate: float | None = _option(None, "Peak learning rate.", minimum=1e-8)
    batch_size: int | None = _option(None, "Batch size of gradient training.", minimum=1)
    test_fraction: float | None = _option(
        None,
        (
            "Fraction held out as a test set; 0 uses cross-validation, the default where the data "
            "names no test part."
        ),
        minimum=0,
    )
    folds: int = _option(4, "Number of cross-validation folds.", minimum=2)
    refit: bool = _option(True, "Refit the final model on all labelled examples.")
    base_url: str | None = _option(
        None,
        (
            "Address of a fine-tuning service (with --backbone openai:MODEL); the key is read from "
            "OPENAI_API_KEY."
        ),
    )
    spread_weights: str = _option(
        "auto",
        "Shard a language model's weights over the workers (FSDP); auto: when one GPU is too small.",
        ("auto", "yes", "no"),
        also=("fsdp",),
    )
    merge: bool = _option(False, "Save a chat model in full, not only its adapter.")

    text: str | None = _option(None, "Column of a table that holds the texts.")
    path: str | None = _option(None, "Column of a table that holds the files.")
    label: str | None = _option(
        None,
        (
            "Column of a table that holds the labels; without a table a regular expression over file names "
            "whose first group is the label."
        ),
    )
    split: str | None = _option(None, "Column of a table that says train, validation or test.")
    rename: tuple[str, ...] = _option(
        (), "Label to call otherwise, OLD=NEW; may be given several times. OLD=OLD keeps it as it is written."
    )

    layout: str | None = _option(
        None,
        "How the data lie: folders (each is a label), parts (train, validation and test above the labels), "
        "inner-parts, batches, table, names (cat.0.jpg) or another; by default that is seen.",
    )
    group: str | None = _option(
        None,
        (
            "How to group examples that must stay in one fold: a table column, a regular expression "
            "over the path whose first group is the name, or none; by default inferred from names, "
            "folders, times and near-duplicates."
        ),
    )
    max_unknown_accepted: str | None = _option(
        None,
        (
            "Largest share of unknown inputs that may be given a known label, e.g. 1/50; by default "
            "both errors are balanced."
        ),
        also=("max_unknown_accepted", "strangers"),
    )

    repeats: "Repeated | None" = field(default=None, compare=False, repr=False)
    """The fit whose decisions are taken over."""
    given: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    """Names of the settings that the user gave, in a file or one by one."""

    def __post_init__(self) -> None:
        faults = [fault for item in setting_fields() for fault in _faults(item, getattr(self, item.name))]
        faults += _faults_of(lambda: Unfreeze.parse(self.unfreeze))
        faults += _faults_of(self.unknown_share, "max_unknown_accepted: ")
        if isinstance(self.test_fraction, int | float) and self.test_fraction >= 0.9:
            faults.append(f"test_fraction={self.test_fraction}: expected less than 0.9")
        if faults:
            raise UsageError("The recipe cannot be used: " + "; ".join(faults) + ".", code="PS-U02")

    def with_settings(self, **settings: Any) -> "Recipe":
        """A copy of this recipe with the given settings (those not None) replaced.

        Raises:
            UsageError: a setting does not exist or is out of range.
        """
        given = named(settings)
        if "unfreeze" in given:
            given["unfreeze"] = str(given["unfreeze"])
        if "max_unknown_accepted" in given:
            given["max_unknown_accepted"] = str(given["max_unknown_accepted"])
        if "budget_s" in given:
            given["budget_s"] = parse_seconds(given["budget_s"])
        if "rename" in given:
            given["rename"] = _pairs(given["rename"])
        return replace(self, **given, given=self.named_by_user() | given.keys())

    def named_by_user(self) -> frozenset[str]:
        """The settings the user gave; for a recipe built directly, those that differ from the defaults."""
        changed = (item.name for item in setting_fields() if vars(self)[item.name] != item.default)
        return self.given or frozenset(changed)

    def unknown_share(self) -> float | None:
        """`max_unknown_accepted` as a number, 0..1."""
        return None if self.max_unknown_accepted is None else parse_share(self.max_unknown_accepted)

    def budget_for(self, examples: int, seconds_each: float) -> float:
        """Time budget in seconds for a fit on that many examples."""
        return BUDGET_S + seconds_each * examples if self.budget_s is None else self.budget_s

    def identity(self) -> str:
        """All settings that affect a fit, as text: same identity and same data mean the same fit."""
        settings = {k: v for k, v in self.as_dict().items() if k not in ("cache", "cache_limit_gb")}
        return repr(sorted(settings.items()))

    def as_dict(self) -> dict[str, Any]:
        """All settings as plain values for JSON."""
        return {item.name: vars(self)[item.name] for item in setting_fields()}


def _pairs(given: Any) -> tuple[str, ...]:
    """`OLD=NEW` texts from one of them, several, or a mapping of old names to new ones."""
    if isinstance(given, Mapping):
        return tuple(f"{old}={new}" for old, new in given.items())
    return (given,) if isinstance(given, str) else tuple(map(str, given))


def setting_fields() -> tuple["Field[Any]", ...]:
    """The fields of `Recipe` that are settings; their metadata hold `help`, `choices`, `minimum`, `also`."""
    return tuple(item for item in fields(Recipe) if item.metadata)


def flag_of(item: "Field[Any]") -> str:
    """How a setting is called on the command line, e.g. `--image-size`."""
    return "--" + next(iter(item.metadata["also"]), item.name).replace("_", "-")


class _Noting(Recipe):
    """A recipe that notes in `read` which of its settings are read."""

    read: set[str]

    def __getattribute__(self, name: str) -> Any:
        if name in _NAMES:
            object.__getattribute__(self, "read").add(name)
        return object.__getattribute__(self, name)


_NAMES = frozenset(item.name for item in setting_fields())


def noting(recipe: Recipe) -> tuple[Recipe, set[str]]:
    """The recipe again, and a set to which every setting is added once it is read."""
    noted = object.__new__(_Noting)
    read: set[str] = set()
    noted.__dict__.update({**vars(recipe), "read": read})
    return noted, read


def refuse_unread(
    recipe: Recipe, read: Iterable[str], fit: str, counts_with: Callable[[str], Sequence[str]] = lambda _: ()
) -> None:
    """No setting that the user gave is passed over in silence.

    Args:
        read: settings that count in this fit.
        fit: what is fitted, e.g. "a fit of photos".
        counts_with: of a setting's name, the flags with which it would count.

    Raises:
        UsageError: one or more were given that do not count.
    """
    unread = [item for item in setting_fields() if item.name in recipe.given - set(read)]
    if unread:
        told = [_unread(item, getattr(recipe, item.name), fit, counts_with(item.name)) for item in unread]
        raise UsageError(" ".join(told), code="PS-U02")


def _unread(item: "Field[Any]", value: Any, fit: str, others: Sequence[str]) -> str:
    flag = flag_of(item)
    if isinstance(value, bool):
        shown = flag if value else flag.replace("--", "--no-", 1)
    else:
        shown = f"{flag} {value:g}" if isinstance(value, float) else f"{flag} {value}"
    help_text = item.metadata["help"].removesuffix(".")
    if others:
        return (
            f"{shown} has no effect in this fit: it counts with {', '.join(others)}. Leave it out otherwise."
        )
    return f"{shown} has no effect in {fit} ({help_text}): leave it out."


def read_recipe(path: Path) -> dict[str, Any]:
    """Settings from a TOML file, or those of a model folder, to pass to `Recipe.with_settings`.

    Raises:
        UsageError: the file is absent or is no TOML, the folder is no model.
    """
    if path.is_dir():
        return _recipe_of_model(path)
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"There is no recipe file {path}.", code="PS-U02") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not a TOML file: {error}.", code="PS-U02") from None


def _recipe_of_model(folder: Path) -> dict[str, Any]:
    """The settings of a model that are not the usual ones; a folder of weights has to be named again."""
    stored = _record_of_model(folder)["recipe"]
    usual = {item.name: item.default for item in setting_fields()}
    return {name: value for name, value in stored.items() if name in usual and value != usual[name]}


def _record_of_model(folder: Path) -> dict[str, Any]:
    try:
        record = json.loads((folder / MODEL_FILE).read_text("utf-8"))["record"]
        if isinstance(record, dict) and isinstance(record["recipe"], dict):
            return record
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise UsageError(
        f"{folder} is no model whose settings could be taken: name a TOML file, or a folder that fit wrote.",
        code="PS-U02",
    )


def repeated(folder: Path) -> Repeated:
    """The fit that wrote a model folder.

    Raises:
        UsageError: it is no model folder.
    """
    record = _record_of_model(folder)
    return Repeated(str(record.get("fingerprint", "")), dict(record.get("decisions") or {}))


def named(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings that are not None, under the names of the fields of `Recipe`.

    Flags and recipe files may use other names: `budget` for `budget_s`, hyphens for underscores.

    Raises:
        UsageError: a setting does not exist, or is given under two names.
    """
    names = {item.name: item.name for item in setting_fields()}
    names |= {other: item.name for item in setting_fields() for other in item.metadata["also"]}
    found: dict[str, Any] = {}
    faults = []
    for key, value in settings.items():
        if isinstance(value, tuple | list) and not value:
            continue  # an option that may be given several times, and was not
        name = names.get(key.replace("-", "_"))
        if name is None:
            faults.append(_unknown(key, list(names)))
        elif name in found and value is not None:
            faults.append(f"{name} is given twice, once as {key!r}")
        elif value is not None:
            found[name] = value
    if faults:
        raise UsageError("The recipe cannot be used: " + "; ".join(faults) + ".", code="PS-U02")
    return found


def _faults(item: Any, value: Any) -> list[str]:
    choices, minimum = item.metadata["choices"], item.metadata["minimum"]
    if choices and value not in choices:
        near = nearest_name(str(value), choices)
        hint = f", did you mean {near!r}?" if near else ""
        return [f"{item.name}={value!r}{hint} expected one of {', '.join(choices)}"]
    if minimum is not None and value is not None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return [f"{item.name}={value!r}: expected a number"]
        if value < minimum:
            return [f"{item.name}={value}: expected at least {minimum:g}"]
    return []


def _faults_of(check: Callable[[], Any], name: str = "") -> list[str]:
    try:
        check()
    except UsageError as error:
        return [name + str(error).removesuffix(".")]
    return []


def _unknown(key: str, known: list[str]) -> str:
    near = nearest_name(key, known)
    return f"no setting is called {key!r}" + (f", did you mean {near!r}?" if near else "")


TEXTBOOK: dict[str, dict[str, Any]] = {
    "default": {},
    "frozen-dense": {"backbone": "resnet50", "head": "mlp", "unfreeze": "0"},
    # The last ten layers of Keras's ResNet50 are its last residual block.
    "last-10-layers": {"backbone": "resnet50", "unfreeze": "1", "learning_rate": 1e-4},
}
"""What each named recipe sets, unless the user says otherwise."""


def recipe_from(recipe: Recipe | None, config: Path | None, settings: dict[str, Any]) -> Recipe:
    """The recipe of a fit, of the command line and of Python: named recipe, then `config`, then settings.

    Args:
        config: a TOML file, or a model folder, whose fit is repeated.

    Raises:
        UsageError: a setting does not exist or is out of range.
    """
    given = (named(read_recipe(config)) if config else {}) | named(settings)
    base = Recipe() if recipe is None else recipe
    before = base.named_by_user()
    name = given.get("name", base.name)
    usual = {key: value for key, value in TEXTBOOK.get(name, {}).items() if key not in before}
    chosen = replace(base.with_settings(**(usual | given)), given=before | given.keys())
    return replace(chosen, repeats=repeated(config)) if config and config.is_dir() else chosen
