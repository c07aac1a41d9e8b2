"""What every answer bears: what a page may load, who may frame it, how long it is kept.

In: the hashes of the scripts that Dash writes into a page. Out: headers.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_A_YEAR_SECONDS = 31_536_000
#: Files that say nothing of anybody.
_FILES = ("/assets/", "/_dash-component-suites/")


def content_security_policy(hashes: Sequence[str]) -> str:
    """Return what a page may load: its own files and nothing else.

    Mantine and AG Grid write style elements, AG Grid has its icons as data, plotly draws a picture to be saved from a
    blob of the page's own.
    """
    rules = {
        "default-src": "'self'",
        "script-src": " ".join(["'self'", *hashes]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def protect(response: Response, policy: str, *, tls: bool) -> Response:
    """Give an answer its headers; only files that say nothing of anybody are kept by the browser."""
    response.headers["Content-Security-Policy"] = policy
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if tls:
        response.headers["Strict-Transport-Security"] = f"max-age={_A_YEAR_SECONDS}"
    if not request.path.startswith(_FILES):
        response.headers["Cache-Control"] = "no-store"
    return response


class SessionsOfPages(SecureCookieSessionInterface):
    """Sessions of whatever says something of somebody: files are answered as if nobody had asked for them.

    Flask would have a browser keep them for one cookie only, and fetch and compile nine megabytes of scripts again
    after every sign-in.
    """

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Write the session's cookie, and that the answer depends on it."""
        if not request.path.startswith(_FILES):
            super().save_session(app, session, response)
