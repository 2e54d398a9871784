"""A thousand broken or odd sets of pictures with boxes: none crashes, each is read or refused in a sentence.

Each set is made of a few small pictures and labels in YOLO's, COCO's or Pascal VOC's layout or as a table;
what is written is right at first and then spoilt in up to three ways: cut off, numbers that are none, huge or
swapped, classes out of range, wrong nesting, names in other alphabets, empty and double files, labels without
pictures.

Of a set that was read every box must lie on its picture and have a size and a class.

    python benchmarks/hostile_boxes.py --sets 1000 --fits 8
"""

import argparse
import copy
import json
import random
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

import preseason
from preseason.data.dataset import Dataset
from preseason.errors import PreseasonError
from preseason.tasks.reading import task_for

Edges = tuple[float, float, float, float]
Things = list[tuple[str, Edges]]
CLASSES = ("ball", "player", "Torwart ü", "守门员", "goal post")
STEMS = ("1", "frame 0001", "münchen", "e\u0301", "🐐", "a.b", "-x", "=1", "photo.jpg", "\u202eb", "n" * 120)
NUMBERS = (
    "nan",
    "inf",
    "-inf",
    "1e308",
    "1e400",
    "-1",
    "",
    "abc",
    "0x10",
    "1,5",
    "1.234.567",
    "99999999999",
    "٣",
    "--",
    "½",
)
CELLS = ("", "\x00", '"', "{", "[", "null", "<", "&", "'", "\n", "=1+1", "\ud83d", "\\", ",", ";", "\t", "#")
LAYOUTS = ("yolo", "coco", "voc", "table")


@dataclass
class Made:
    """A set while it is made."""

    root: Path
    rng: random.Random
    pictures: dict[str, tuple[int, int]]
    things: dict[str, Things]


def pictures(root: Path, rng: random.Random) -> Made:
    """One to four pictures with up to five boxes each, some without one."""
    made = Made(root, rng, {}, {})
    for stem in rng.sample(STEMS, rng.randint(1, 4)):
        name, size = (
            f"{stem}.{rng.choice(('png', 'jpg', 'PNG', 'jpeg'))}",
            (rng.randint(20, 60), rng.randint(20, 60)),
        )
        made.pictures[name] = size
        made.things[name] = [(rng.choice(CLASSES), box(rng, *size)) for _ in range(rng.randint(0, 5))]
    return made


def box(rng: random.Random, wide: int, high: int) -> Edges:
    """Edges in pixels inside of a picture."""
    x0, y0 = rng.uniform(0, wide - 6), rng.uniform(0, high - 6)
    return x0, y0, rng.uniform(x0 + 3, wide), rng.uniform(y0 + 3, high)


