"""The key store: a folder with this machine's keys, readable by its owner alone.

    keys.json                   what there is: use, state, fingerprint, dates
    report-1.key.pem            PKCS #8, encrypted if the store has a passphrase
    report-1.cert.pem           X.509, for keys that sign reports
    log-1.key.pem, statement-1.key.pem

Laws:
    - Each use has at most one active key. Rotation retires it and makes the next; what it signed
      stays verifiable. A revoked key's later signatures do not verify; whether its earlier ones
      still do depends on why it was revoked (see `Trusted.compromised`).
    - Keys made here vouch for no one: the report's certificate is named as a demonstration
      unless a name is given.
    - Two processes that both want a first key get the same.
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
    accepted_secret,
    algorithm_of,
    fingerprint_of,
)
from auditkit.signing.signer import Signer

Algorithm = Literal["ecdsa-p256", "ecdsa-p384", "rsa-3072"]

FOLDER_VARIABLE: Final = "AUDITKIT_KEYS"
PASSPHRASE_VARIABLE: Final = "AUDITKIT_PASSPHRASE"  # noqa: S105 - the variable's name
_INDEX: Final = "keys.json"
# What the library encrypts a key file with.
_LONGEST_PASSPHRASE: Final = 1023


class KeyStore:
    """The keys in a folder. Missing ones are made on first use.

    Args:
        folder: Made with mode 0700 if it does not exist.
        passphrase: Encrypts the key files; None: they are protected by their mode alone.

    Raises:
        KeyFileError: From every method, if folder or files are readable by others, damaged, or
            not opened by the passphrase.
    """

    @classmethod
    def default(cls, environment: Mapping[str, str]) -> KeyStore:
        """This user's own store.

        Args:
            environment: `AUDITKIT_KEYS` names the folder, else it is ~/.config/auditkit;
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
        """The active key for a log's checkpoints.

        Args:
            name: The log's.
        """
        secret = self._secret(self._active("log")).secret
        assert isinstance(secret, ed25519.Ed25519PrivateKey)
        return NoteSigner.of(secret, name=name)

    def log_verifiers(self, name: str) -> tuple[NoteVerifier, ...]:
        """The public half of every log key, newest first, with those that were revoked marked.

        Args:
            name: The log's.
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
        """The certificates of this store's report keys, with those that were revoked marked."""
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
        """Every key, in the order in which they were made. Makes none."""
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
            use: What it is for.
            at: When it is made, with its zone; also the start of the certificate's validity.
            name: The common name in a report key's certificate; None: a demonstration key.
            organisation: The organisation in it.
            algorithm: Of a report key; the others are Ed25519.
            valid_until: End of the certificate's validity; None: it has none.
        """
        if use not in get_args(Use):
            raise KeyFileError(
                f"There are no keys for {use!r}.", remedy="use report, statement or log"
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
        """Ends a key: what it signs from then on does not verify.

        Args:
            key_id: As `records` lists it.
            at: From when on, with its zone.
            reason: Why, in one line.
            compromised: Whether someone else may hold it. Its earlier signatures then count only
                where a timestamp authority attests that they are earlier.

        Raises:
            KeyFileError: If there is no such key, or it is revoked already.
        """
        with self._files.locked():
            records = list(self._read_index())
            position = self._position(records, key_id)
            if records[position].state == "revoked":
                raise KeyFileError(f"The key {key_id} is revoked already.")
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
        """What an auditor needs of a key: the certificate, or the public key, as PEM.

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
        return accepted_secret(secret)

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
