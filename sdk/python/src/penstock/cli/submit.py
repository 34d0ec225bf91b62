"""`penstock tasks submit`: one task from arguments, or many from a file."""

import contextlib
from typing import Annotated, Any, cast

import typer
from pydantic import ValidationError
from pydantic.alias_generators import to_snake

from penstock import errors
from penstock.cli import arguments, bulk, exits
from penstock.cli.arguments import Queue
from penstock.cli.lines import Fields
from penstock.cli.shared import Session, command
from penstock.models.new import NewTask


def add(group: typer.Typer) -> None:
    """Register the command."""
    command(group)(submit)


def submit(
    session: Session,
    queue: Queue,
    *,
    params: arguments.Params = None,
    param: arguments.Param = None,
    ndjson: Annotated[str | None, typer.Option(help="A file of JSON lines, each a task's params; or -.")] = None,
    csv: Annotated[str | None, typer.Option(help="A CSV file with a header, each row a task's params; or -.")] = None,
    whole: Annotated[bool, typer.Option("--whole", help="A JSON line is a whole task: params, name, ...")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Send the rest of a file that has bad lines.")] = False,
    name: Annotated[str | None, typer.Option(help="A name for people.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is about.")] = None,
    definition: Annotated[str | None, typer.Option(help="The definition it is one of.")] = None,
    priority: Annotated[str | None, typer.Option(help="low, normal, high, urgent.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="A label; may be repeated.")] = None,
    record_id: Annotated[str | None, typer.Option(help="What it is about, elsewhere.")] = None,
    key: Annotated[str | None, typer.Option(help="A second submit with the same key makes no second task.")] = None,
    name_field: Annotated[str | None, typer.Option(help="In a file: the param that is the name.")] = None,
    key_field: Annotated[str | None, typer.Option(help="In a file: the param that is the key.")] = None,
    record_id_field: Annotated[str | None, typer.Option(help="In a file: the param that is the record id.")] = None,
    delay: Annotated[str | None, typer.Option(help="Not before so long: 30s, 2h.")] = None,
    execute_at: Annotated[str | None, typer.Option(help="Not before this time, or in: 2h.")] = None,
    expire_at: Annotated[str | None, typer.Option(help="Not after this time, or in: 2h.")] = None,
    due: Annotated[str | None, typer.Option(help="Should be done by this time, or in: 2h.")] = None,
    follow_up: Annotated[str | None, typer.Option(help="Comes up again at this time, or in: 2h.")] = None,
    attach: Annotated[
        list[str] | None, typer.Option(help="A link to what belongs to it; may be repeated.", metavar="NAME=URL")
    ] = None,
    wait: Annotated[str | None, typer.Option(help="Wait so long for its end; status 10 without success.")] = None,
) -> None:
    """Submit a task, or one for each line of a file.

    A file is read to its end first: bad lines are told by their numbers and nothing is sent, unless --skip-bad.
    """
    given = {
        "name": name,
        "description": description,
        "definition": definition,
        "priority": priority,
        "labels": tuple(label) if label else None,
        "recordId": record_id,
        "dedupKey": key,
        "delaySeconds": arguments.seconds(delay),
        "executeAt": arguments.future(execute_at),
        "expireAt": arguments.future(expire_at),
        "dueDate": arguments.future(due),
        "followUpDate": arguments.future(follow_up),
        "attachments": tuple(_attachment(each) for each in attach) if attach else None,
    }
    common = _new({name: value for name, value in given.items() if value is not None})
    if ndjson is None and csv is None:
        one = arguments.params_of(params, param)
        _submit_one(session, queue, common.model_copy(update={"params": one}), arguments.seconds(wait))
        return
    if (ndjson and csv) or params or param or key or wait:
        raise errors.UsageError("With a file go neither --params, --param, --key nor --wait, nor a second file.")
    fields = Fields(common=common, whole=whole, name=name_field, key=key_field, record_id=record_id_field)
    with bulk.opened(ndjson or csv or "") as file:
        lines = bulk.checked(session, file, "ndjson" if ndjson else "csv", fields, skip_bad=skip_bad)
        bulk.submit(session, queue, lines)


def _attachment(pair: str) -> dict[str, str]:
    name, equals, url = pair.partition("=")
    if not (name and equals and url):
        raise errors.UsageError(f"{pair!r} is not name=address.")
    return {"name": name, "url": url}


def _new(given: dict[str, Any]) -> NewTask:
    try:
        return NewTask.model_validate(given)
    except ValidationError as error:
        wrong = (f"--{to_snake(str(each['loc'][0])).replace('_', '-')}: {each['msg']}" for each in error.errors())
        raise errors.UsageError("; ".join(wrong)) from error


def _submit_one(session: Session, queue: str, new: NewTask, wait: float | None) -> None:
    body = {name: getattr(new, name) for name in new.model_fields_set}
    key, delay = body.pop("dedup_key", None), body.pop("delay_seconds", None)
    with session.client() as client:
        task = client.tasks.submit(queue, key=key, delay=delay, **cast("Any", body))
        if wait is not None:
            with contextlib.suppress(TimeoutError):
                task = client.tasks.wait(task, timeout=wait)
    session.say(f"{task.id}: {task.outcome or task.state}", task)
    if wait is not None and task.outcome != "succeeded":
        raise typer.Exit(exits.Exit.NOT_SUCCEEDED)
