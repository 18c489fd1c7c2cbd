"""Checks a report's statement and receipt with Python and the `cryptography` package alone.

    pdfdetach -saveall report.pdf -o FOLDER      (or save the attachments with a PDF reader)
    python verify_offline.py FOLDER LOG_KEY STATEMENT_KEY

LOG_KEY is the log's line name+hash+key, STATEMENT_KEY the fingerprint sha256:... of the statement
key; both come from the report's maker through another channel. Exit 0: all true; 12: not. The
PDF's own signature is not checked here: PDF readers and `auditkit verify` do that.
"""

import base64
import hashlib
import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def claim(holds, title):
    print("true " if holds else "FALSE", title)
    if not holds:
        raise ValueError(title)


def check_signature(key, signature, message):  # raises if it is wrong
    if isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, message)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    else:
        key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())


def check_statement(folder, trusted):
    statement = (folder / "statement.json").read_bytes()
    print("      statement sha256:" + sha(statement).hex() + ": compare it with the printed one")
    for evidence in json.loads(statement)["predicate"]["evidence"]:
        for table in evidence["tables"]:
            content = (folder / f"table-{table['name']}.json").read_bytes()
            claim("sha256:" + sha(content).hex() == table["digest"], "table " + table["name"])
    envelope = json.loads((folder / "statement.dsse.json").read_bytes())
    claim(base64.b64decode(envelope["payload"]) == statement, "the envelope holds the statement")
    kind = envelope["payloadType"].encode()
    message = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(statement), statement)
    keys = {
        "sha256:" + sha(s).hex(): (s, base64.b64decode(e["sig"]))
        for e in envelope["signatures"]
        for s in [base64.b64decode(e["publicKey"])]
    }
    claim(trusted in keys, "the envelope is signed by " + trusted)
    check_signature(serialization.load_der_public_key(keys[trusted][0]), keys[trusted][1], message)
    return "sha256:" + sha(statement).hex()


def check_receipt(receipt, digest, name, key):
    text, _, lines = receipt["checkpoint"].rpartition("\n\n")
    text, public = text + "\n", base64.b64decode(key)
    mine = [
        base64.b64decode(x.split(" ")[2]) for x in lines.splitlines() if x.split(" ")[1] == name
    ]
    mine = [s[4:] for s in mine if s[:4] == sha(name.encode() + b"\n" + public)[:4]]
    claim(mine and public[0] == 1, "the checkpoint is signed by " + name)
    check_signature(ed25519.Ed25519PublicKey.from_public_bytes(public[1:]), mine[0], text.encode())
    origin, size, root = text.splitlines()[:3]
    claim(origin == receipt["origin"] and origin.startswith(name), "the checkpoint is this log's")
    leaf = json.dumps(receipt["entry"], sort_keys=True, separators=(",", ":")).encode()
    node, index, last = sha(b"\0", leaf), receipt["entry"]["index"], int(size) - 1
    for sibling in map(bytes.fromhex, receipt["proof"]):  # RFC 9162, section 2.1.3.2
        claim(last > 0 and len(sibling) == 32, "a step of the proof")
        if index % 2 or index == last:
            node = sha(b"\1", sibling, node)
            while not index % 2 and index:
                index, last = index >> 1, last >> 1
        else:
            node = sha(b"\1", node, sibling)
        index, last = index >> 1, last >> 1
    claim(last == 0 and node == base64.b64decode(root), "the entry is in the log")
    payload = json.dumps(
        receipt["payload"], sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    salted = b"auditkit/ledger-payload/v1\0" + bytes.fromhex(receipt["salt"]) + payload.encode()
    claim(
        "sha256:" + sha(salted).hex() == receipt["entry"]["payload"], "the entry is the payload's"
    )
    claim(receipt["payload"]["statement"] == digest, "the entry is this statement's")


try:
    folder, (name, _, key) = Path(sys.argv[1]), sys.argv[2].split("+", 2)
    digest = check_statement(folder, sys.argv[3])
    check_receipt(json.loads((folder / "receipt.json").read_bytes()), digest, name, key)
except IndexError:
    sys.exit(__doc__)
except Exception as error:  # whatever is wrong with the files, the answer is no
    print("FALSE", type(error).__name__, error)
    sys.exit(12)
