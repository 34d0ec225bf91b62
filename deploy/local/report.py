"""What a stack tells: the steps of its start, `local.json` for programs, addresses and first commands for people."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

import rich.console

from deploy.local import issuer_realms, seed, services

_console = rich.console.Console(highlight=False, soft_wrap=True)


def step(what: str, began: float, detail: str = "") -> None:
    """One line for a step that is done; `began` is of `time.monotonic`."""
    _console.print(f"[green]✓[/green] {what:<12}{time.monotonic() - began:6.1f} s  [dim]{detail}[/dim]")


def line(text: str) -> None:
    """One line about something that happened, with the time of day."""
    _console.print(f"[yellow]{time.strftime('%H:%M:%S')}[/yellow] {text}", markup=True)


def problem(text: str) -> None:
    """Why the stack does not run."""
    _console.print(text, style="red", markup=False)


def write(home: Path, at: services.Addresses, pids: Mapping[str, int]) -> None:
    """`local.json` (DESIGN 10), whole or not at all, for its owner's eyes: it holds passwords."""
    content = {
        "api": at.api,
        "auth": at.auth,
        "client_id": "penstock-cli",
        "rabbitmq": at.rabbitmq,
        "mongodb": at.mongodb,
        "users": _users(),
        "clients": _clients(),
        "pids": {role: pid for role, pid in pids.items() if role != "epmd"},
    }
    fresh = home / "local.json.new"
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file, indent=2)
    fresh.replace(home / "local.json")


def forget(home: Path) -> None:
    """Nobody may take the addresses of a stack that is not ready, or no more, for good."""
    (home / "local.json").unlink(missing_ok=True)


def ready(home: Path, at: services.Addresses, began: float) -> None:
    """Everything that a person needs to begin."""
    _console.print(
        f"\n[bold green]Ready after {time.monotonic() - began:.1f} s.[/bold green] Ctrl-C stops everything.\n"
    )
    for name, value in _places(home, at):
        _console.print(f"  {name:<14}[bold]{value}[/bold]")
    _console.print("\nUsers; the password is the user name:\n")
    for realm in issuer_realms.REALMS:
        people = ", ".join(f"{user.username} ({', '.join(user.roles) or 'no roles'})" for user in realm.users)
        _console.print(f"  {realm.name:<14}{people}")
    _console.print("\nTo begin (tokens, a task, its hand-out):\n")
    for command in _commands(at):
        _console.print(command + "\n", style="cyan", markup=False)


def _places(home: Path, at: services.Addresses) -> tuple[tuple[str, str], ...]:
    return (
        ("Console", f"{at.api}/console/demo"),
        ("API", at.api),
        ("Sign-in", at.auth),
        ("RabbitMQ", at.rabbitmq),
        ("MongoDB", at.mongodb),
        ("For programs", str(home / "local.json")),
        ("Logs", str(home / "logs")),
    )


def _commands(at: services.Addresses) -> tuple[str, ...]:
    queue = at.api + seed.QUEUE
    return (
        _token("SUB", at, "sub") + "\n" + _token("WIM", at, "wim"),
        _post(f"{queue}/tasks", "SUB", '{"params": {"species": "Barn owl"}, "priority": "urgent"}'),
        _post(f"{queue}/claims", "WIM", '{"max": 1, "waitSeconds": 5}'),
    )


def _post(url: str, token: str, body: str) -> str:
    return f'curl -s {url} -H "Authorization: Bearer ${token}" -H "Content-Type: application/json" \\\n  -d \'{body}\''


def _token(name: str, at: services.Addresses, user: str) -> str:
    return (
        f"{name}=$(curl -s {at.auth}/realms/demo/protocol/openid-connect/token -d grant_type=password"
        f" -d client_id=penstock-cli \\\n"
        f"  -d username={user} -d password={user} | "
        """python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')"""
    )


def _users() -> list[dict[str, object]]:
    return [
        {"realm": realm.name, "username": user.username, "password": user.password, "roles": list(user.roles)}
        for realm in issuer_realms.REALMS
        for user in realm.users
    ]


def _clients() -> list[dict[str, object]]:
    return [
        {
            "realm": realm.name,
            "client_id": client.client_id,
            "client_secret": client.secret,
            "roles": list(client.roles),
        }
        for realm in issuer_realms.REALMS
        for client in realm.clients
        if client.secret is not None
    ]
