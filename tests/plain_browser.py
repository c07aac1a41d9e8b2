"""What talks to a running server by itself: cookies, the mark of the session, and nothing unasked."""

import http.client
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from dashboard.people.accounts import Role
from dashboard.security.door import CALLBACKS
from tests.people import DOOR, token_of
from tests.served import Served


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    text: str


@dataclass
class Browser:
    """What talks to the server by itself, with cookies, and nothing that a browser would add unasked."""

    address: Served
    cookies: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        where = urlsplit(self.address)
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=30)
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            if self.cookies:
                sent.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            for cookie in answer.headers.get_all("Set-Cookie") or []:
                name, _, rest = cookie.partition("=")
                self.cookies[name] = rest.partition(";")[0]
            return Answer(answer.status, answer.headers, answer.read().decode("utf-8", "replace"))
        finally:
            connection.close()

    def page(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, Accept="text/html", **headers)

    def call(self, body: Any, **headers: str) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        token = self.cookies.get("_csrf_token", "")
        sent = {"Content_Type": "application/json", "X_CSRFToken": token, **headers}
        return self.send("POST", CALLBACKS, content, **{k: v for k, v in sent.items() if v})

    def form(self, path: str, **values: str) -> Answer:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.page("/login").text)
        token = found[1] if found else self.cookies.get("_csrf_token", "")
        content = urlencode({"csrf_token": token, **values}).encode()
        return self.send("POST", path, content, Content_Type="application/x-www-form-urlencoded")


def somebody(address: Served, role: Role) -> Browser:
    browser = Browser(address, {DOOR.cookie: token_of(address.context, role)})
    browser.page("/")
    return browser
