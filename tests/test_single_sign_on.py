"""Signing in by the site's own server: who it confirms, and whom the product lets in nevertheless not."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import Client, TestResponse

from dashboard.app import create_app
from dashboard.context import Context
from dashboard.people.accounts import Role, add_account, set_disabled
from dashboard.security.single_sign_on import BACK, START
from etl import store as stores
from etl.records.audit import SYSTEM
from etl.records.engine import transaction
from etl.records.models import Account, AuditEntry
from etl.settings import Settings
from tests.people import DOOR

CLIENT, CLIENT_SECRET = "callcenter", "what the provider knows us by"


class Provider(ThreadingHTTPServer):
    """A sign-in server as small as one can be: discovery, authorization, token, keys."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.issuer = f"http://127.0.0.1:{self.server_port}"
        self.key = RSAKey.generate_key(2048, parameters={"kid": "one"})
        self.claims: dict[str, Any] = {}
        self.asked: dict[str, str] = {}
        self.signs_with = self.key

    def authorize(self, address: str) -> str:
        """What the provider's page does when somebody has shown who they are: send them back with a code."""
        self.asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        return f"{self.asked['redirect_uri']}?{urlencode({'code': 'the-code', 'state': self.asked['state']})}"

    def token(self) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": self.asked.get("nonce"),
            **self.claims,
        }  # fmt: skip
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.signs_with)
        return {"access_token": "of no use", "token_type": "Bearer", "expires_in": 60, "id_token": signed}


class _Answers(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        issuer = self.server.issuer
        if self.path == "/.well-known/openid-configuration":
            self._send({
                "issuer": issuer, "authorization_endpoint": f"{issuer}/authorize", "token_endpoint": f"{issuer}/token",
                "jwks_uri": f"{issuer}/keys", "id_token_signing_alg_values_supported": ["RS256"],
            })  # fmt: skip
        else:
            self._send({"keys": [self.server.key.as_dict(private=False)]})

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"])).decode()
        given = parse_qs(content)
        assert given["code"] == ["the-code"] and given["code_verifier"], "PKCE"
        self._send(self.server.token())

    def _send(self, answer: dict[str, Any]) -> None:
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        thread = Thread(target=provider.serve_forever)
        thread.start()
        yield provider
        provider.shutdown()
        thread.join()


@pytest.fixture
def context(product: Any, provider: Provider) -> Iterator[Context]:
    provider.claims, provider.signs_with = {"sub": "42", "preferred_username": "Ana.Rojas"}, provider.key
    settings: Settings = product.settings().model_copy(update={
        "oidc_issuer": provider.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SecretStr(CLIENT_SECRET),
        "oidc_name": "Correo COMTECO",
    })  # fmt: skip
    stores.open_store(settings).records.dispose()
    with closing(Context(settings)) as context:
        with transaction(context.records) as session:
            add_account(session, SYSTEM, "ana.rojas", "Ana Rojas", Role.CHIEF, None, must_change=False)
        yield context


def signed_in(
    context: Context, provider: Provider, change: dict[str, str] | None = None
) -> tuple[Client, TestResponse]:
    client = Client(create_app(context, DOOR).server)
    away = client.get(START)
    assert away.status_code == 302 and away.headers["Location"].startswith(f"{provider.issuer}/authorize?")
    back = urlsplit(provider.authorize(away.headers["Location"]))
    given = {name: values[0] for name, values in parse_qs(back.query).items()} | (change or {})
    assert back.path == BACK
    return client, client.get(f"{BACK}?{urlencode(given)}")


def subject_of(context: Context, name: str) -> str | None:
    with Session(context.records) as session:
        return session.scalar(select(Account.subject).where(Account.name == name))


def test_the_sign_in_page_offers_it_by_name_only_where_the_settings_name_it(
    context: Context, empty_context: Context
) -> None:
    page = Client(create_app(context, DOOR).server).get("/login").text
    assert f'href="{START}">Ingresar con Correo COMTECO' in page
    without = Client(create_app(empty_context, DOOR).server)
    assert START not in without.get("/login").text and without.get(START).status_code == 401


def test_whom_the_provider_confirms_and_the_product_knows_is_let_in_and_known_again(
    context: Context, provider: Provider
) -> None:
    client, answer = signed_in(context, provider)
    assert answer.status_code == 302 and answer.headers["Location"] == "/"
    assert client.get("/", headers={"Accept": "text/html"}).status_code == 200
    assert subject_of(context, "ana.rojas") == f"{provider.issuer} 42"
    provider.claims = {"sub": "42", "preferred_username": "another.name.now"}
    assert signed_in(context, provider)[1].status_code == 302
    provider.claims = {"sub": "43", "preferred_username": "ana.rojas"}  # somebody else under the same name
    assert signed_in(context, provider)[1].status_code == 403


def test_whom_only_the_provider_knows_is_not_let_in(context: Context, provider: Provider) -> None:
    with transaction(context.records) as session:
        add_account(
            session,
            SYSTEM,
            "con.clave",
            "Con Clave",
            Role.ADMINISTRATOR,
            "nubes sobre el valle alto",
            must_change=False,
        )
    for claims in (
        {"sub": "1", "preferred_username": "nobody.here"},
        {"sub": "2", "preferred_username": "con.clave"},  # an account with a password is not taken over
        {"sub": "3", "email": "ana.rojas"},  # not verified
        {"sub": "4"},
    ):
        provider.claims = claims
        client, answer = signed_in(context, provider)
        assert answer.status_code == 403 and "no está habilitada" in answer.text
        assert client.get("/_dash-layout").status_code == 401
    with Session(context.records) as session:
        refused = session.scalars(select(AuditEntry.who).where(AuditEntry.result == "refused")).all()
    assert refused == ["(desconocida)"] * 4


def test_a_closed_account_stays_closed(context: Context, provider: Provider) -> None:
    signed_in(context, provider)
    with transaction(context.records) as session:
        account = session.scalars(select(Account)).one()
        set_disabled(session, SYSTEM, account, True)
    assert signed_in(context, provider)[1].status_code == 403


@pytest.mark.parametrize(
    "spoiled",
    [
        {"aud": "another"},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"nonce": "another"},
    ],
)
def test_an_answer_that_is_not_for_us_is_refused(spoiled: dict[str, Any], context: Context, provider: Provider) -> None:
    provider.claims |= spoiled
    _, answer = signed_in(context, provider)
    assert answer.status_code == 401 and "no confirmó" in answer.text


def test_an_answer_signed_by_another_or_not_asked_for_is_refused(context: Context, provider: Provider) -> None:
    provider.signs_with = RSAKey.generate_key(2048, parameters={"kid": "one"})
    assert signed_in(context, provider)[1].status_code == 401
    provider.signs_with = provider.key
    assert signed_in(context, provider, {"state": "another"})[1].status_code == 401
    assert Client(create_app(context, DOOR).server).get(f"{BACK}?code=x&state=y").status_code == 401


def test_a_provider_that_does_not_answer_is_told(context: Context) -> None:
    context.settings = context.settings.model_copy(update={"oidc_issuer": "http://127.0.0.1:1"})
    answer = Client(create_app(context, DOOR).server).get(START)
    assert answer.status_code == 503 and "no responde" in answer.text
