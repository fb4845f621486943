"""Lets in only who opened the printed address, on this machine, in a page of ours."""

from __future__ import annotations

import hmac
import secrets

from flask import Flask, Response, abort, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from grader.report.page import TEMPLATES, inline

POLICY = (
    "default-src 'none'; img-src 'self' data:; "
    f"style-src 'self' {inline(TEMPLATES / 'style.css').source}; "
    f"script-src 'self' {inline(TEMPLATES / 'page.js').source}; "
    "form-action 'self'; base-uri 'none'"
)
"""Nothing from elsewhere, and of what stands in a page only what we wrote."""
_HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # With `no-referrer`, browsers would hide the origin of our own forms too.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Checks every request before anything else sees it.

    The host's name keeps a foreign page from reaching the server under a name of its own (DNS
    rebinding); the cookie keeps other users of the machine out; the origin keeps a foreign page
    from sending forms here.

    Parameters
    ----------
    port : int
        Where the server listens on the loopback address.
    """

    def __init__(self, port: int) -> None:
        self._token = secrets.token_urlsafe(32)
        self._hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})
        # Cookies do not tell ports apart: two reviews at the same time keep two.
        self._cookie = f"grader-review-{port}"
        self.address = f"http://127.0.0.1:{port}/?token={self._token}"

    def watch(self, app: Flask) -> None:
        """Put itself before an application."""
        app.before_request(self._admit)
        app.after_request(_with_headers)

    def _admit(self) -> AnyResponse | None:
        if request.host not in self._hosts:
            abort(403, "This server answers on the loopback address alone.")
        if request.method not in ("GET", "HEAD") and not self._sent_by_us():
            abort(403, "This form was not sent by a page of the review.")
        token = request.args.get("token")
        if token is not None and self._fits(token):
            # Not where the address stays in sight, and never to another server (`//elsewhere`).
            answer = redirect("/" + request.path.lstrip("/"))
            # Not `secure`: there is no TLS on the loopback address.
            answer.set_cookie(self._cookie, self._token, httponly=True, samesite="Strict")
            return answer
        if not self._fits(request.cookies.get(self._cookie, "")):
            abort(403, "Open the whole address that `grader review` printed.")
        return None

    def _sent_by_us(self) -> bool:
        origin = request.headers.get("Origin", "").removeprefix("http://")
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        return origin == request.host and site == "same-origin"

    def _fits(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self._token.encode())


def _with_headers(response: Response) -> Response:
    response.headers.update(_HEADERS)
    return response
