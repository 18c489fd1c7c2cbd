"""The page's settings: a key that all servers of one log share, and a client of the provider."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditkit.errors import InputError, PolicyError
from auditkit.ledger import NoteSigner
from auditkit.mlflow_guard.serve.paging import code_flow, seal_key
from auditkit.mlflow_guard.serve.settings import ServerSettings, read_settings

OIDC = "issuer: 'https://login.example', audience: mlflow"


def settings(folder: Path, lines: str) -> ServerSettings:
    path = folder / "server.yaml"
    path.write_text(f"access: access\nlog: {{url: 'sqlite:///l.db', key: keys}}\n{lines}\n")
    return read_settings(path)


def private(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def test_the_key_follows_from_the_logs_key_or_from_a_file(tmp_path: Path):
    signer, other = (NoteSigner.generate("test.local/log") for _ in range(2))
    plain = settings(tmp_path, "basic: {users: users.json}")
    assert seal_key(plain, signer) == seal_key(plain, signer)
    assert seal_key(plain, signer) != seal_key(plain, other)
    assert len(seal_key(plain, signer)) == 32
    own = settings(tmp_path, "basic: {users: users.json}\nsession_key: session.key")
    with pytest.raises(InputError, match="cannot be read"):
        seal_key(own, signer)
    key = private(tmp_path, "session.key", bytes(31))
    with pytest.raises(InputError, match="fewer than 32"):
        seal_key(own, signer)
    key.write_bytes(bytes(32))
    assert seal_key(own, signer) == seal_key(own, other)
    key.chmod(0o640)
    with pytest.raises(InputError, match="readable by others"):
        seal_key(own, signer)


def test_a_client_of_the_provider_is_named_whole_or_not_at_all(tmp_path: Path):
    back = "redirect_url: 'https://mlflow.example/ml/auditkit/callback'"
    assert code_flow(settings(tmp_path, f"oidc: {{{OIDC}}}").oidc) is None
    found = settings(tmp_path, f"oidc: {{{OIDC}, client_id: page, {back}}}")
    public = code_flow(found.oidc)
    assert public is not None
    assert (public.client.client_secret, public.client.host) == ("", "login.example")
    for wrong in (
        "client_id: page",
        back,
        "client_id: page, redirect_url: 'http://mlflow.example/auditkit/callback'",
        "client_id: page, redirect_url: 'https://mlflow.example/auditkit'",
    ):
        with pytest.raises(PolicyError):
            settings(tmp_path, f"oidc: {{{OIDC}, {wrong}}}")
    named = f"oidc: {{{OIDC}, client_id: page, client_secret_file: secret, {back}}}"
    with pytest.raises(InputError, match="cannot be read"):
        code_flow(settings(tmp_path, named).oidc)
    private(tmp_path, "secret", b"of the client\n")
    known = code_flow(settings(tmp_path, named).oidc)
    assert known is not None
    assert known.client.client_secret == "of the client"
