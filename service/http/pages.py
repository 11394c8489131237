"""Pages for people: their templates, and the headers that let them run nothing and be framed by nobody."""

from importlib.resources import files
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import DictLoader, Environment, select_autoescape
from starlette.requests import Request

from driftgate.service.settings_oidc import AccessTable

PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

# No referrer at all would make the origin of forms "null", and those are refused.
HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def _environment() -> Environment:
    folder = files("driftgate.service.http") / "templates"
    loader = DictLoader({entry.name: entry.read_text(encoding="utf-8") for entry in folder.iterdir() if entry.name.endswith(".html")})
    return Environment(loader=loader, autoescape=select_autoescape(), trim_blocks=True, lstrip_blocks=True)


PAGES = _environment()


def page(template: str, status: int = 200, **content: Any) -> HTMLResponse:
    """The page that the template makes of the content; text in it is escaped."""
    return HTMLResponse(PAGES.get_template(template).render(**content), status, headers=HEADERS)


def sign_in_page(service: AccessTable, *, where: str = "/", problem: str = "", status: int = 200) -> HTMLResponse:
    """The page to sign in. `where`: the path to see then; `problem`: why the last attempt was refused."""
    return page("sign_in.html", status, where=local_path(where), problem=problem, provider=service.oidc is not None)


def wants_page(request: Request) -> bool:
    """Whether a browser asks for a page."""
    return "text/html" in request.headers.get("accept", "")


def local_path(path: str) -> str:
    """The path, where it leads to a page of this service; else the dashboard."""
    plain = path.isprintable() and path.isascii() and "\\" not in path
    return path if plain and path.startswith("/") and not path.startswith("//") else "/"
