"""A writer for the fault tests: appends, and acknowledges each entry on a pipe.

Usage: ledger_writer.py URL KEY.pem HEAD COUNT NAME [--fsize BYTES]

Prints one line per acknowledged entry, "index n", straight to the pipe, or "refused" where the log
refuses an append; then it ends with the code 3.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

from auditkit.errors import LedgerError
from auditkit.ledger import Ledger, NoteSigner


def main() -> int:
    url, key_file, head, count, name = sys.argv[1:6]
    key = NoteSigner.from_pem(Path(key_file).read_bytes(), name="example.com/audit")
    if "--fsize" in sys.argv:
        limit = int(sys.argv[sys.argv.index("--fsize") + 1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        with Ledger.open(url, key=key, head=head) as log:
            os.write(1, b"open\n")
            for n in range(int(count)):
                receipt = log.append(kind="test.entry", payload={"w": name, "n": n})
                os.write(1, b"%d %d\n" % (receipt.index, n))
    except LedgerError as error:
        os.write(1, b"refused\n")
        os.write(2, str(error).encode())
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
