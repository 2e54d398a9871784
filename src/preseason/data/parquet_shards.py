"""Labelled examples in Parquet files, each in a cell: they are read where they lie, a row group at a time."""

import json
from pathlib import PurePosixPath
from typing import Any

from preseason.data.column_names import COLUMNS, guess_columns, plain
from preseason.data.dataset import Member, Sample, Skipped
from preseason.data.files import Accept, label_from
from preseason.data.split_names import split_from
from preseason.errors import DataError, UsageError
from preseason.errors.packages import require
from preseason.formatting import did_you_mean
from preseason.runtime.addresses import shown
from preseason.stores.pieces import Cell, opened

GROUP_BYTES = 2 * 2**30
"""Of a column in a row group, which is read at once."""


def media_column(container: str, named: str | None = None) -> str | None:
    """The column of a Parquet file that holds files: bytes, or structures with the field `bytes`.

    Raises:
        UsageError: one was named, and it holds no files.
        MissingPackageError: what reads Parquet is not installed.
    """
    require("Reading Parquet", "pyarrow")
    from pyarrow import ArrowException, parquet, types

    with opened(container) as file:
        try:
            schema = parquet.ParquetFile(file).schema_arrow
        except (ArrowException, OSError):  # Arrow's own for damaged metadata; told where the table is read
            return None
    files = [each.name for each in schema if _holds_bytes(each.type, types)]
    if named is not None and named in schema.names and named not in files:
        raise UsageError(
            f"--path {named}: the column holds {schema.field(named).type}, expected the files' bytes."
        )
    if named is not None and files and named not in files:
        hint = did_you_mean(named, files)
        raise UsageError(f"--path {named}: there is no such column.{hint} Files are in {', '.join(files)}.")
    known = {plain(name): name for name in reversed(files)}
    usual = next((known[each] for each in COLUMNS["path"] if each in known), None)
    return named or usual or (files[0] if files else None)


def _holds_bytes(kind: Any, types: Any) -> bool:
    if types.is_struct(kind):
        index = kind.get_field_index("bytes")
        return index >= 0 and _holds_bytes(kind.field(index).type, types)
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def read_parquet(container: str, accept: Accept, labelled: bool) -> tuple[list[Sample], list[Skipped]]:
    """The examples in a Parquet file, and what was left out.

    Raises:
        DataError: a row group is too large, or no column is a label.
        UsageError: a column that was named is not there.
    """
    from pyarrow import ArrowException, parquet

    assert accept.member is not None
    column = media_column(container, accept.columns.path)
    if column is None:
        return [], [Skipped(shown(container), "no Parquet file with a column of files")]
    samples: list[Sample] = []
    skipped: list[Skipped] = []
    with opened(container) as file:
        opened_file = parquet.ParquetFile(file)
        schema = opened_file.schema_arrow
        others = [each.name for each in schema if each.name != column]
        roles = _roles(others, accept, labelled, shown(container))
        names = _class_names(schema, roles.get("label"))
        inner = _path_of(schema, column)
        wanted = [*roles.values(), *([inner] if inner else [])]
        split = split_from(PurePosixPath(container).stem.split("-", maxsplit=1)[0])
        start = 0
        for group in range(opened_file.num_row_groups):
            try:
                _refuse_large(opened_file, group, column, container)
                rows = opened_file.read_row_group(group, columns=wanted).to_pydict() if wanted else {}
            except (ArrowException, OSError) as error:
                skipped.append(Skipped(f"{shown(container)}, rows from {start}", f"damaged: {error}"))
                start += opened_file.metadata.row_group(group).num_rows
                continue
            for row in range(opened_file.metadata.row_group(group).num_rows):
                values = {role: rows[name][row] for role, name in roles.items()}
                called = (rows[column][row] or {}).get("path") if inner else None
                member = Member(container, str(called or f"row {start + row}"), Cell(group, row, column))
                label = _label(values.get("label"), names)
                if (reason := accept.member(member.head(), member.name)) is not None:
                    skipped.append(Skipped(str(member), reason))
                    continue
                if labelled and label is None:
                    skipped.append(Skipped(f"{shown(container)}, row {start + row}", "it has no label"))
                    continue
                part = split_from(str(values["part"])) if values.get("part") else split
                belongs = None if values.get("group") is None else str(values["group"])
                samples.append(Sample(member, label if labelled else None, group=belongs, split=part))
            start += opened_file.metadata.row_group(group).num_rows
    return samples, skipped


def _roles(header: list[str], accept: Accept, labelled: bool, place: str) -> dict[str, str]:
    """Columns of label, group and part: as named, else by their names."""
    roles = guess_columns(header, {role: COLUMNS[role] for role in ("label", "group", "part")})
    named = {"label": accept.columns.label, "group": accept.group, "part": accept.columns.split}
    for name in named.values():
        if name is not None and name not in header:
            raise UsageError(
                f"{place} has no column {name!r}.{did_you_mean(name, header)} Found {', '.join(header)}."
            )
    roles |= {role: name for role, name in named.items() if name is not None}
    if labelled and "label" not in roles:
        raise DataError(
            f"{place}: none of the columns {', '.join(header) or '(none)'} is a label: name it with --label."
        )
    return roles


def _class_names(schema: Any, column: str | None) -> list[str] | None:
    """Names of classes that are stored as numbers, as the library `datasets` notes them."""
    try:
        about = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        return list(about["info"]["features"][column]["names"])
    except (ValueError, KeyError, TypeError):
        return None


def _path_of(schema: Any, column: str) -> str | None:
    """The field that names the files in a column of structures; None without one."""
    kind = schema.field(column).type
    return (
        f"{column}.path" if hasattr(kind, "get_field_index") and kind.get_field_index("path") >= 0 else None
    )


def _label(value: Any, names: list[str] | None) -> str | None:
    if value is None or value == "":
        return None
    if names is not None and isinstance(value, int):
        return names[value] if 0 <= value < len(names) else None
    return label_from(str(value)) or None


def _refuse_large(file: Any, group: int, column: str, container: str) -> None:
    about = file.metadata.row_group(group)
    chunks = [about.column(number) for number in range(about.num_columns)]
    size = sum(c.total_uncompressed_size for c in chunks if c.path_in_schema.split(".")[0] == column)
    if size > GROUP_BYTES:
        raise DataError(
            f"{shown(container)} holds {size / 1e9:.1f} GB of files in one row group, which is read at once: "
            "write it with smaller ones, e.g. pyarrow.parquet.write_table(table, path, row_group_size=100)."
        )
