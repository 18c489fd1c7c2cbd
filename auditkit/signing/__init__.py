"""Keys and signatures: who says so, and how anyone can check that they did.

`KeyStore` keeps this machine's keys; `Signer` signs a report and its statement with them, with a
key file, with a token (PKCS#11) or with a service; `dsse` wraps statements; `TimestampAuthority`
attests times. Checking is `auditkit.verification`'s, which needs none of the secrets.
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
