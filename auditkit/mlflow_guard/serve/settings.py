"""The server's settings: one YAML file, named by the environment variable AUDITKIT_SERVER."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from pydantic import Field, field_validator, model_validator

from auditkit.access.login.authentication import (
    Authenticator,
    BasicAuthenticator,
    OidcAuthenticator,
    ProxyAuthenticator,
)
from auditkit.access.login.oidc import require_private
from auditkit.access.login.tokens import TokenAuthenticator
from auditkit.documents import Document, Text, parse_document
from auditkit.errors import PolicyError
from auditkit.files import read_text
from auditkit.mlflow_guard.guard import events
from auditkit.mlflow_guard.page.sign_in import CALLBACK
from auditkit.notify.settings import ReceiverSettings, StreamSettings

_EVENTS: Final = ", ".join(sorted(events.NAMES))


class LogSettings(Document):
    """The log of decisions.

    Attributes:
        url: The log's database, for example `sqlite:///ledger.db`.
        key: The folder of keys that `auditkit keys init` made, or a file with an Ed25519 private
            key in PEM. A passphrase comes from the environment, AUDITKIT_PASSPHRASE.
        name: The log's name.
    """

    url: Text
    key: Text
    name: Text = "auditkit.local/log"


class BasicSettings(Document):
    """Names and passwords.

    Attributes:
        users: The file of hashes that `auditkit access user add` makes.
    """

    users: Text


class ProxySettings(Document):
    """A trusted proxy's headers.

    Attributes:
        header: The name of the one that names the user.
        peers: Addresses or networks of the proxies.
        groups_header: The name of the one that names the user's groups, separated by commas, for
            example `X-Forwarded-Groups`; empty: groups are not read. The proxy has to replace
            what a client sends in either.
    """

    header: Text
    peers: tuple[Text, ...] = Field(min_length=1)
    groups_header: str = ""


class OidcSettings(Document):
    """An OpenID Connect issuer.

    Attributes:
        issuer: Its URL.
        audience: What its tokens must name.
        claim: The claim that names the user.
        groups_claim: The claim that names the user's groups, a list or one text, for example
            `groups`; empty: groups are not read.
        client_id: The id of this server at the issuer, so that browsers log in there for the page
            /auditkit; empty: they do not.
        client_secret_file: A file with the client's secret; empty: it is a public client.
        redirect_url: The address that browsers come back to, which ends with /auditkit/callback,
            for example `https://mlflow.example/auditkit/callback`.
    """

    issuer: Text
    audience: Text
    claim: Text = "sub"
    groups_claim: str = ""
    client_id: str = ""
    client_secret_file: str = ""
    redirect_url: str = ""

    @model_validator(mode="after")
    def _browsers_come_back(self) -> Self:
        if bool(self.client_id) != bool(self.redirect_url):
            raise ValueError("give client_id and redirect_url, or neither")
        if self.redirect_url:
            require_private(self.redirect_url)
            if not self.redirect_url.endswith(CALLBACK):
                raise ValueError(f"redirect_url ends with {CALLBACK}")
        return self


class ServerSettings(Document):
    """The file that AUDITKIT_SERVER names.

    Attributes:
        access: Folder of the access policy, with its seal; or the URL of a database that
            `auditkit access approve --database` writes to: `postgresql+psycopg://host/name`.
        approvers: Names of those whose signature puts a policy into force, each with the
            fingerprints of their statement keys, as `auditkit keys list` shows them. Empty: no
            signature is required.
        log: Where decisions are logged.
        basic: Names and passwords.
        tokens: The file of tokens of service accounts that `auditkit access token create` makes;
            empty: none.
        proxy: A trusted proxy's header.
        oidc: An OpenID Connect issuer.
        trusted_peers: Addresses or networks of proxies that name the client in X-Forwarded-For, so
            that wrong passwords count for the client's address; those of `proxy` count too.
        session_key: A file with 32 random bytes or more, the secret of the page's sessions and
            forms, the same for all servers that show it; empty: one that follows from the log's
            key.
        alert: A program to run at every break-glass, and when a copy of approved files was changed,
            with JSON on its standard input.
        approved: A folder for copies of approved versions, which are served instead of the files
            that they were made of. Servers of one log share it. Nothing else may write there.
        notify: Who is told of requests, approvals, promotions and the like, and of which.
        stream: Where every entry of the log is sent as a line of JSON.
        datasets: A folder of training data to serve, each read decided and logged; empty: none.
    """

    access: Text
    approvers: dict[Text, tuple[Text, ...]] = Field(default_factory=dict)
    log: LogSettings
    basic: BasicSettings | None = None
    tokens: str = ""
    proxy: ProxySettings | None = None
    oidc: OidcSettings | None = None
    trusted_peers: tuple[Text, ...] = ()
    session_key: str = ""
    alert: str = ""
    approved: Text = "approved"
    notify: tuple[ReceiverSettings, ...] = ()
    stream: StreamSettings | None = None
    datasets: str = ""

    @model_validator(mode="after")
    def _somebody_can_come_in(self) -> Self:
        if not (self.basic or self.proxy or self.oidc or self.tokens):
            raise ValueError("give at least one of basic, tokens, proxy and oidc")
        return self

    @field_validator("notify")
    @classmethod
    def _are_events(cls, receivers: tuple[ReceiverSettings, ...]) -> tuple[ReceiverSettings, ...]:
        for receiver in receivers:
            if set(receiver.on) - events.NAMES:
                raise ValueError(f"an event in on is unknown; choose from {_EVENTS}")
        return receivers


def read_settings(path: Path) -> ServerSettings:
    """Reads the server's settings; paths in it are relative to the file.

    Raises:
        PolicyError: If it cannot be read or is wrong.
    """
    remedy = "set AUDITKIT_SERVER to the path of a settings file"
    text = read_text(path, what="server's settings file", kind=PolicyError, remedy=remedy)
    found = parse_document(ServerSettings, text, source=path.name)
    base = path.resolve().parent

    def below(name: str) -> str:
        return str(base / name)

    def located(url: str) -> str:
        prefix = "sqlite:///"
        return prefix + below(url.removeprefix(prefix)) if url.startswith(prefix) else url

    log = {"url": located(found.log.url), "key": below(found.log.key)}
    return found.model_copy(
        update={
            "access": located(found.access) if "://" in found.access else below(found.access),
            "log": found.log.model_copy(update=log),
            "basic": BasicSettings(users=below(found.basic.users)) if found.basic else None,
            "oidc": _oidc_below(found.oidc, base),
            "session_key": below(found.session_key) if found.session_key else "",
            "tokens": below(found.tokens) if found.tokens else "",
            "notify": tuple(
                one.model_copy(
                    update={
                        "secret": below(one.secret) if one.secret else "",
                        "program": below(one.program) if one.program else "",
                    }
                )
                for one in found.notify
            ),
            "stream": found.stream
            and found.stream.model_copy(
                update={"file": below(found.stream.file) if found.stream.file else ""}
            ),
            "alert": below(found.alert) if found.alert else "",
            "approved": below(found.approved),
            "datasets": below(found.datasets) if found.datasets else "",
        }
    )


def _oidc_below(oidc: OidcSettings | None, base: Path) -> OidcSettings | None:
    if oidc is None or not oidc.client_secret_file:
        return oidc
    return oidc.model_copy(update={"client_secret_file": str(base / oidc.client_secret_file)})


def authenticators(
    settings: ServerSettings, *, clock: Callable[[], datetime]
) -> list[Authenticator]:
    """The ways to authenticate that the settings name.

    Args:
        settings: The settings.
        clock: The time, UTC.

    Raises:
        AuditkitError: If one cannot be set up.
    """
    found: list[Authenticator] = []
    if settings.tokens:
        # First: whoever shows a token is held to it, whatever else they show.
        found.append(TokenAuthenticator(Path(settings.tokens), clock=clock))
    if settings.proxy is not None:
        proxy = settings.proxy
        found.append(ProxyAuthenticator(proxy.header, proxy.peers, groups=proxy.groups_header))
    if settings.oidc is not None:
        oidc = settings.oidc
        found.append(
            OidcAuthenticator(
                oidc.issuer, oidc.audience, claim=oidc.claim, groups_claim=oidc.groups_claim
            )
        )
    if settings.basic is not None:
        proxies = settings.proxy.peers if settings.proxy is not None else ()
        trusted = (*settings.trusted_peers, *proxies)
        found.append(BasicAuthenticator(Path(settings.basic.users), trusted=trusted))
    return found
