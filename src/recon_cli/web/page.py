"""The operator's page: one document with its own script and style, and no request to anybody else."""

from __future__ import annotations

import secrets
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from recon_cli.web.serving import Serving

HERE = Path(__file__).parent
LANGUAGES = ("en", "ko")


def routes(serving: Serving) -> APIRouter:
    """`/`."""
    router = APIRouter(tags=["page"])

    @router.get("/", response_class=HTMLResponse)
    async def index(request: Request) -> Response:
        """The operator's page, in English or Korean."""
        wish = request.query_params.get("lang") or request.headers.get("accept-language", "")
        return _shown(language(wish), token=serving.access.digest is not None)

    return router


def language(wish: str) -> str:
    """The language to begin with: the first of an Accept-Language header that there is, by its weight."""
    weighed: list[tuple[float, int, str]] = []
    for number, one in enumerate(wish.split(",")):
        tag, _, rest = one.strip().partition(";")
        weighed.append((-_weight(rest), number, tag.strip().lower().partition("-")[0]))
    return next((tag for _, _, tag in sorted(weighed) if tag in LANGUAGES), LANGUAGES[0])


def _weight(rest: str) -> float:
    try:
        return float(rest.strip().removeprefix("q=")) if rest else 1.0
    except ValueError:
        return 0.0


def _shown(lang: str, *, token: bool) -> Response:
    nonce = secrets.token_urlsafe(16)
    parts = _pieces()
    page = parts[0].replace("{{lang}}", lang).replace("{{nonce}}", nonce).replace("{{token}}", str(int(token)))
    page = page.replace("{{style}}", parts[1]).replace("{{script}}", parts[2])
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
        "img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(page, headers={"content-security-policy": policy, "vary": "accept-language"})


@cache
def _pieces() -> tuple[str, str, str]:
    names = ("page.html", "page.css", "page.js")
    html, style, script = ((HERE / name).read_text("utf-8") for name in names)
    return html, style, script
