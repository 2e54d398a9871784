"""Tables as programs write them: their rows and columns are read, or a sentence says what the file is."""

import datetime
import json
from io import BytesIO
from pathlib import Path

import pytest

from preseason.data.rows import read_records, read_table
from preseason.errors import DataError

ROWS = [("img/0.jpg", "messi"), ("img/1.jpg", "salah"), ("img/2.jpg", "messi")]


def rows_of(path: Path) -> list[tuple[str, str]]:
    return [(row.values["path"], row.values["label"]) for row in read_table(path).rows if row.values]


@pytest.mark.parametrize(
    "text",
    [
        "path,label\n{0},{1}\n{2},{3}\n{4},{5}\n",
        "sep=;\npath;label\n{0};{1}\n{2};{3}\n{4};{5}\n",
        '"sep=\t"\npath\tlabel\n{0}\t{1}\n{2}\t{3}\n{4}\t{5}\n',
        "\n\n# exported by a tool, version 2\npath,label\n{0},{1}\n{2},{3}\n{4},{5}\n",
        "Our players\n\npath|label\n{0}|{1}\n{2}|{3}\n{4}|{5}\n",
        "#path,label\n{0},{1}\n{2},{3}\n{4},{5}\n",
        "#,path,label\n1,{0},{1}\n2,{2},{3}\n3,{4},{5}\n",
        ",path,label\n0,{0},{1}\n1,{2},{3}\n2,{4},{5}\n",  # pandas
        '"","path","label"\n"1","{0}","{1}"\n"2","{2}","{3}"\n"3","{4}","{5}"\n',  # R's write.csv
        '"path" "label"\n"1" "{0}" "{1}"\n"2" "{2}" "{3}"\n"3" "{4}" "{5}"\n',  # R's write.table
        '"path","label"\n"a","{0}","{1}"\n"b","{2}","{3}"\n"c","{4}","{5}"\n',
        "path\tlabel\n1\t{0}\t{1}\n2\t{2}\t{3}\n3\t{4}\t{5}\n",
        '"path,label"\n"{0},{1}"\n"{2},{3}"\n"{4},{5}"\n',
        '"path;""label"""\n"{0};""{1}"""\n"{2};""{3}"""\n"{4};""{5}"""\n',
        "path,label\r{0},{1}\r{2},{3}\r{4},{5}\r",  # an old Mac
        "path,label\r\n{0},{1}\r\n\r\n{2},{3}\r\npath,label\r\n{4},{5}\r\n",  # two tables in one
        "path,label,,\n{0},{1},,\n{2},{3},,\n{4},{5},,\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_dialects(tmp_path: Path, text: str, encoding: str) -> None:
    filled = text.format(*(cell for row in ROWS for cell in row))
    (tmp_path / "a.csv").write_bytes(filled.encode(encoding))
    assert rows_of(tmp_path / "a.csv") == ROWS


def test_a_table_without_a_header_names_its_columns_by_number(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("".join(f"{path},{label}\n" for path, label in ROWS))
    table = read_table(tmp_path / "a.csv")
    assert table.header == ("column 1", "column 2")
    assert next((row.number, *row.values.values()) for row in table.rows) == (1, *ROWS[0])
    assert "names no columns" in table.notes[0]
    assert read_table(tmp_path / "a.csv", limit=1).header == table.header
    (tmp_path / "b.csv").write_text("0,1\nimg/0.jpg,1\nimg/1.jpg,0\nimg/2.jpg,1\n")  # pandas numbers columns
    assert read_table(tmp_path / "b.csv").header == ("0", "1")


def objects(*rows: tuple[str, str]) -> list[dict[str, str]]:
    return [{"path": path, "label": label} for path, label in rows]


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
@pytest.mark.parametrize(
    "value",
    [
        objects(*ROWS),
        {"data": objects(*ROWS)},
        {"version": [], "data": objects(*ROWS)},
        {"name": "players", "items": objects(*ROWS)},
        {"columns": ["path", "label"], "index": [0, 1, 2], "data": ROWS},
        {
            "path": {str(n): row[0] for n, row in enumerate(ROWS)},
            "label": {str(n): r[1] for n, r in enumerate(ROWS)},
        },
        {"path": [row[0] for row in ROWS], "label": [row[1] for row in ROWS]},
        dict(ROWS),
        [["path", "label"], *ROWS],
        {str(n): row for n, row in enumerate(objects(*ROWS))},
    ],
)
def test_forms_of_json(tmp_path: Path, value: object, suffix: str) -> None:
    (tmp_path / f"a{suffix}").write_text(json.dumps(value, indent=1))
    assert rows_of(tmp_path / f"a{suffix}") == ROWS


def test_lines_in_a_json_file_comments_and_commas_at_the_end(tmp_path: Path) -> None:
    lines = [json.dumps(row) for row in objects(*ROWS)]
    (tmp_path / "a.json").write_text("\n".join(lines))
    assert rows_of(tmp_path / "a.json") == ROWS
    (tmp_path / "b.json").write_text(
        "// ours\n[\n/* all, of\n them */" + ",\n".join(lines) + ",\n]  // the end"
    )
    assert rows_of(tmp_path / "b.json") == ROWS
    (tmp_path / "c.jsonl").write_text("# ours\n" + ",\n".join(lines) + ",\n")
    assert rows_of(tmp_path / "c.jsonl") == ROWS
    (tmp_path / "d.json").write_text('[{"path": "a//b,]", "label": "/* no comment */"},]')
    assert rows_of(tmp_path / "d.json") == [("a//b,]", "/* no comment */")]


def test_a_key_twice_and_values_that_are_no_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        '{"path": "a", "label": NaN}\n{"path": "b", "label": 1, "label": 2}\n7\n'
    )
    rows = read_table(tmp_path / "a.jsonl").rows
    assert rows[0].values["label"] == ""
    assert [row.fault for row in rows] == ["", "it names 'label' twice", "no JSON object"]


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
def test_a_workbook_is_read_whatever_it_is_called(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(
        workbook([["Players of 2026"], [], ["path", "label", "n"], *[[*row, 3] for row in ROWS]])
    )
    assert rows_of(path) == ROWS
    assert read_table(path).rows[0].values["n"] == "3"
    assert read_records(path)[0].values["label"] == "messi"


def test_a_workbook_without_its_package_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.xlsx").write_bytes(workbook([["path", "label"]]))
    monkeypatch.setattr("preseason.errors.packages.find_spec", lambda name: None)
    with pytest.raises(
        DataError.__mro__[1], match=r"python_calamine.*preseason\[excel\].*save the sheet as CSV"
    ):
        read_table(tmp_path / "a.xlsx")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"%PDF-1.7 1 0 obj", "is a PDF document, not a table"),
        ("a.csv", b"<!DOCTYPE html><html>Log in</html>", "is a web page, not a table"),
        ("a.csv", b"PK\x03\x04\x14\x00 word/document.xml", "is a ZIP archive, not a table"),
        ("a.csv", b"\x1f\x8b\x08\x00\x00", "is damaged: it cannot be unpacked"),
        ("a.xlsx", b"PK\x03\x04 xl/workbook.xml", "cannot be read: .*save the sheet as CSV"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "cannot be read: .*save the sheet as CSV"),
        ("a.json", b'{"a": [1, 2}', "is no JSON: Expecting"),
        ("a.json", b"7", "holds no list of rows"),
        ("a.csv", b" \n", "is empty"),
        ("a.csv", bytes(range(1, 256)) * 3 + b"\x00", "is no text. Save the table as CSV"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / name)


def test_a_text_with_markup_in_it_is_a_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\nsaw <html> in it,bad\n")
    assert read_table(tmp_path / "a.csv").rows[0].values["text"] == "saw <html> in it"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Гол забил Салах на последней минуте"),
        ("koi8_r", "Гол забил Салах на последней минуте матча"),
        ("cp1253", "Ο Σαλάχ σκόραρε"),
        ("cp1256", "سجل محمد صلاح هدفا"),
        ("euc_kr", "살라가 골을 넣었다"),
        ("cp1252", "Piqué und Müller schießen – 1:0"),
        ("latin-1", "Piqué marcó dos goles"),
    ],
)
def test_letters_of_other_alphabets(tmp_path: Path, encoding: str, text: str) -> None:
    content = "text,label\n" + "".join(f"{text} {n},good\n" for n in range(8))
    (tmp_path / "a.csv").write_bytes(content.encode(encoding))
    table = read_table(tmp_path / "a.csv")
    assert table.rows[3].values["text"] == f"{text} 3"
    assert "a guess" in table.notes[0]


def workbook(rows: list[list[object]]) -> bytes:
    """The least of a workbook that Excel opens: one sheet, texts in its cells."""
    import zipfile

    def cell(value: object) -> str:
        if isinstance(value, int | float):
            return f"<c><v>{value}</v></c>"
        return f'<c t="inlineStr"><is><t>{value}</t></is></c>'

    space = "http://schemas.openxmlformats.org"
    body = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
    main, relations = f"{space}/spreadsheetml/2006/main", f"{space}/officeDocument/2006/relationships"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{space}/package/2006/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{space}/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{relations}/officeDocument" Target="xl/workbook.xml"/>'
        "</Relationships>",
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{relations}"><sheets>'
        '<sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{space}/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{relations}/worksheet" Target="worksheets/sheet1.xml"/>'
        "</Relationships>",
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>',
    }
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{content}')
    return out.getvalue()


def test_cells_of_workbooks_are_what_a_csv_file_of_them_has() -> None:
    from preseason.data.workbooks import _shown

    assert [_shown(cell) for cell in (3.0, 2.5, True, "a", "")] == ["3", "2.5", "True", "a", ""]
    assert _shown(datetime.datetime(2026, 5, 1, 15, 0)) == "2026-05-01 15:00:00"
