"""Bytes become lines however they come, and lines become submissions or say what is wrong with them."""

import gzip
import itertools
import json
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import lines
from core.imports import Encoding, LineOrder
from core.lines import BadLine, Broken, Line, Splitter, Unpacker
from core.priority import Priority

PLAIN = LineOrder()
WHOLE = LineOrder(lines="tasks")


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in itertools.pairwise(places)]


def unpacked(encoding: Encoding, parts: list[bytes]) -> bytes:
    unpacker = Unpacker(encoding)
    text = b"".join(piece for part in parts for piece in unpacker.feed(part))
    return text + unpacker.finish()


def split(parts: list[bytes], *, most: int = 1000, number: int = 0, position: int = 0) -> list[Line]:
    splitter = Splitter(number=number, position=position, most=most)
    found = [line for part in parts for line in splitter.feed(part)]
    return found + list(splitter.finish())


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)), st.sampled_from(["plain", "gzip", "members"]))
def test_a_file_is_unpacked_however_its_bytes_come(text: bytes, cuts: list[int], packed: str) -> None:
    text = b"[" + text
    data = {
        "plain": text,
        "gzip": gzip.compress(text),
        "members": gzip.compress(text[:7]) + gzip.compress(text[7:]) + b"\0\0",
    }[packed]
    assert unpacked(Encoding.AUTO, pieces(data, cuts)) == text
    assert unpacked(Encoding.PLAIN if packed == "plain" else Encoding.GZIP, pieces(data, cuts)) == text


def test_what_is_no_gzip_or_ends_in_its_middle_is_broken() -> None:
    data = gzip.compress(b"x" * 1000)
    with pytest.raises(Broken, match="not gzip"):
        unpacked(Encoding.GZIP, [b'{"a": 1}\n'])
    with pytest.raises(Broken, match="in the middle"):
        unpacked(Encoding.AUTO, [data[:-4]])
    assert unpacked(Encoding.GZIP, []) == b""


def test_a_file_that_is_much_larger_unpacked_is_not_in_memory_at_once() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = b"".join(packer.compress(b" " * lines.PIECE) for _ in range(100)) + packer.flush()
    unpacker, size = Unpacker(Encoding.GZIP), 0
    tracemalloc.start()
    for piece in unpacker.feed(data):
        size += len(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (size, unpacker.finish()) == (100 * lines.PIECE, b"")
    assert peak < 5 * lines.PIECE


@given(st.lists(st.binary(max_size=20).map(lambda b: b.replace(b"\n", b"-")), max_size=8), st.lists(st.integers(0, 99)))
def test_lines_are_cut_numbered_and_placed_however_their_bytes_come(texts: list[bytes], cuts: list[int]) -> None:
    text = b"\n".join(texts)
    found = split(pieces(text, cuts))
    expected = text.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    assert [(line.text or b"").removesuffix(b"\n") for line in found] == expected
    assert [line.number for line in found] == list(range(1, len(expected) + 1))
    for line in found:
        # From any line's end on, the rest is found the same.
        assert split([text[line.end :]], number=line.number, position=line.end) == found[line.number :]


@given(st.lists(st.integers(0, 200)))
def test_a_line_that_is_too_long_is_passed_over(cuts: list[int]) -> None:
    text = b"1\n" + b"2" * 100 + b"\n3\n" + b"4" * 100
    found = split(pieces(text, cuts), most=10)
    assert [line.text for line in found] == [b"1\n", None, b"3\n", None]
    assert found[-1].end == len(text)
    with pytest.raises(BadLine, match="too long"):
        lines.submission(found[1], "i", PLAIN)


def line(value: object, number: int = 7) -> Line:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Line(number, 0, text)


def test_a_line_is_the_params_of_a_task_with_an_id_of_its_own() -> None:
    order = LineOrder(
        definition="reports/scan", name="report", priority=Priority.HIGH, labels=("new",), context={"a": 1},
        record_id_field="id",
    )  # fmt: skip
    made = lines.submission(line({"id": 42, "airport": "Sacramento"}), "i-1", order)
    assert made.id == made.dedup_key == "i-1.00000007"
    assert (made.definition, made.name, made.priority, made.labels) == ("reports/scan", "report", 2, ("new",))
    assert (made.params, made.context, made.record_id) == ({"id": 42, "airport": "Sacramento"}, {"a": 1}, "42")
    assert lines.submission(line([1, 2]), "i-1", order).record_id is None
    assert made.id != lines.submission(line({}, 8), "i-1", order).id


def test_a_line_may_be_a_whole_task() -> None:
    task = {"name": "one", "params": 1, "priority": "urgent", "labels": ["x"], "recordId": "r", "context": {"b": 2}}
    made = lines.submission(line(task), "i", LineOrder(lines="tasks", labels=("y", "x"), context={"a": 1, "b": 1}))
    assert (made.name, made.params, made.priority, made.record_id) == ("one", 1, Priority.URGENT, "r")
    assert (made.labels, made.context) == (("y", "x"), {"a": 1, "b": 2})


@pytest.mark.parametrize(
    ("order", "text", "code", "field"),
    [
        (PLAIN, b"{", "not-json", None),
        (PLAIN, b"{} {}", "not-json", None),
        (PLAIN, b"NaN", "not-json", None),
        (PLAIN, b'{"a": "\xff"}', "not-json", None),
        (PLAIN, b"[" * 100_000, "not-json", None),
        (PLAIN, b"[" * 70 + b"]" * 70, "not-storable", None),
        (PLAIN, b"99999999999999999999", "not-storable", None),
        (PLAIN, b'{"\\u0000": 1}', "not-storable", None),
        (WHOLE, b"[]", "not-a-task", None),
        (WHOLE, b'{"nmae": "x"}', "not-a-task", None),
        (WHOLE, b'{"name": ""}', "not-a-task", "name"),
        (WHOLE, b'{"labels": ["x", ""]}', "not-a-task", "labels.1"),
        (WHOLE, b'{"priority": "extreme"}', "not-a-task", "priority"),
        (WHOLE, b'{"definition": "?"}', "not-a-task", "definition"),
    ],
)
def test_a_line_that_is_no_task_says_why(order: LineOrder, text: bytes, code: str, field: str | None) -> None:
    with pytest.raises(BadLine) as caught:
        lines.submission(line(text), "i", order)
    assert (caught.value.code, caught.value.field) == (code, field)
    assert caught.value.message


def test_blank_lines_and_the_mark_at_the_beginning_are_nothing() -> None:
    assert lines.is_blank(line(b" \r\n"))
    assert lines.is_blank(Line(1, 3, b"\xef\xbb\xbf"))
    assert not lines.is_blank(Line(1, 3, None))
    assert lines.submission(Line(1, 5, b"\xef\xbb\xbf17\r\n"), "i", PLAIN).params == 17
