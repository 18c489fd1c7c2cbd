"""Log-in at an identity provider by a code: what the provider says is believed for this log-in."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from auditkit.access.login.authentication import Caller, Credentials, OidcAuthenticator
from auditkit.access.login.code_flow import CodeClient, CodeFlow
from auditkit.errors import InputError
from tests.support.provider import CLIENT, SECRET, Provider

pytestmark = pytest.mark.server
BACK = "http://127.0.0.1:9/auditkit/callback"
NONCE, VERIFIER = "n" * 43, "v" * 43


@pytest.fixture(scope="module")
def provider():
    made = Provider()
    yield made
    made.close()


@pytest.fixture
def client(provider: Provider) -> CodeClient:
    provider.user, provider.changes, provider.moved = "rob", {}, False
    return CodeClient(
        issuer=provider.url,
        client_id=CLIENT,
        client_secret=SECRET,
        redirect_url=BACK,
        groups_claim="groups",
    )


class NotFollowed(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return


def code_of(flow: CodeFlow) -> str:
    address = flow.address(state="s" * 32, nonce=NONCE, verifier=VERIFIER)
    with pytest.raises(urllib.error.HTTPError) as answered:
        urllib.request.build_opener(NotFollowed).open(address)
    back = str(answered.value.headers["Location"])
    assert back.startswith(BACK)
    return parse_qs(urlsplit(back).query)["code"][0]


def test_a_code_is_redeemed_once_by_who_began(client: CodeClient, provider: Provider):
    provider.changes = {"groups": ["ml-release"]}
    flow = CodeFlow(client)
    code = code_of(flow)
    assert flow.redeem(code, nonce=NONCE, verifier=VERIFIER) == Caller(
        "rob", "oidc", ("ml-release",)
    )
    assert flow.redeem(code, nonce=NONCE, verifier=VERIFIER) is None
    assert provider.asked[-1]["scope"] == "openid"
    assert VERIFIER not in provider.asked[-1].values()


def test_a_code_without_its_verifier_or_secret_is_worth_nothing(client: CodeClient):
    flow = CodeFlow(client)
    assert flow.redeem(code_of(flow), nonce=NONCE, verifier="w" * 43) is None
    other = CodeFlow(replace(client, client_secret="another"))
    assert other.redeem(code_of(other), nonce=NONCE, verifier=VERIFIER) is None
    assert flow.redeem("invented", nonce=NONCE, verifier=VERIFIER) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": "m" * 43},
        {"nonce": None},
        {"nonce": 5},
        {"aud": "mlflow"},
        {"aud": [CLIENT, "mlflow"], "azp": "mlflow"},
        {"iss": "http://127.0.0.1:1"},
        {"exp": 1},
        {"sub": None},
        {"sub": ""},
        {"sub": "rob\u202e"},
        {"groups": "a", "nonce": ""},
        {"groups": 5},
    ],
)
def test_a_token_of_another_log_in_client_or_user_is_none(
    client: CodeClient, provider: Provider, changes: dict[str, object]
):
    flow = CodeFlow(client)
    code = code_of(flow)
    provider.changes = changes
    assert flow.redeem(code, nonce=NONCE, verifier=VERIFIER) is None


def test_an_id_token_is_no_access_token(client: CodeClient, provider: Provider):
    token = provider.token({"aud": CLIENT, "sub": "rob", "nonce": NONCE})
    way = OidcAuthenticator(provider.url, CLIENT)
    assert way(Credentials({"authorization": f"Bearer {token}"}, "")) is None
    assert way.verified(token) is not None


def test_a_provider_that_moves_or_does_not_answer_is_not_followed(
    client: CodeClient, provider: Provider
):
    flow = CodeFlow(client)
    code = code_of(flow)
    provider.moved = True
    assert flow.redeem(code, nonce=NONCE, verifier=VERIFIER) is None
    for issuer in ("http://127.0.0.1:1", "http://issuer.example"):
        begun = time.monotonic()
        with pytest.raises(InputError, match="cannot be asked"):
            CodeFlow(replace(client, issuer=issuer)).address(state="", nonce="", verifier="")
        assert time.monotonic() - begun < 5
