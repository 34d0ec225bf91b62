"""Serves the built console (`admin_ui/dist`) below `/console/`: hashed files for ever, the page itself never kept."""

import mimetypes
from pathlib import Path
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from api import context, replies
from api.faces import adsp_probes
from auth.principal import CORE
from core import errors

BUILT = Path(__file__).parent.parent / "admin_ui" / "dist"
"""Where `npm run build` puts it."""

_PAGE = "index.html"
_FOR_EVER = "public, max-age=31536000, immutable"
_NOT_BUILT = (
    "<!doctype html><meta charset=utf-8><title>Penstock</title><p>The console is not built here. "
    "Install Node.js 20 or newer and start again, or run <code>sh deploy/console.sh</code>."
)


def routes(built: Path = BUILT) -> list[Route]:
    """`/` leads to the console; below `/console/` a file that was built is sent, and the page for every other path."""
    pages = _Pages(built.resolve())
    return [
        Route("/", _home, include_in_schema=False),
        Route("/console", _to_console, include_in_schema=False),
        Route("/console/{path:path}", pages.answer, include_in_schema=False),
    ]


async def _home(request: Request) -> Response:
    """To people the console, to programs what this is."""
    accept = request.headers.get("accept", "")
    if replies.JSON in accept and "text/html" not in accept:
        return replies.reply(adsp_probes.about(request))
    return RedirectResponse("/console/")


async def _to_console(_: Request) -> Response:
    return RedirectResponse("/console/")


class _Pages:
    """The built files."""

    def __init__(self, built: Path) -> None:
        self._built = built

    async def answer(self, request: Request) -> Response:
        """Send the file of that path, or the page, which reads its own path."""
        path = request.path_params["path"]
        file = (self._built / path).resolve()
        if path and file.is_relative_to(self._built) and file.is_file() and file.name != _PAGE:
            return _file(file, zipped="gzip" in request.headers.get("accept-encoding", ""))
        if path.startswith("assets/"):
            return HTMLResponse("", status_code=404)
        headers = _page_headers(await _issuer_origins(request, path.partition("/")[0]))
        page = self._built / _PAGE
        if not page.is_file():
            return HTMLResponse(_NOT_BUILT, status_code=404, headers=headers)
        return FileResponse(page, media_type="text/html", headers=headers)


def _file(file: Path, *, zipped: bool) -> Response:
    headers = {"Vary": "Accept-Encoding"}
    if file.parent.name == "assets":
        headers["Cache-Control"] = _FOR_EVER
    media_type = mimetypes.guess_type(file.name)[0]
    packed = file.with_name(f"{file.name}.gz")
    if zipped and packed.is_file():
        return FileResponse(packed, media_type=media_type, headers=headers | {"Content-Encoding": "gzip"})
    return FileResponse(file, media_type=media_type, headers=headers)


async def _issuer_origins(request: Request, tenant: str) -> str:
    """Where a tenant's pages may go to log in its people, or operators; nowhere while the tenant is unknown."""
    tenants = context.of(request).parts.record.tenants
    try:
        found = [await tenants.get(each) for each in (tenant, CORE)] if tenant else [None]
    except errors.Unavailable:
        return ""
    if found[0] is None:
        return ""
    origins = {"{0.scheme}://{0.netloc}".format(urlsplit(each.issuer)) for each in found if each is not None}
    return "".join(f" {origin}" for origin in sorted(origins))


def _page_headers(issuers: str) -> dict[str, str]:
    """Content Security Policy Level 3: nothing but our own files and, for tokens, the issuers.

    Styles may be inline because the component library sets them on elements.
    """
    rules = (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        f"connect-src 'self'{issuers}",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return {
        "Content-Security-Policy": "; ".join(rules),
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    }
