"""Random tokens in place of values, and the way back for those who may.

A token is drawn at random and tells nothing of its value: a re-identification code as 45 CFR
164.514(c) allows it, as long as the vault stays apart from the data. The vault is one SQLite file;
values in it are encrypted with AES-256-GCM, and found again by a keyed digest, both under keys
derived from the caller's. Whoever has the file and no key learns how many values there are.

Re-identification is a step of its own: it is written down before a value is given out.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, Self

from auditkit.errors import AccessDeniedError, InputError, KeyFileError, OutputError

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS vault_check (
    id INTEGER PRIMARY KEY CHECK (id = 1), nonce BLOB, seal BLOB
);
CREATE TABLE IF NOT EXISTS tokens (
    token TEXT PRIMARY KEY, kind TEXT NOT NULL, lookup BLOB NOT NULL UNIQUE,
    nonce BLOB NOT NULL, sealed BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS reidentifications (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, by TEXT NOT NULL,
    purpose TEXT NOT NULL, tokens INTEGER NOT NULL, allowed INTEGER NOT NULL, ruling TEXT NOT NULL
);
"""
_CHECK: Final = b"auditkit vault v1"
_KEY_BYTES: Final = 32
_TOKEN_BYTES: Final = 10


class Ruling(Protocol):
    """What access control said, as `auditkit.access.Decision` does."""

    @property
    def user(self) -> str:
        """Who asked."""

    @property
    def allowed(self) -> bool:
        """Whether they may."""

    @property
    def reason(self) -> str:
        """Why, or why not."""

    @property
    def policy_digest(self) -> object:
        """The policy that was in force."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reidentification:
    """One request, as it is written down before anything is given out.

    Attributes:
        at: When, by ISO 8601.
        by: Who.
        purpose: Why they asked.
        tokens: For how many tokens.
        allowed: Whether they were let.
        ruling: Access control's reason and the digest of its policy.
    """

    at: str
    by: str
    purpose: str
    tokens: int
    allowed: bool
    ruling: str


def read_key(text: str | bytes) -> bytes:
    """A vault key of 32 bytes, written as 64 hexadecimal digits, or the bytes themselves.

    Args:
        text: What the key's file holds, not its name.

    Raises:
        KeyFileError: If it is anything else.
    """
    if isinstance(text, bytes) and len(text) == _KEY_BYTES:
        return text
    try:
        key = bytes.fromhex(text if isinstance(text, str) else text.decode())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise KeyFileError(
            "A vault key is 32 bytes, written as 64 hexadecimal digits.",
            remedy="make one with: openssl rand -hex 32 > vault.key",
        )
    return key


class Vault:
    """Tokens and their encrypted values in one SQLite file.

    Args:
        path: The file; made if it is not there.
        key: 32 bytes, as `read_key` gives them. Keep it apart from the file.

    Raises:
        KeyFileError: If the file was made with another key.
        OutputError: If the file cannot be opened or is no vault.
    """

    def __init__(self, path: str | Path, key: bytes) -> None:
        self._sealing, self._finding = _derived(key)
        try:
            # Made for its owner alone; its journals take the file's mode.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._database = sqlite3.connect(path, isolation_level=None)
            self._database.execute("PRAGMA journal_mode = DELETE")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.executescript(_TABLES)
        except (OSError, sqlite3.Error) as error:
            raise OutputError(
                f"The vault {Path(path).name} cannot be opened.",
                remedy="name a file that is a vault, or none, in a folder that can be written",
            ) from error
        self._check_key()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    def tokens(self, kind: str, values: Iterable[str]) -> dict[str, str]:
        """A token for each value of a kind: the one it has, or a new one. All or none are kept."""
        found: dict[str, str] = {}
        with closing(self._database.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                for value in values:
                    if value not in found:
                        found[value] = self._token(cursor, kind, value)
                cursor.execute("COMMIT")
            except BaseException:
                cursor.execute("ROLLBACK")
                raise
        return found

    def reveal(
        self,
        tokens: Iterable[str],
        *,
        purpose: str,
        at: str,
        ruling: Ruling,
    ) -> dict[str, str]:
        """The values of tokens, after writing down who asked, when and why.

        Args:
            tokens: Tokens of this vault.
            purpose: Why; not empty.
            at: When, by ISO 8601.
            ruling: What access control says of whoever asks, for the verb `vault:reveal` on this
                vault: `access.decide(user, "vault:reveal", vault_object(name))`.

        Raises:
            AccessDeniedError: If it is a denial. The request is written down all the same.
            InputError: If a token is unknown, or no purpose is given.
        """
        wanted = list(tokens)
        if not purpose.strip():
            raise InputError("Re-identification needs a purpose.", remedy="say why, in one line")
        self._write_down(
            "INSERT INTO reidentifications (at, by, purpose, tokens, allowed, ruling) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (
                *(at, ruling.user, purpose, len(wanted), ruling.allowed),
                f"{ruling.reason}; policy {ruling.policy_digest}",
            ),
        )
        if not ruling.allowed:
            raise AccessDeniedError(
                f"Access control does not let this person re-identify: {ruling.reason}.",
                remedy="ask for the role privacy-officer; the request has been written down",
            )
        values = {}
        for token in wanted:
            row = self._database.execute(
                "SELECT nonce, sealed FROM tokens WHERE token = ?", (token,)
            ).fetchone()
            if row is None:
                raise InputError(
                    "One of the tokens is not in this vault.",
                    remedy="check that it is whole, and that the vault is the one it came from",
                )
            values[token] = self._open(row[0], row[1], token)
        return values

    def log(self) -> list[Reidentification]:
        """Every request for re-identification, denied ones too, in order."""
        rows = self._database.execute(
            "SELECT at, by, purpose, tokens, allowed, ruling FROM reidentifications ORDER BY number"
        )
        return [
            Reidentification(
                at=at, by=by, purpose=purpose, tokens=tokens, allowed=bool(allowed), ruling=ruling
            )
            for at, by, purpose, tokens, allowed, ruling in rows
        ]

    def rotate(self, new_key: bytes) -> int:
        """Encrypts everything under a new key; tokens stay. Returns the number of values.

        All in one transaction: after a crash the vault opens with the old key or with the new.
        """
        old = self._sealing, self._finding
        rows = self._database.execute("SELECT token, kind, nonce, sealed FROM tokens").fetchall()
        plain = [
            (token, kind, self._open(nonce, sealed, token)) for token, kind, nonce, sealed in rows
        ]
        self._database.execute("BEGIN IMMEDIATE")
        try:
            self._sealing, self._finding = _derived(new_key)
            for token, kind, value in plain:
                self._database.execute(
                    "UPDATE tokens SET lookup = ?, nonce = ?, sealed = ? WHERE token = ?",
                    (self._lookup(kind, value), *self._seal(value.encode(), token), token),
                )
            self._database.execute(
                "UPDATE vault_check SET nonce = ?, seal = ?", self._seal(_CHECK, "")
            )
            self._database.execute("COMMIT")
        except BaseException:
            self._database.execute("ROLLBACK")
            self._sealing, self._finding = old
            raise
        return len(plain)

    def _write_down(self, statement: str, values: tuple[object, ...]) -> None:
        try:
            self._database.execute(statement, values)
        except sqlite3.Error as error:
            raise OutputError(
                "The request could not be written down, so nothing is given out.",
                remedy="see that the vault's file can be written and the disk has room",
            ) from error

    def _check_key(self) -> None:
        from cryptography.exceptions import InvalidTag

        row = self._database.execute("SELECT nonce, seal FROM vault_check").fetchone()
        if row is None:
            self._database.execute(
                "INSERT INTO vault_check (id, nonce, seal) VALUES (1, ?, ?)", self._seal(_CHECK, "")
            )
            return
        try:
            self._open(row[0], row[1], "")
        except InvalidTag as error:
            self._database.close()
            raise KeyFileError(
                "The key does not open this vault.", remedy="give the key it was made with"
            ) from error

    def _token(self, cursor: sqlite3.Cursor, kind: str, value: str) -> str:
        lookup = self._lookup(kind, value)
        row = cursor.execute("SELECT token FROM tokens WHERE lookup = ?", (lookup,)).fetchone()
        if row is not None:
            return str(row[0])
        token = f"{kind}-{secrets.token_hex(_TOKEN_BYTES)}"
        cursor.execute(
            "INSERT INTO tokens (token, kind, lookup, nonce, sealed) VALUES (?, ?, ?, ?, ?)",
            (token, kind, lookup, *self._seal(value.encode(), token)),
        )
        return token

    def _lookup(self, kind: str, value: str) -> bytes:
        return hmac.digest(self._finding, f"{kind}\0{value}".encode(), hashlib.sha256)

    def _seal(self, content: bytes, token: str) -> tuple[bytes, bytes]:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(12)
        # The token is authenticated with the value, so that values cannot change places.
        return nonce, AESGCM(self._sealing).encrypt(nonce, content, token.encode())

    def _open(self, nonce: bytes, sealed: bytes, token: str) -> str:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(self._sealing).decrypt(nonce, sealed, token.encode()).decode()


def _derived(key: bytes) -> tuple[bytes, bytes]:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    key = read_key(key)

    def derive(purpose: bytes) -> bytes:
        return HKDF(SHA256(), _KEY_BYTES, None, b"auditkit/vault/v1/" + purpose).derive(key)

    return derive(b"seal"), derive(b"find")