def save(made: Made, folder: Path) -> None:
    """Write the pictures; some turned, some damaged, some missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in made.pictures.items():
        if made.rng.random() < 0.05:
            continue
        picture, exif = Image.new("RGB", size, (60, 120, 60)), Image.Exif()
        if made.rng.random() < 0.1:
            exif[0x0112] = made.rng.randint(1, 9)
        picture.save(folder / name, "PNG" if name.lower().endswith("png") else "JPEG", exif=exif)
        if made.rng.random() < 0.05:
            data = (folder / name).read_bytes()
            (folder / name).write_bytes(data[: made.rng.randint(0, len(data))])


def yolo(made: Made) -> list[Path]:
    """Text files beside the pictures or in labels/, names in one of the usual files, or in none."""
    rng, beside = made.rng, made.rng.random() < 0.4
    images = made.root if beside else made.root / "images" / rng.choice(("", "train", "val"))
    labels = images if beside else Path(str(images).replace("/images", "/labels"))
    save(made, images)
    labels.mkdir(parents=True, exist_ok=True)
    written = []
    for name, things in made.things.items():
        wide, high = made.pictures[name]
        lines = [
            f"{CLASSES.index(label)} {(x0 + x1) / 2 / wide} {(y0 + y1) / 2 / high} "
            f"{(x1 - x0) / wide} {(y1 - y0) / high}"
            for label, (x0, y0, x1, y1) in things
        ]
        written.append(labels / f"{Path(name).stem}.txt")
        written[-1].write_text("\n".join(lines), "utf-8")
    nested = rng.choice(
        ("images", "./images", "../images", "images/images", "C:\\data\\images", "", "[images, 3]", "{a: 1}")
    )
    names = rng.choice((list(CLASSES), dict(enumerate(CLASSES)), {3: "x"}, [], None, "ball", {"a": {"b": 1}}))
    held = rng.choice(("data.yaml", "obj.names", "classes.txt", ""))
    if held == "data.yaml":
        text = (
            f"train: {nested}\nval: {nested}\nnc: {rng.choice((5, 0, -1, 'x'))}\nnames: {json.dumps(names)}\n"
        )
        written.append(made.root / held)
        written[-1].write_text(text, "utf-8")
    elif held:
        written.append(made.root / held)
        written[-1].write_text("\n".join(CLASSES), "utf-8")
    return written


def coco(made: Made) -> list[Path]:
    """One JSON file."""
    rng = made.rng
    save(made, made.root / rng.choice(("", "images", "train2017")))
    names = list(made.pictures)
    images = [
        {"id": n, "file_name": rng.choice(("", "images/", "/srv/x/")) + name, "width": made.pictures[name][0],
         "height": made.pictures[name][1]}
        for n, name in enumerate(names)
    ]  # fmt: skip
    boxes = [
        {
            "id": len(names),
            "image_id": n,
            "category_id": CLASSES.index(label),
            "bbox": [x0, y0, x1 - x0, y1 - y0],
        }
        for n, name in enumerate(names)
        for label, (x0, y0, x1, y1) in made.things[name]
    ]
    kinds = [{"id": n, "name": name} for n, name in enumerate(CLASSES)]
    content = {"images": images, "annotations": boxes, "categories": kinds}
    for _ in range(rng.randint(0, 3)):
        spoil_json(content, rng)
    path = made.root / rng.choice(("_annotations.coco.json", "instances_val2017.json", "x.json"))
    path.write_text(json.dumps(content), "utf-8")
    return [path]


ODD: tuple[object, ...] = (
    None,
    [],
    {},
    "",
    "x",
    -1,
    10**20,
    float("nan"),
    float("inf"),
    True,
    [[1]],
    "\x00",
    ["a"] * 4,
)


def spoil_json(content: object, rng: random.Random) -> None:
    """Put something odd, twice the same or nothing in one place of a nest of lists and objects."""
    while isinstance(content, dict | list) and content:
        keys = list(content) if isinstance(content, dict) else list(range(len(content)))
        key = rng.choice(keys)
        inner = content[key]  # type: ignore[call-overload, index]
        if rng.random() < 0.3 or not isinstance(inner, dict | list) or not inner:
            if rng.random() < 0.25:
                del content[key]  # type: ignore[arg-type]
            elif isinstance(content, list) and rng.random() < 0.4:
                content.append(copy.deepcopy(inner))
            else:
                content[key] = copy.deepcopy(rng.choice(ODD))  # type: ignore[call-overload, index]
            return
        content = inner


def voc(made: Made) -> list[Path]:
    """XML files in Annotations/ or beside the pictures."""
    apart = made.rng.random() < 0.5
    save(made, made.root / "JPEGImages" if apart else made.root)
    labels = made.root / "Annotations" if apart else made.root
    labels.mkdir(exist_ok=True)
    written = []
    for name, things in made.things.items():
        wide, high = made.pictures[name]
        objects = "".join(
            f"<object><name>{label}</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax>"
            f"<ymax>{y1}</ymax></bndbox></object>"
            for label, (x0, y0, x1, y1) in things
        )
        size = f"<size><width>{wide}</width><height>{high}</height></size>"
        written.append(labels / f"{Path(name).stem}.xml")
        written[-1].write_text(
            f"<annotation><filename>{name}</filename>{size}{objects}</annotation>", "utf-8"
        )
    return written


def table(made: Made) -> list[Path]:
    """One CSV."""
    rng = made.rng
    save(made, made.root / rng.choice(("", "images")))
    headers = (
        "path,label,xmin,ymin,xmax,ymax",
        "filename,class,x,y,w,h",
        "image,label,x1,y1,x2,y2",
        "a,b,c,d,e,f",
        "",
    )
    lines = [rng.choice(headers)]
    for name, things in made.things.items():
        wide, high = made.pictures[name]
        lines += [f"{name},,,,," for _ in range(not things)]
        unit = (wide, high, wide, high) if rng.random() < 0.2 else (1, 1, 1, 1)
        lines += [
            f"{name},{label},{','.join(str(v / u) for v, u in zip(edges, unit, strict=True))}"
            for label, edges in things
        ]
    path = made.root / rng.choice(("boxes.csv", "train.csv", "labels.tsv"))
    path.write_text("\n".join(line for line in lines if line), "utf-8")
    return [path]


WRITERS: dict[str, Callable[[Made], list[Path]]] = {"yolo": yolo, "coco": coco, "voc": voc, "table": table}


def spoil(path: Path, rng: random.Random) -> None:
    """Spoil a file of labels in one way."""
    data = path.read_bytes()
    way = rng.randint(0, 9)
    text = data.decode("utf-8", "replace")
    if way == 0:
        path.write_bytes(data[: rng.randint(0, len(data))])
    elif way == 1:
        path.write_bytes(b"")
    elif way == 2:
        path.write_bytes(data + data)
    elif way == 3:
        at = rng.randint(0, len(data))
        path.write_bytes(data[:at] + rng.randbytes(rng.randint(1, 30)) + data[at:])
    elif way == 4:
        path.write_bytes(text.encode(rng.choice(("utf-16", "utf-8-sig", "utf-32", "cp037")), "replace"))
    elif way == 5:
        path.unlink()
    elif way == 6:
        path.rename(path.with_name(rng.choice(STEMS) + path.suffix))
    else:
        parts = text.replace("\n", " \n ").split(" ") if path.suffix == ".txt" else text.split(",")
        parts = parts if len(parts) > 1 else [*text, "x"]
        for _ in range(rng.randint(1, 4)):
            parts[rng.randrange(len(parts))] = rng.choice(NUMBERS + CELLS)
        joined = " ".join(parts) if path.suffix == ".txt" else ",".join(parts)
        path.write_bytes(joined.encode("utf-8", "surrogatepass"))


def make(root: Path, seed: int) -> str:
    """One set in a folder; gives its layout."""
    rng = random.Random(seed)
    layout = LAYOUTS[seed % len(LAYOUTS)]
    written = WRITERS[layout](pictures(root, rng))
    for _ in range(rng.randint(0, 3)):
        there = [path for path in written if path.exists()]
        if there:
            spoil(rng.choice(there), rng)
    return layout


def judge(root: Path) -> str:
    """What became of a set: read as boxes, read as something else, or refused in a sentence.

    Raises:
        AssertionError: it was read wrongly.
    """
    try:
        seen = preseason.read(root)
        task = task_for(root)
        if task.name != "detection":
            return f"taken for {seen.account.task}"
        found = task.read(root, task.accept)
    except PreseasonError as error:
        return refused(error)
    check(found)
    return "read, with something named" if found.skipped else "read"


def refused(error: PreseasonError) -> str:
    """The outcome of a refusal, which must say something."""
    if len(str(error)) <= 20:
        raise AssertionError(f"a refusal that says nothing: {error}")
    return "refused in a sentence"


def use(root: Path) -> str:
    """What becomes of a set that goes through a short fit and `predict`."""
    try:
        model = preseason.fit(root, epochs=1, folds=2, budget_s=5, cache=str(root.parent / "cache"))
        answers = model.predict(root)
    except PreseasonError as error:
        return f"fit {refused(error)}"
    assert len(answers) + len(answers.skipped) > 0
    return f"fitted as {model.task}"


def check(found: Dataset) -> None:
    """Every box lies on its picture, has a size and a class; every reason says something."""
    for sample in found.samples:
        assert sample.boxes is not None
        for each in sample.boxes:
            assert each.label.strip(), f"a box without class in {sample.source}"
            assert 0 <= each.x0 < each.x1 <= 1, f"{each} in {sample.source}"
            assert 0 <= each.y0 < each.y1 <= 1, f"{each} in {sample.source}"
    assert all(each.reason for each in found.skipped)


def run(seeds: Iterable[int], judged: Callable[[Path], str] = judge) -> tuple[Counter[str], list[str]]:
    """What became of a set for each seed, and what crashed or was read wrongly."""
    outcomes: Counter[str] = Counter()
    failures = []
    with tempfile.TemporaryDirectory(prefix="preseason-") as place:
        for seed in seeds:
            root = Path(place) / str(seed)
            root.mkdir()
            layout = make(root, seed)
            try:
                outcomes[judged(root)] += 1
            except Exception:
                failures.append(f"seed {seed} ({layout}): {traceback.format_exc()}")
            shutil.rmtree(root)
    return outcomes, failures


def main() -> None:
    """Print what became of all sets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--fits", type=int, default=0, help="of the first sets, so many go through a fit")
    given = parser.parse_args()
    for count, judged in ((given.sets, judge), (given.fits, use)):
        start = time.monotonic()
        outcomes, failures = run(range(count), judged)
        print("\n".join(failures))
        told = "".join(f"{number} {what}, " for what, number in outcomes.most_common())
        print(
            f"{count} sets in {time.monotonic() - start:.0f} s: {told}{len(failures)} crashed or read wrongly"
        )


if __name__ == "__main__":
    main()
