"""A witness signs a log that grew, and nothing else: by file, and over HTTP on loopback."""

from __future__ import annotations

import contextlib
import shutil
import threading
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit import merkle
from auditkit.errors import InputError, LedgerError, VerificationError
from auditkit.ledger import Checkpoint, Ledger, NoteSigner, verify_cosignatures, verify_receipt
from auditkit.ledger.witness.http import (
    RemoteWitness,
    submit,
    submit_to_all,
    witness_server,
)
from auditkit.ledger.witness.protocol import (
    RefusalError,
    Witness,
    keep_cosignature,
    last_cosigned,
    read_request,
    request_for,
    request_text,
)

KEY = NoteSigner.generate("example.com/audit")
W1 = NoteSigner.generate("witness.example/w1")
W2 = NoteSigner.generate("witness.example/w2")
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
LEAVES = [merkle.leaf_hash(b"%d" % n) for n in range(40)]
FORK = [*LEAVES[:5], merkle.leaf_hash(b"other"), *LEAVES[6:]]


@pytest.fixture
def witness(tmp_path):
    folder = tmp_path / "witness"
    return Witness(signer=W1, logs=[KEY.verifier], folder=folder, clock=lambda: NOON)


@pytest.fixture
def log(tmp_path):
    with Ledger.open(f"sqlite:///{tmp_path}/a.db", key=KEY) as opened:
        yield opened


def asked(old, new, leaves=LEAVES, signer=KEY, origin=None):
    root = merkle.root(leaves[:new])
    body = Checkpoint(origin=origin or signer.name, size=new, root=root).body()
    proof = merkle.consistency_proof(leaves, old, new) if old and old <= new else ()
    return request_text(old_size=old, proof=proof, checkpoint=signer.sign(body))


def refused(witness, request):
    with pytest.raises(RefusalError) as error:
        witness.sign(request)
    return error.value.status, error.value.known_size


def test_a_log_that_grows_is_signed_with_the_time(witness):
    for old, new in [(0, 0), (0, 3), (3, 3), (3, 8), (8, 40)]:
        request = asked(old, new)
        note = read_request(request)[2]
        (signed,) = verify_cosignatures(
            note + witness.sign(request), [W1.witness_verifier, W2.witness_verifier], quorum=1
        )
        assert signed.seconds == int(NOON.timestamp())
        assert witness.known(KEY.name) == note


def test_what_is_refused_and_with_which_status(witness):
    witness.sign(asked(0, 10))
    other = NoteSigner.generate("example.com/other")
    assert refused(witness, asked(10, 20, leaves=FORK)) == (422, None)
    assert refused(witness, asked(10, 10, leaves=FORK)) == (409, 10)
    assert refused(witness, asked(0, 20)) == (409, 10)
    assert refused(witness, asked(5, 20)) == (409, 10)
    assert refused(witness, asked(5, 5)) == (409, 10)  # It shrank.
    assert refused(witness, asked(10, 9)) == (400, None)
    assert refused(witness, asked(10, 20, signer=other)) == (404, None)
    impostor = NoteSigner.generate(KEY.name)
    assert refused(witness, asked(10, 20, signer=impostor)) == (403, None)
    cut = asked(10, 20).split("\n")
    assert refused(witness, "\n".join([cut[0], *cut[2:]])) == (422, None)
    for text in ("", "old", "old 1", asked(10, 20).replace("old 10", "old 010"), "old -1\n\n"):
        assert refused(witness, text) == (400, None)
    assert Checkpoint.parse(witness.known(KEY.name).partition("\n\n")[0] + "\n").size == 10
    witness.sign(asked(10, 20))


def test_it_remembers_across_restarts_and_logs_apart(tmp_path, witness):
    witness.sign(asked(0, 10))
    again = Witness(signer=W1, logs=[KEY.verifier], folder=tmp_path / "witness", clock=lambda: NOON)
    assert refused(again, asked(0, 20)) == (409, 10)
    again.sign(asked(0, 4, origin=f"{KEY.name}/2"))
    again.sign(asked(10, 20))


