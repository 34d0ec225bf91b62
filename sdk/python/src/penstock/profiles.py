"""Profiles: what `penstock login` remembers, in one file that only its owner may read."""

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from penstock import errors, tokens

DEFAULT = "default"


class Profile(BaseModel):
    """How to reach one server as one caller."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)

    url: str
    tenant: str | None = None
    issuer: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    username: str | None = None
    refresh_token: str | None = None
    access_token: str | None = None
    renew_at: float | None = None


class _Book(BaseModel):
    current: str = DEFAULT
    profiles: dict[str, Profile] = {}


def config_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Where profiles are kept: `PENSTOCK_CONFIG`, else `penstock/config.json` in the user's configuration folder."""
    if "PENSTOCK_CONFIG" in environ:
        return Path(environ["PENSTOCK_CONFIG"]).expanduser()
    base = environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "penstock" / "config.json"


class Profiles:
    """The profiles in a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def names(self) -> tuple[str, list[str]]:
        """The current profile's name, and all names."""
        book = self._read()
        return book.current, sorted(book.profiles)

    def get(self, name: str | None = None) -> Profile | None:
        """A profile; the current one without a name. Raises UsageError when the file cannot be read."""
        book = self._read()
        return book.profiles.get(name or book.current)

    def put(self, profile: Profile, name: str | None = None, *, current: bool = False) -> str:
        """Keep a profile, under the current name without one; answers the name."""
        book = self._read()
        name = name or book.current
        chosen = name if current or not book.profiles else book.current
        self._write(_Book(current=chosen, profiles=book.profiles | {name: profile}))
        return name

    def remove(self, name: str | None = None) -> bool:
        """Forget a profile; False when there was none."""
        book = self._read()
        name = name or book.current
        rest = {key: value for key, value in book.profiles.items() if key != name}
        self._write(_Book(current=book.current if book.current in rest else DEFAULT, profiles=rest))
        return len(rest) < len(book.profiles)

    def remember(self, name: str, grant: tokens.Grant) -> None:
        """Keep a profile's newest tokens; says nothing when the file cannot be written: they are only a shortcut."""
        profile = self.get(name)
        if profile is None:
            return
        newer = {"access_token": grant.access_token, "renew_at": grant.renew_at}
        if grant.refresh_token is not None:
            newer["refresh_token"] = grant.refresh_token
        with contextlib.suppress(OSError):
            self.put(profile.model_copy(update=newer), name)

    def _read(self) -> _Book:
        try:
            text = self.file.read_text()
        except FileNotFoundError:
            return _Book()
        except OSError as error:
            raise errors.UsageError(f"{self.file} cannot be read: {error.strerror}") from error
        try:
            return _Book.model_validate_json(text)
        except ValidationError as error:
            raise errors.UsageError(f"{self.file} is not a Penstock configuration; move it away.") from error

    def _write(self, book: _Book) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        text = json.dumps(book.model_dump(by_alias=True, exclude_none=True), indent=2)
        # mkstemp makes the file readable for its owner alone, whatever the umask says.
        handle, name = tempfile.mkstemp(dir=self.file.parent, prefix=".config-")
        try:
            with os.fdopen(handle, "w") as file:
                file.write(text + "\n")
            Path(name).replace(self.file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
