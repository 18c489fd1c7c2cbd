"""Checks a report's statement and receipt with Python and the `cryptography` package alone.

    pdfdetach -saveall report.pdf -o FOLDER      (or save the attachments with a PDF reader)
    python verify_offline.py FOLDER LOG_KEY STATEMENT_KEY

LOG_KEY is the log's line name+hash+key, STATEMENT_KEY the fingerprint sha256:... of the statement
key; both come from the report's maker through another channel. Exit 0: all true; 12: not. The
PDF's own signature is not checked here: PDF readers and `auditkit verify` do that.
"""
import hashlib, json, sys
from base64 import b64decode, b64encode
from pathlib import Path
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding

def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

def claim(holds, title):
    print("true " if holds else "FALSE", ascii(title)[1:-1])
    if not holds:
        raise ValueError("the claim above")

def check_signature(key, signature, message):  # raises if it is wrong
    scheme = (padding.PKCS1v15(), hashes.SHA256())
    if isinstance(key, (ed25519.Ed25519PublicKey, ec.EllipticCurvePublicKey)):
        scheme = () if isinstance(key, ed25519.Ed25519PublicKey) else (ec.ECDSA(hashes.SHA256()),)
    key.verify(signature, message, *scheme)

def check_statement(folder, trusted):
    statement = (folder / "statement.json").read_bytes()
    digest = "sha256:" + sha(statement).hex()
    print("      statement " + digest + ": compare it with the printed one")
    envelope = json.loads((folder / "statement.dsse.json").read_bytes())
    kind = b"application/vnd.in-toto+json"
    claim(b64encode(statement).decode() == envelope["payload"], "the envelope holds the statement")
    keys = {"sha256:" + sha(b64decode(e["publicKey"])).hex(): e for e in envelope["signatures"]}
    claim(trusted in keys, "the envelope names the key " + trusted)
    key = serialization.load_der_public_key(b64decode(keys[trusted]["publicKey"]))
    message = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(statement), statement)
    check_signature(key, b64decode(keys[trusted]["sig"]), message)
    claim(True, "that key signed the statement")
    for table in [t for e in json.loads(statement)["predicate"]["evidence"] for t in e["tables"]]:
        content = (folder / ("table-" + table["name"] + ".json")).read_bytes()
        claim("sha256:" + sha(content).hex() == table["digest"], "table " + table["name"])
    return digest

def check_receipt(receipt, digest, name, key):
    text, _, lines = receipt["checkpoint"].rpartition("\n\n")
    text, public, entry = text + "\n", b64decode(key), receipt["entry"]
    mine = [b64decode(x.split(" ")[2]) for x in lines.splitlines() if x.split(" ")[1] == name]
    mine = [s[4:] for s in mine if s[:4] == sha(name.encode() + b"\n" + public)[:4]]
    claim(mine and public[0] == 1, "the checkpoint names the log's key")
    check_signature(ed25519.Ed25519PublicKey.from_public_bytes(public[1:]), mine[0], text.encode())
    claim(True, "that key signed the checkpoint")
    origin, size, root = text.splitlines()[:3]
    ours = origin == name or origin.rpartition("/")[0] == name  # a later segment of the same log
    claim(ours and origin == receipt["origin"], "the checkpoint is this log's")
    leaf = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()
    node, index, last = sha(b"\0", leaf), entry["index"], int(size) - 1
    for sibling in map(bytes.fromhex, receipt["proof"]):  # RFC 9162, section 2.1.3.2
        claim(last > 0 and len(sibling) == 32, "a step of the proof")
        if index % 2 or index == last:
            node = sha(b"\1", sibling, node)
            while not index % 2 and index:
                index, last = index >> 1, last >> 1
        else:
            node = sha(b"\1", node, sibling)
        index, last = index >> 1, last >> 1
    claim(last == 0 and node == b64decode(root), "the entry is in the log")
    said = json.dumps(receipt["payload"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    salted = sha(b"auditkit/ledger-payload/v1\0", bytes.fromhex(receipt["salt"]), said.encode())
    claim("sha256:" + salted.hex() == entry["payload"], "the entry is the payload's")
    claim((entry["kind"], receipt["payload"]["statement"]) == ("audit.statement", digest),
          "the entry is this statement's")

try:
    folder, (name, _, key) = Path(sys.argv[1]), sys.argv[2].split("+", 2)
    digest = check_statement(folder, sys.argv[3])
    check_receipt(json.loads((folder / "receipt.json").read_bytes()), digest, name, key)
except IndexError:
    sys.exit(__doc__)
except Exception as error:  # whatever is wrong with the files, the answer is no
    print("FALSE", type(error).__name__, ascii(str(error)))
    sys.exit(12)
