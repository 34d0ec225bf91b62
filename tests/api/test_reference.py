"""The API reference: made from the document, complete, and without a dead link."""

import re

from api import document, reference

DOCUMENT = document.made()
PAGE = reference.render(DOCUMENT)


def test_every_operation_is_on_it_once() -> None:
    headings = re.findall(r"^### `([A-Z]+) (.+)`$", PAGE, re.MULTILINE)
    operations = [(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods]
    assert sorted(headings) == sorted(operations)


def test_every_link_leads_to_a_schema() -> None:
    schemas = {name.lower() for name in re.findall(r"^### (\w+)$", PAGE, re.MULTILINE)}
    assert schemas == {name.lower() for name in DOCUMENT["components"]["schemas"]}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= schemas


def test_it_says_what_is_sent_and_answered() -> None:
    start = PAGE.index("### `POST /api/v1/queues/{namespace}/{name}/tasks`")
    submit = PAGE[start : PAGE.index("\n### ", start + 1)]
    assert "Body, `application/json`: [" in submit
    assert "| `idempotency-key` | header |" in submit
    assert re.search(r"^\| 201 \| .*\[TaskView\]\(#taskview\), `Location`", submit, re.MULTILINE)
    assert "| 401 |" not in submit, "what every call may answer stands at the top"
    assert "| 401 | `unauthenticated`" in PAGE[: PAGE.index("\n## ")]
    assert "\n\n\n" not in PAGE
