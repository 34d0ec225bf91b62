"""Which addresses a tenant's URLs may reach: public ones, and private ones only where the operator's list says so.

Pure rules of the guard against server-side request forgery; `broker/outbound.py` resolves and connects by them.
"""

import ipaddress
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from core import errors
from core.errors import Fault

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(written: str) -> bool:
    """Whether an IP address is one of the open internet: not private, loopback, link-local (cloud metadata), multicast.

    An IPv4 address within an IPv6 one (mapped, 6to4, Teredo, NAT64) is judged by what it really is.
    """
    address = ipaddress.ip_address(written.partition("%")[0])
    return all(each.is_global and not each.is_multicast and not each.is_reserved for each in _all(address))


def _all(address: Address) -> Iterable[Address]:
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            yield address.ipv4_mapped
        if address.sixtofour is not None:
            yield address.sixtofour
        if address.teredo is not None:
            yield from address.teredo
        if address in _NAT64:
            yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


def checked(url: str, field: str) -> SplitResult:
    """The parts of a URL that may be called; raises `Invalid` for another scheme, a user name, or none at all."""
    try:
        parts = urlsplit(url)
        port_is_right = parts.port != 0
    except ValueError:
        port_is_right, parts = False, SplitResult("", "", "", "", "")
    if parts.scheme not in _PORTS or not parts.hostname or not port_is_right:
        raise errors.Invalid(
            f"{field} is no http:// or https:// address.", faults=[Fault(field=field, message="must be http(s)://host")]
        )
    if parts.username is not None or parts.password is not None:
        raise errors.Invalid(
            f"{field} must not hold a user name or password.",
            faults=[Fault(field=field, message="must not hold credentials; use headers and a secret")],
        )
    return parts


def is_listed(url: str, allowed: Iterable[str]) -> bool:
    """Whether the URL lies below one of these prefixes: same scheme, host and port, and whole segments of the path.

    A path with dots or escapes that could lead out of the prefix is below none.
    """
    try:
        wanted = _place(urlsplit(url))
    except ValueError:
        return False
    if any(part in {".", ".."} for part in wanted[3]) or "%2e" in url.lower() or "%2f" in url.lower() or "\\" in url:
        return False
    for prefix in allowed:
        scheme, host, port, path = _place(urlsplit(prefix))
        if wanted[:3] == (scheme, host, port) and wanted[3][: len(path)] == path:
            return True
    return False


def _place(parts: SplitResult) -> tuple[str, str, int | None, list[str]]:
    path = [part for part in parts.path.split("/") if part]
    host = (parts.hostname or "").rstrip(".")
    return parts.scheme, host, parts.port or _PORTS.get(parts.scheme), path
