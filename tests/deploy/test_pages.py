"""The documentation's pages: every link leads to a file, every anchor to a heading, and commands exist."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer.main
from penstock.cli.app import app

from deploy.local import home as homes

_MADE = homes.ROOT / "docs/reference/api.md"
PAGES = [homes.ROOT / "README.md", homes.ROOT / "sdk/python/README.md", *sorted(homes.ROOT.glob("docs/**/*.md"))]
_LINK = re.compile(r"\]\(([^)#:\s]*)(#[^)\s]+)?\)")
_COMMAND = re.compile(r"^(?:\w+=\S+ )*penstock ((?:[a-z-]+ ?)+)", re.MULTILINE)


def _name(page: Path) -> str:
    return str(page.relative_to(homes.ROOT))


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {"#" + re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _commands(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, command in getattr(group, "commands", {}).items():
        yield from _commands(command, (*path, name))


@pytest.mark.parametrize("page", [page for page in PAGES if page != _MADE], ids=_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in _LINK.findall(page.read_text()):
        found = (page.parent / target).resolve() if target else page
        assert found.exists(), target
        if anchor and found.suffix == ".md":
            assert anchor in _anchors(found), f"{target}{anchor}"


def test_every_command_that_is_shown_exists() -> None:
    known = set(_commands(_root()))
    shown = {words for page in PAGES for words in _COMMAND.findall(page.read_text())}
    assert len(shown) > 20
    for words in shown:
        first, *rest = words.split()
        assert (first,) in known, words
        if any(len(path) > 1 and path[0] == first for path in known):
            assert (first, rest[0]) in known, words


def _root() -> Any:
    return typer.main.get_command(app)