def test_it_does_not_sign_what_it_cannot_remember(tmp_path, witness):
    shutil.rmtree(tmp_path / "witness")
    with pytest.raises(LedgerError, match="cannot use its folder"):
        witness.sign(asked(0, 10))


def test_of_many_requests_at_once_one_line_of_history_is_signed(witness):
    done = []

    def ask(leaves):
        try:
            done.append(witness.sign(asked(0, 20, leaves=leaves)))
        except RefusalError as error:
            done.append(error.status)

    threads = [threading.Thread(target=ask, args=(LEAVES if n % 2 else FORK,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(one, str) for one in done) == 1
    assert done.count(409) == 7


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.booleans()), max_size=12))
def test_no_sequence_of_requests_gets_two_histories_signed(tmp_path_factory, requests):
    folder = tmp_path_factory.mktemp("w")
    witness = Witness(signer=W1, logs=[KEY.verifier], folder=folder, clock=lambda: NOON)
    signed = [(0, merkle.EMPTY_ROOT)]
    for old, new, fork in requests:
        leaves = FORK if fork else LEAVES
        try:
            witness.sign(asked(old, new, leaves=leaves))
        except RefusalError:
            continue
        signed.append((new, merkle.root(leaves[:new])))
    assert [size for size, _ in signed] == sorted(size for size, _ in signed)
    for history in (LEAVES, FORK):
        if all(root == merkle.root(history[:size]) for size, root in signed):
            break
    else:
        pytest.fail("two histories were signed")


def test_by_file_as_without_a_network(witness, log):
    for n in range(5):
        log.append(kind="test.entry", payload={"n": n})
    request = request_for(log, old_size=last_cosigned(log, W1.witness_verifier))
    answer = witness.sign(request)
    log.append(kind="test.entry", payload={})
    note = keep_cosignature(log, request, answer, W1.witness_verifier)
    assert last_cosigned(log, W1.witness_verifier) == 5
    receipt = log.prove(2, size=5)
    assert receipt.checkpoint == note
    verify_receipt(receipt, KEY.verifier)
    verify_cosignatures(receipt.checkpoint, [W1.witness_verifier], quorum=1)
    with pytest.raises(VerificationError, match="not signed by any of the trusted keys"):
        verify_cosignatures(receipt.checkpoint, [W2.witness_verifier], quorum=1)
    with pytest.raises(VerificationError):
        keep_cosignature(log, request, answer, W2.witness_verifier)
    assert log.verify().kept_checkpoints == 1


def test_a_quorum_needs_that_many_keys_not_that_many_names(witness, log):
    log.append(kind="test.entry", payload={})
    note = log.checkpoint() + ""
    body = note.partition("\n\n")[0] + "\n"
    twin = NoteSigner.from_pem(W1.to_pem(), name="witness.example/twin")
    both = note + W1.cosign(body, seconds=1) + twin.cosign(body, seconds=1)
    with pytest.raises(InputError, match="is impossible"):
        verify_cosignatures(both, [W1.witness_verifier, twin.witness_verifier], quorum=2)
    for quorum in (0, -1, 3):
        with pytest.raises(InputError):
            verify_cosignatures(both, [W1.witness_verifier, W2.witness_verifier], quorum=quorum)
    with pytest.raises(VerificationError, match="Only 1 of 2 required"):
        verify_cosignatures(both, [W1.witness_verifier, W2.witness_verifier], quorum=2)


@pytest.fixture
def server(witness):
    running = witness_server(witness, host="127.0.0.1", port=0)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.mark.server
def test_over_http(server, witness, log):
    for n in range(3):
        for k in range(4):
            log.append(kind="test.entry", payload={"n": n, "k": k})
        note = submit(log, server, W1.witness_verifier)
        verify_cosignatures(note, [W1.witness_verifier], quorum=1)
        assert log.prove(0).checkpoint == note
    # A line that was signed and got lost on its way back: the next request proves from there.
    log.append(kind="test.entry", payload={})
    witness.sign(request_for(log, old_size=12))
    log.append(kind="test.entry", payload={})
    submit(log, server, W1.witness_verifier)
    assert last_cosigned(log, W1.witness_verifier) == 14


