"""Laws of the log over random histories, with a list of entries as the whole of the oracle.

The machine appends, batches, reopens, publishes, destroys, and rolls the database back; after each
step the log is what the list says, every kept receipt and checkpoint still holds, and a database
restored from before is refused.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from auditkit.canonical import canonical_bytes
from auditkit.errors import VerificationError
from auditkit.ledger import Ledger, NoteSigner, open_checkpoint, verify_receipt
from auditkit.ledger.keep.payload_jobs import destroy
from auditkit.merkle import verify_consistency

KEY = NoteSigner.generate("example.com/audit")
START = datetime(2026, 1, 1, tzinfo=UTC)
payloads = st.dictionaries(
    st.text(max_size=4),
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(max_size=5)
    | st.floats(-9, 9),
    max_size=3,
)


def naive_root(leaves):
    """RFC 9162, 2.1.1, as it stands there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


class History(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp())
        self.now = START
        self.entries = []  # What the log has to hold: (leaf bytes, payload or None).
        self.receipts = []
        self.checkpoints = []
        self.open()

    def open(self):
        url = f"sqlite:///{self.folder}/a.db"
        self.log = Ledger.open(url, key=KEY, clock=lambda: self.now)

    def teardown(self):
        self.log.close()
        shutil.rmtree(self.folder)

    def took(self, receipt, payload):
        assert receipt.index == len(self.entries)
        self.entries.append((canonical_bytes(receipt.entry.leaf()), payload))
        self.receipts.append(receipt)

    @rule(payload=payloads)
    def append(self, payload):
        self.took(self.log.append(kind="test.entry", payload=payload), payload)

    @rule(payload=payloads, writers=st.integers(2, 5))
    def append_side_by_side(self, payload, writers):
        with ThreadPoolExecutor(writers) as pool:
            found = pool.map(
                lambda _: self.log.append(kind="test.entry", payload=payload), range(writers)
            )
        for receipt in sorted(found, key=lambda r: r.index):
            self.took(receipt, payload)

    @rule(hours=st.integers(-200, 200))
    def the_clock_is_set(self, hours):
        before = self.now
        self.now += timedelta(hours=hours)
        if self.entries and self.log.prove(len(self.entries) - 1).entry.time > self.now:
            self.now = before  # Tested by itself: it adds a note to the log.

    @rule()
    def close_and_open(self):
        self.log.close()
        self.open()

    @rule()
    def publish(self):
        self.checkpoints.append(self.log.checkpoint())

    @precondition(lambda self: self.entries)
    @rule(data=st.data())
    def destroy(self, data):
        left = [
            n for n, (leaf, p) in enumerate(self.entries) if p is not None and b'"test.' in leaf
        ]
        if not left:
            return
        gone = data.draw(st.lists(st.sampled_from(left), min_size=1, max_size=4, unique=True))
        done = destroy(self.log, gone, by="x", reason="request", now=self.now, before_due=True)
        for index in gone:
            self.entries[index] = (self.entries[index][0], None)
        assert done.index == len(self.entries)
        self.took(self.log.prove(done.index), self.log.prove(done.index).entry.payload)

    @precondition(lambda self: self.entries)
    @rule(payload=payloads)
    def an_old_database_is_put_in_place(self, payload):
        self.log.close()
        shutil.copy(self.folder / "a.db", self.folder / "old.db")
        self.open()
        self.append(payload)
        self.log.close()
        shutil.copy(self.folder / "a.db", self.folder / "new.db")
        shutil.copy(self.folder / "old.db", self.folder / "a.db")
        with pytest.raises(VerificationError, match="rolled back"):
            self.open()
        shutil.copy(self.folder / "new.db", self.folder / "a.db")
        self.open()

    @invariant()
    def it_is_what_the_list_says(self):
        leaves = [leaf for leaf, _ in self.entries]
        report = self.log.verify()
        assert (report.size, report.root) == (len(leaves), naive_root(leaves))
        found = list(self.log.entries())
        assert [canonical_bytes(entry.leaf()) for entry in found] == leaves
        for entry, (_, payload) in zip(found, self.entries, strict=True):
            expected = None if payload is None else canonical_bytes(payload)
            assert entry.body == expected
        now = open_checkpoint(report.checkpoint, [KEY.verifier])
        for receipt in self.receipts[-6:]:
            verify_receipt(receipt, KEY.verifier)
        for note in self.checkpoints[-4:]:
            then = open_checkpoint(note, [KEY.verifier])
            if then.size:
                proof = self.log.prove_consistency(then.size)
                verify_consistency(then.size, now.size, proof, then.root, now.root)


TestHistory = History.TestCase
TestHistory.settings = settings(max_examples=12, stateful_step_count=15, deadline=None)
