"""The key store: a folder with this machine's keys, readable only by its owner.

    keys.json                   the index: use, state, fingerprint, dates
    report-1.key.pem            PKCS #8, encrypted if the store has a passphrase
    report-1.cert.pem           X.509, for keys that sign reports
    log-1.key.pem, statement-1.key.pem

Laws:
    - Each use has at most one active key. Rotation retires it and makes the next; its signatures
      stay verifiable. A revoked key's later signatures do not verify; whether its earlier ones
      still do depends on why it was revoked (see `Trusted.compromised`).
    - Keys made here vouch for no identity: the report's certificate is named a demonstration
      unless a name is given.
    - Two processes that both need a first key get the same one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, get_args

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from auditkit.canonical import canonical_bytes, parse_json
from auditkit.errors import InputError, KeyFileError
from auditkit.ledger.records.note import NoteSigner, NoteVerifier
from auditkit.signing.certificates import (
    DEMONSTRATION_NAME,
    Trusted,
    fingerprint,
    read_certificates,
    self_signed,
    to_pem,
)
from auditkit.signing.key_folder import KeyFolder
from auditkit.signing.key_records import KeyRecord, Use
from auditkit.signing.private_keys import (
    LocalKey,
    algorithm_of,
    fingerprint_of,
    local_key,
)
from auditkit.signing.signer import Signer

Algorithm = Literal["ecdsa-p256", "ecdsa-p384", "rsa-3072"]

FOLDER_VARIABLE: Final = "AUDITKIT_KEYS"
PASSPHRASE_VARIABLE: Final = "AUDITKIT_PASSPHRASE"  # noqa: S105 - the variable's name
_INDEX: Final = "keys.json"
# The library's limit for a passphrase.
_LONGEST_PASSPHRASE: Final = 1023


class KeyStore:
    """The keys in a folder. Missing ones are made on first use.

    Args:
        folder: Created with mode 0700 if it does not exist.
        passphrase: Encrypts the key files; None: only their mode protects them.

    Raises:
        KeyFileError: From every method, if folder or files are readable by others or damaged, or
            the passphrase does not open them.
    """

    @classmethod
    def default(cls, environment: Mapping[str, str]) -> KeyStore:
        """This user's store.

        Args:
            environment: `AUDITKIT_KEYS` names the folder (default: ~/.config/auditkit);
                `AUDITKIT_PASSPHRASE` is its passphrase.
        """
        given = environment.get(FOLDER_VARIABLE)
        folder = Path(given).expanduser() if given else Path.home() / ".config" / "auditkit"
        return cls(folder, passphrase=environment.get(PASSPHRASE_VARIABLE) or None)

    def __init__(self, folder: str | Path, *, passphrase: bytes | str | None = None) -> None:
        self.folder = Path(folder)
        self._files = KeyFolder(self.folder)
        self._passphrase = passphrase.encode() if isinstance(passphrase, str) else passphrase
        if self._passphrase and len(self._passphrase) > _LONGEST_PASSPHRASE:
            raise KeyFileError(
                f"The passphrase has more than {_LONGEST_PASSPHRASE:,} bytes.",
                remedy="check that its file holds the passphrase and nothing else",
            )

    def report_signer(self) -> Signer:
        """The signer of reports: the active report key with the active statement key."""
        report = self._active("report")
        statement = self._active("statement")
        return Signer.of([self._secret(report), self._secret(statement)], self._chain(report))

    def log_signer(self, name: str) -> NoteSigner:
        """The active key that signs a log's checkpoints.

        Args:
            name: The log's name.
        """
        secret = self._secret(self._active("log")).secret
        assert isinstance(secret, ed25519.Ed25519PrivateKey)
        return NoteSigner.of(secret, name=name)

    @property
    def log_url(self) -> str:
        """The URL of the log that belongs to this store: where audits go unless one is named."""
        return f"sqlite:///{self.folder / 'log.db'}"

    def log_verifiers(self, name: str) -> tuple[NoteVerifier, ...]:
        """The public half of every log key, newest first; revoked keys are marked.

        Args:
            name: The log's name.
        """
        logs = [r for r in self._read_index() if r.use == "log"]
        return tuple(
            replace(
                NoteVerifier.of(name, self._public(record)),
                revoked_at=record.ended if record.state == "revoked" else None,
                compromised=record.compromised,
            )
            for record in reversed(logs)
        )

    def trusted(self) -> tuple[Trusted, ...]:
        """The certificates of this store's report keys; revoked ones are marked."""
        return tuple(
            Trusted(
                certificate=self._chain(record)[0],
                revoked_at=record.ended if record.state == "revoked" else None,
                compromised=record.compromised,
            )
            for record in self._read_index()
            if record.use == "report"
        )

    def records(self) -> tuple[KeyRecord, ...]:
        """Every key, in the order in which they were made. Makes no key."""
        return self._read_index()

    def make(
        self,
        use: Use,
        *,
        at: datetime | None = None,
        name: str | None = None,
        organisation: str = "",
        algorithm: Algorithm = "ecdsa-p256",
        valid_until: datetime | None = None,
    ) -> KeyRecord:
        """Makes the next key of a use and retires the active one.

        Args:
            use: The use of the key: report, statement or log.
            at: The time, with its zone; also the start of the certificate's validity.
            name: The common name in a report key's certificate; None: a demonstration key.
            organisation: The organisation in the certificate.
            algorithm: A report key's algorithm; the others are Ed25519.
            valid_until: End of the certificate's validity; None: no expiry.
        """
        if use not in get_args(Use):
            raise KeyFileError(
                f"The key use {use!r} is unknown.", remedy="use report, statement or log"
            )
        with self._files.locked():
            return self._make(
                use,
                at=at,
                name=name,
                organisation=organisation,
                algorithm=algorithm,
                valid_until=valid_until,
            )

    def revoke(
        self, key_id: str, *, at: datetime, reason: str, compromised: bool = False
    ) -> KeyRecord:
        """Revokes a key: later signatures by it do not verify.

        Args:
            key_id: The key's id, as `records` lists it.
            at: The time of revocation, with its zone.
            reason: Why, in one line.
            compromised: Whether someone else may hold it. Its earlier signatures then count only
                if a timestamp authority attests that they are earlier.

        Raises:
            KeyFileError: If there is no such key, or it is already revoked.
        """
        with self._files.locked():
            records = list(self._read_index())
            position = self._position(records, key_id)
            if records[position].state == "revoked":
                raise KeyFileError(
                    f"The key {key_id} is already revoked.",
                    remedy="leave it as it is; 'auditkit keys list' shows when it was revoked",
                )
            records[position] = replace(
                records[position],
                state="revoked",
                ended=at,
                reason=reason,
                compromised=compromised,
            )
            self._write_index(records)
            return records[position]

    def export_public(self, key_id: str) -> bytes:
        """The public part of a key for an auditor: the certificate or the public key, as PEM.

        Raises:
            KeyFileError: If there is no such key.
        """
        records = self._read_index()
        record = records[self._position(records, key_id)]
        if record.use == "report":
            return b"".join(to_pem(c) for c in self._chain(record))
        public = self._public(record)
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def _active(self, use: Use) -> KeyRecord:
        with self._files.locked():
            for record in self._read_index():
                if record.use == use and record.state == "active":
                    return record
            if any(record.use == use for record in self._read_index()):
                raise KeyFileError(
                    f"The store has no active key for {use}: the last one was revoked.",
                    remedy=f"make the next one: auditkit keys rotate {use}",
                )
            return self._make(use)

    def _make(
        self,
        use: Use,
        *,
        at: datetime | None = None,
        name: str | None = None,
        organisation: str = "",
        algorithm: Algorithm = "ecdsa-p256",
        valid_until: datetime | None = None,
    ) -> KeyRecord:
        records = list(self._read_index())
        number = 1 + sum(r.use == use for r in records)
        key_id = f"{use}-{number}"
        key = LocalKey(_generate(algorithm) if use == "report" else _generate("ed25519"))
        named = fingerprint_of(key.public_key)
        public = key.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        if use == "report":
            certificate = self_signed(
                key,
                name=name or DEMONSTRATION_NAME,
                organisation=organisation,
                valid_from=at,
                valid_until=valid_until,
            )
            named = fingerprint(certificate)
            self._files.write(f"{key_id}.cert.pem", to_pem(certificate))
        else:
            self._files.write(f"{key_id}.pub.pem", public)
        protection = (
            BestAvailableEncryption(self._passphrase) if self._passphrase else NoEncryption()
        )
        self._files.write(
            f"{key_id}.key.pem",
            key.secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection),
        )
        records = [
            replace(r, state="retired", ended=at) if r.use == use and r.state == "active" else r
            for r in records
        ]
        made = KeyRecord(
            id=key_id,
            use=use,
            algorithm=algorithm_of(key.public_key),
            fingerprint=named,
            created=at,
        )
        self._write_index([*records, made])
        return made

    def _position(self, records: list[KeyRecord] | tuple[KeyRecord, ...], key_id: str) -> int:
        for position, record in enumerate(records):
            if record.id == key_id:
                return position
        raise KeyFileError(
            f"The store has no key {key_id!r}.", remedy="'auditkit keys list' shows them"
        )

    def _secret(self, record: KeyRecord) -> LocalKey:
        data = self._files.read(f"{record.id}.key.pem")
        encrypted = b"ENCRYPTED" in data
        try:
            secret = serialization.load_pem_private_key(
                data, self._passphrase if encrypted else None
            )
        except (ValueError, TypeError) as error:
            raise KeyFileError(
                f"The key {record.id} is damaged, or the passphrase does not open it.",
                remedy="give the store's passphrase",
            ) from error
        return local_key(secret)

    def _public(self, record: KeyRecord) -> ed25519.Ed25519PublicKey:
        try:
            key = serialization.load_pem_public_key(self._files.read(f"{record.id}.pub.pem"))
        except ValueError as error:
            raise KeyFileError(f"The public key of {record.id} is damaged.") from error
        assert isinstance(key, ed25519.Ed25519PublicKey)
        return key

    def _chain(self, record: KeyRecord) -> tuple[x509.Certificate, ...]:
        return read_certificates(self._files.read(f"{record.id}.cert.pem"))

    def _read_index(self) -> tuple[KeyRecord, ...]:
        if not (self.folder / _INDEX).exists():
            return ()
        self._files.check()
        data = self._files.read(_INDEX)
        try:
            content = parse_json(data)
            return tuple(KeyRecord.of_json(entry) for entry in content["keys"])
        except (InputError, KeyFileError, KeyError, TypeError) as error:
            raise KeyFileError(
                f"The key store's {_INDEX} is damaged.", remedy="restore it from its backup"
            ) from error

    def _write_index(self, records: list[KeyRecord]) -> None:
        self._files.write(
            _INDEX, canonical_bytes({"version": 1, "keys": [r.to_json() for r in records]})
        )


def _generate(
    algorithm: Algorithm | Literal["ed25519"],
) -> ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    if algorithm == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == "rsa-3072":
        return rsa.generate_private_key(public_exponent=65537, key_size=3072)
    return ec.generate_private_key(ec.SECP384R1() if algorithm == "ecdsa-p384" else ec.SECP256R1())
