"""Words: what a task is found by, and what a text asks for."""

from typing import Any

import pytest

from core import words
from core.words import LONGEST, MOST, Wanted
from tests.support.making import task


def said(**fields: Any) -> list[str]:
    """The words of a task, its marks left out."""
    return [word for word in words.of_task(task(**fields)).split() if word[0] not in "@#="]


def test_every_text_and_number_is_found() -> None:
    found = said(
        name="B-737 6/11",
        record_id="birdstrikes-00042",
        description="An (odd) one",
        labels=("damage major",),
        params={
            "Airport": "Sacramento",
            "speed": 140,
            "cost": 1.5,
            "ok": True,
            "none": None,
            "at": [{"phase": "Climb"}],
        },
    )
    assert " ".join(found) == "b 737 6 11 birdstrikes 00042 damage major an odd one sacramento 140 1 5 climb"


def test_a_text_begins_and_ends_with_a_space_and_holds_marks() -> None:
    text = words.of_task(task(name="x", labels=("a b",), definition=None))
    assert text == f" {words.creator_mark('u-ann')} #a_b x a b "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sacramento GULL", Wanted(words=("sacramento", "gull"))),
        ("Zürich straße ÉCOLE", Wanted(words=("zurich", "strasse", "ecole"))),
        ("r-1 r-1", Wanted(words=("r", "1"))),
        ("sacr*", Wanted(beginnings=("sacr",))),
        ("intake/sacr* x", Wanted(words=("intake", "x"), beginnings=("sacr",))),
        ("sa*", Wanted(words=("sa",))),
        (".* -- _", Wanted()),
        ("", Wanted()),
        ("x" * 100, Wanted(words=("x" * LONGEST,))),
    ],
)
def test_what_a_text_asks_for(text: str, expected: Wanted) -> None:
    assert words.wanted(text) == expected


def test_accents_and_case_do_not_matter_in_a_task_either() -> None:
    assert said(name="Zürich STRASSE") == ["zurich", "strasse"]


def test_a_long_task_keeps_its_marks_and_its_first_words() -> None:
    found = words.of_task(task(labels=("red",), params=[f"w{n}" for n in range(10_000)])).split()
    assert len(found) == MOST
    assert found[1] == "#red"
    assert found[-1] == f"w{MOST - 5}"


def test_no_word_is_a_mark() -> None:
    assert said(name="@ann #red =x") == ["ann", "red", "x"]
