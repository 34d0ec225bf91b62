"""Files of tasks: what is good is read, what is bad is told by its number."""

from pathlib import Path
from typing import Any

from penstock import NewTask
from penstock.cli.lines import Bad, Fields, Line, read


def parsed(folder: Path, text: str | bytes, kind: Any = "ndjson", **fields: Any) -> list[Line | Bad]:
    file = folder / "file"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(read(file, kind, Fields(common=fields.pop("common", NewTask()), **fields)))


def bad(lines: list[Line | Bad]) -> dict[int, str]:
    return {line.number: line.message for line in lines if isinstance(line, Bad)}


def good(lines: list[Line | Bad]) -> dict[int, dict[str, Any]]:
    return {line.number: line.task.body() for line in lines if isinstance(line, Line)}


def test_each_line_is_the_params_of_a_task(tmp_path: Path) -> None:
    lines = parsed(tmp_path, '{"a": 1}\n\n  \n[1, null]\r\n"text"\n7', common=NewTask(priority="high"))
    assert bad(lines) == {}
    assert good(lines) == {
        1: {"params": {"a": 1}, "priority": "high"},
        4: {"params": [1, None], "priority": "high"},
        5: {"params": "text", "priority": "high"},
        6: {"params": 7, "priority": "high"},
    }


def test_bad_lines_keep_their_numbers(tmp_path: Path) -> None:
    lines = parsed(tmp_path, b'{"a": 1}\n\n{"a":\nNaN\n\xff\xfe\n{"a": 2}\n')
    assert set(good(lines)) == {1, 6}
    told = bad(lines)
    assert set(told) == {3, 4, 5}
    assert told[3] == "not JSON: Expecting value at column 6"
    assert told[4] == "not JSON: NaN is not JSON"


def test_a_whole_task_is_checked(tmp_path: Path) -> None:
    text = '{"params": {"a": 1}, "priority": "low", "recordId": "r"}\n{"prams": 1}\n{"priority": "very"}\n[]\n'
    lines = parsed(tmp_path, text, whole=True, common=NewTask(priority="high", labels=("x",)))
    assert good(lines) == {1: {"params": {"a": 1}, "priority": "low", "recordId": "r", "labels": ("x",)}}
    told = bad(lines)
    assert told[2] == "unknown: prams"
    assert told[3].startswith("priority: ")
    assert told[4] == "a whole task is a JSON object"


def test_fields_of_a_line_name_its_task(tmp_path: Path) -> None:
    lines = parsed(tmp_path, '{"id": 7, "n": "x"}\n{"n": "y"}\n[]\n', key="id", record_id="id", name="n")
    assert good(lines) == {1: {"params": {"id": 7, "n": "x"}, "name": "x", "dedupKey": "7", "recordId": "7"}}
    assert bad(lines) == {2: "no id", 3: "no n"}


def test_csv_has_a_header_and_rows_over_several_lines(tmp_path: Path) -> None:
    lines = parsed(tmp_path, '\ufeffa,b\n1,"x\ny"\n3\n4,5,6\n\n7,\n', "csv")
    assert good(lines) == {2: {"params": {"a": "1", "b": "x\ny"}}, 7: {"params": {"a": "7", "b": ""}}}
    assert bad(lines) == {4: "1 columns, the header has 2", 5: "3 columns, the header has 2"}


def test_a_row_that_is_no_text_is_told(tmp_path: Path) -> None:
    lines = parsed(tmp_path, b"a,b\n1,\xff\n2,3\n", "csv")
    assert bad(lines) == {2: "not text in UTF-8"}
    assert set(good(lines)) == {3}


def test_where_csv_cannot_be_read_on_is_told(tmp_path: Path) -> None:
    told = bad(parsed(tmp_path, 'a,b\n0,0\n1,"x\n2,3\n', "csv"))
    assert list(told) == [3]
    assert told[3].startswith("not CSV from here on: ")
