"""Checks a report's statement and receipt with Python and the `cryptography` package alone.

    pdfdetach -saveall report.pdf -o FOLDER      (or save the attachments with a PDF reader)
    python verify_offline.py FOLDER LOG_KEY STATEMENT_KEY

Get LOG_KEY (name+hash+key) and STATEMENT_KEY (sha256:...) from the report's maker through another
channel. Exit 0: all true; 12: not. The PDF's own signature is for readers and `auditkit verify`.
"""
import hashlib, json, pathlib, sys
from base64 import b64decode
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding

def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

def claim(holds, title):
    print("true " if holds else "FALSE", ascii(title)[1:-1])
    holds or sys.exit(12)

def claim_signed(key, signature, message, title):
    rsa, ecdsa = (padding.PKCS1v15(), hashes.SHA256()), (ec.ECDSA(hashes.SHA256()),)
    scheme = ecdsa if isinstance(key, ec.EllipticCurvePublicKey) else rsa
    key.verify(signature, message, *(() if isinstance(key, ed25519.Ed25519PublicKey) else scheme))
    claim(True, title)  # or verify would have raised

def root_of(node, index, size, proof):  # RFC 9162, section 2.1.3, from the root downwards
    if size < 2:
        return node if (size, index, proof) == (1, 0, []) else b""
    *lower, sibling = proof
    split = 1 << ((size - 1).bit_length() - 1)  # the largest power of two below the size
    if index < split:
        return sha(b"\1", root_of(node, index, split, lower), bytes.fromhex(sibling))
    return sha(b"\1", bytes.fromhex(sibling), root_of(node, index - split, size - split, lower))

def check_statement(folder, trusted):
    statement = (folder / "statement.json").read_bytes()
    digest = "sha256:" + sha(statement).hex()
    envelope = json.loads((folder / "statement.dsse.json").read_bytes())
    claim(b64decode(envelope["payload"]) == statement, "the envelope holds the statement " + digest)
    keys = {"sha256:" + sha(b64decode(e["publicKey"])).hex(): e for e in envelope["signatures"]}
    claim(trusted in keys, "the envelope names the key " + trusted)
    key = serialization.load_der_public_key(b64decode(keys[trusted]["publicKey"]))
    message = b"DSSEv1 28 application/vnd.in-toto+json %d %b" % (len(statement), statement)
    claim_signed(key, b64decode(keys[trusted]["sig"]), message, "that key signed the statement")
    for table in [t for e in json.loads(statement)["predicate"]["evidence"] for t in e["tables"]]:
        content = (folder / ("table-" + table["name"] + ".json")).read_bytes()
        claim("sha256:" + sha(content).hex() == table["digest"], "table " + table["name"])
    return digest

def check_receipt(receipt, digest, name, key_id, key):
    text, _, lines = receipt["checkpoint"].rpartition("\n\n")
    mine = [s[4:] for s in map(b64decode, lines.split()[2::3]) if s[:4].hex() == key_id]
    claim(mine and key[0] == 1, "the checkpoint names the log's key")
    public = ed25519.Ed25519PublicKey.from_public_bytes(key[1:])
    claim_signed(public, mine[0], text.encode() + b"\n", "that key signed the checkpoint")
    (origin, size, root), entry = text.splitlines()[:3], receipt["entry"]
    names = {origin, *(origin.rsplit("/", n)[0] for n in (1, 2))}  # of a log under it, a segment
    claim(name in names and origin == receipt["origin"], "the checkpoint is this log's")
    found = root_of(sha(b"\0", canonical(entry)), entry["index"], int(size), receipt["proof"])
    claim(found == b64decode(root), "the entry is in the log")
    payload, salt = receipt["payload"], bytes.fromhex(receipt["salt"])
    salted = "sha256:" + sha(b"auditkit/ledger-payload/v1\0", salt, canonical(payload)).hex()
    claim((entry["kind"], entry["payload"]) == ("audit.statement", salted), "it holds a statement")
    claim(payload["statement"] == digest, "the payload is this statement's")

len(sys.argv) == 4 or sys.exit(__doc__)
try:
    folder, (name, key_id, key) = pathlib.Path(sys.argv[1]), sys.argv[2].split("+", 2)
    digest, receipt = check_statement(folder, sys.argv[3]), (folder / "receipt.json").read_bytes()
    check_receipt(json.loads(receipt), digest, name, key_id, b64decode(key))
except Exception as error:  # whatever is wrong with the files, the answer is no
    claim(False, type(error).__name__ + " " + str(error))