@pytest.mark.server
def test_over_http_a_log_restored_from_a_backup_gets_no_line(server, tmp_path, log):
    for n in range(6):
        log.append(kind="test.entry", payload={"n": n})
        if n == 3:
            shutil.copy(tmp_path / "a.db", tmp_path / "old.db")
            shutil.copy(tmp_path / "a.db-wal", tmp_path / "old.db-wal")
    submit(log, server, W1.witness_verifier)
    # With its kept head gone too, only the witness knows.
    with Ledger.open(f"sqlite:///{tmp_path}/old.db", key=KEY, accept_missing_head=True) as old:
        with pytest.raises(VerificationError, match="cosigned 6 entries, but the log has 4"):
            submit(old, server, W1.witness_verifier)
        for n in range(5):
            old.append(kind="test.entry", payload={"other": n})
        with pytest.raises(VerificationError, match="refused to cosign"):
            submit(old, server, W1.witness_verifier)


@pytest.mark.server
def test_all_witnesses_sign_one_checkpoint_even_while_the_log_grows(server, tmp_path, log):
    other = Witness(signer=W2, logs=[KEY.verifier], folder=tmp_path / "w2", clock=lambda: NOON)
    running = witness_server(other, host="127.0.0.1", port=0)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        second = f"http://127.0.0.1:{running.server_address[1]}"
        witnesses = [
            RemoteWitness(url=server, key=W1.witness_verifier),
            RemoteWitness(url=second, key=W2.witness_verifier),
        ]
        receipt = log.append(kind="test.entry", payload={})
        asked_twice = log.checkpoint

        def checkpoint_then_grow():
            note = asked_twice()
            if log.size < 4:
                log.append(kind="test.entry", payload={})
            return note

        log.checkpoint = checkpoint_then_grow
        size = submit_to_all(log, witnesses)
        assert size == 4
        note = log.prove(receipt.index, size=size).checkpoint
        keys = [w.key for w in witnesses]
        assert len(verify_cosignatures(note, keys, quorum=2)) == 2
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


@pytest.mark.server
def test_a_report_carries_its_witnesses_lines(server, tmp_path, log):
    from auditkit.api import Audit
    from auditkit.signing import KeyStore
    from tests.fixtures.lending import judgement
    from tests.support.verifying import verify

    store = KeyStore(tmp_path / "keys")
    witness = RemoteWitness(url=server, key=W1.witness_verifier)
    path = tmp_path / "report.pdf"
    audit = Audit.of(judgement())
    audit.report(path, signer=store.report_signer(), ledger=log, keys=store, witnesses=[witness])
    keys = [KEY.verifier, W1.witness_verifier]
    found = verify(path.read_bytes(), trust=store.trusted(), log_keys=keys)
    assert found.exit_code == 0
    assert found.claim("witnesses").reason == "Cosigned by witness.example/w1."
    gone = RemoteWitness(url="http://127.0.0.1:1", key=W1.witness_verifier)
    with pytest.raises(LedgerError, match="cannot be reached"):
        audit.report(tmp_path / "no.pdf", ledger=log, keys=store, witnesses=[gone])
    assert not (tmp_path / "no.pdf").exists()


def test_a_witness_that_is_not_there(log):
    with pytest.raises(LedgerError, match="cannot be reached"):
        submit(log, "http://127.0.0.1:1", W1.witness_verifier)
    with pytest.raises(InputError, match="https"):
        submit(log, "file:///etc/passwd", W1.witness_verifier)


@given(st.text())
def test_text_of_any_kind_gets_a_typed_refusal(text):
    for request in (text, f"old 0\n{text}", asked(0, 3) + text):
        with contextlib.suppress(RefusalError):
            read_request(request)
