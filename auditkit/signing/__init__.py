"""Keys and signatures.

`KeyStore` keeps this machine's keys; `Signer` signs a report and its statement with them, with a
key file, with a token (PKCS#11) or with a service; `dsse` wraps statements; `TimestampAuthority`
attests times. `auditkit.verification` checks signatures and needs no secrets.
"""

from auditkit.signing.certificates import Trusted
from auditkit.signing.key_records import KeyRecord
from auditkit.signing.keys import KeyStore
from auditkit.signing.private_keys import LocalKey, PrivateKey
from auditkit.signing.signer import Signer
from auditkit.signing.timestamps import TimestampAuthority

__all__ = [
    "KeyRecord",
    "KeyStore",
    "LocalKey",
    "PrivateKey",
    "Signer",
    "TimestampAuthority",
    "Trusted",
]
