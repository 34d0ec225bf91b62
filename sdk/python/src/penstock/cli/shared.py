"""What every command has: the options that say which server and as whom, `--json`, and errors as exit statuses."""

import functools
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import typer
from rich.text import Text

from penstock import connection, errors
from penstock.cli import exits, output
from penstock.client import AsyncClient, Client
from penstock.transport import Retries

Function = TypeVar("Function", bound=Callable[..., Any])
Item = TypeVar("Item")

_PANEL = "Which server, as whom, how to answer"
_UNREADY = "not fully set up"
"""Of Keycloak's words for an account with a password that is to be changed."""
_PATIENCE_SECONDS = 3.0
"""How long a command tries to reach a server: somebody sits before it."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """One run of a command."""

    as_json: bool = False
    profile: str | None = None
    local: bool = False
    who: str | None = None
    url: str | None = None
    tenant: str | None = None

    def environment(self) -> dict[str, str]:
        """The environment in which this session's connection is found by itself, for what finds its own."""
        environ = dict(os.environ)
        if self.local or self.who:
            environ["PENSTOCK_LOCAL"] = self.who or environ.get("PENSTOCK_LOCAL") or connection.DEFAULT_LOCAL
        for name, value in (("PROFILE", self.profile), ("URL", self.url), ("TENANT", self.tenant)):
            if value:
                environ[f"PENSTOCK_{name}"] = value
        return environ

    def connection(self) -> connection.Connection:
        """The server, and who is calling. Raises UsageError."""
        environ = self.environment()
        if self.profile:
            environ.pop("PENSTOCK_LOCAL", None)
        return connection.find(profile=self.profile, environ=environ)

    def client(self) -> Client:
        """A client, for `with`."""
        found = self.connection()
        retries = Retries(give_up_after=_PATIENCE_SECONDS)
        return Client(found.url, token=found.provider, tenant=found.tenant, retries=retries)

    def async_client(self, *, patience: float = _PATIENCE_SECONDS) -> AsyncClient:
        """A client, for `async with`, that tries so many seconds to reach the server."""
        found = self.connection()
        retries = Retries(give_up_after=patience)
        return AsyncClient(found.url, token=found.provider, tenant=found.tenant, retries=retries)

    def show(self, value: Any, people: Callable[[], Any] | None = None) -> None:
        """One thing: as JSON, or as `people` makes it for people."""
        if self.as_json or people is None:
            output.print_json(value)
        else:
            output.show(people())

    def listing(self, items: Iterable[Item], columns: Sequence[str], row: Callable[[Item], Sequence[object]]) -> None:
        """Many things: as a JSON object a line as they come, or as a table for people."""
        if self.as_json:
            for item in items:
                output.print_json(item)
        else:
            output.show(output.table(columns, [row(item) for item in items]))

    def say(self, sentence: str, value: Any = None) -> None:
        """What was done: a sentence for people, the value as JSON."""
        if self.as_json:
            output.print_json({} if value is None else value)
        else:
            output.show(Text(sentence))


_SHARED: dict[str, tuple[Any, Any]] = {
    "as_json": (
        Annotated[bool, typer.Option("--json", help="Answer as JSON.", rich_help_panel=_PANEL)],
        False,
    ),
    "profile": (
        Annotated[str | None, typer.Option("--profile", help="A profile of `login`.", rich_help_panel=_PANEL)],
        None,
    ),
    "local": (
        Annotated[bool, typer.Option("--local", help="The local stack, as ada.", rich_help_panel=_PANEL)],
        False,
    ),
    "who": (
        Annotated[
            str | None,
            typer.Option(
                "--as", help="The local stack, as somebody else: wim, wim@acme, intake.", rich_help_panel=_PANEL
            ),
        ],
        None,
    ),
    "url": (
        Annotated[str | None, typer.Option("--url", help="The server's address.", rich_help_panel=_PANEL)],
        None,
    ),
    "tenant": (
        Annotated[
            str | None, typer.Option("--tenant", help="The tenant that an operator acts in.", rich_help_panel=_PANEL)
        ],
        None,
    ),
}


def command(app: typer.Typer, name: str | None = None, **settings: Any) -> Callable[[Function], Function]:
    """Register a command whose first parameter is its Session; the shared options are added to its own."""

    def register(function: Function) -> Function:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        added = [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for key, (annotation, default) in _SHARED.items()
        ]
        keyword_only = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own]

        @functools.wraps(function)
        def run(**values: Any) -> None:
            session = Session(**{key: values.pop(key) for key in _SHARED})
            guarded(lambda: function(session, **values), as_json=session.as_json)

        run.__signature__ = inspect.Signature([*keyword_only, *added])  # pyright: ignore[reportAttributeAccessIssue]
        run.__annotations__ = {}
        app.command(name, **settings)(run)
        return function

    return register


def guarded(work: Callable[[], Any], *, as_json: bool) -> None:
    """Do it; end the command with a line and a status when it fails."""
    try:
        work()
    except errors.PenstockError as error:
        _debug()
        output.complain(_hinted(error), json_wanted=as_json)
        raise typer.Exit(exits.of(error)) from None
    except KeyboardInterrupt:
        raise typer.Exit(exits.Exit.INTERRUPTED) from None
    except BrokenPipeError:
        # Whoever read our output has enough. Python would complain once more at its end without this.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except Exception as error:  # noqa: BLE001 - the last place before the user
        _debug()
        output.complain(f"this should not happen: {type(error).__name__}: {error}", json_wanted=as_json)
        raise typer.Exit(exits.Exit.BUG) from None


def _debug() -> None:
    if os.environ.get("PENSTOCK_DEBUG"):
        traceback.print_exc()


def _hinted(error: errors.PenstockError) -> errors.PenstockError | str:
    if isinstance(error, errors.TokenRefused) and _UNREADY in str(error):
        return f"{error}. A first password is changed in the browser: sign in once at the console, or at the issuer."
    if isinstance(error, errors.Unauthenticated | errors.TokenRefused):
        return f"{error} Sign in with `penstock login`."
    return error
