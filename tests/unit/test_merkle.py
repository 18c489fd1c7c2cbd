"""The tree against the RFC's own recursion, a published log, and whatever is not a proof."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit import merkle
from auditkit.errors import InputError, VerificationError

TESSERA = Path(__file__).parents[1] / "vectors" / "tessera-log"
LARGEST = 70


# The RFC's recursion, written as it stands there (RFC 9162, 2.1.1, 2.1.3.1, 2.1.4.1). Oracle only.


def sha(data):
    return hashlib.sha256(data).digest()


def split(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(entries):
    if not entries:
        return sha(b"")
    if len(entries) == 1:
        return sha(b"\0" + entries[0])
    k = split(len(entries))
    return sha(b"\1" + mth(entries[:k]) + mth(entries[k:]))


def path(m, entries):
    if len(entries) == 1:
        return []
    k = split(len(entries))
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def subproof(m, entries, complete):
    if m == len(entries):
        return [] if complete else [mth(entries)]
    k = split(len(entries))
    if m <= k:
        return [*subproof(m, entries[:k], complete), mth(entries[k:])]
    return [*subproof(m - k, entries[k:], False), mth(entries[:k])]


ENTRIES = [f"entry {i}".encode() for i in range(LARGEST)]
LEAVES = [merkle.leaf_hash(e) for e in ENTRIES]
ROOTS = [mth(ENTRIES[:n]) for n in range(LARGEST + 1)]


def test_root_is_the_recursion_of_the_rfc():
    for n in range(LARGEST + 1):
        assert merkle.root(LEAVES[:n]) == ROOTS[n]
    assert merkle.root([]) == merkle.EMPTY_ROOT == hashlib.sha256().digest()


def test_inclusion_proofs_are_those_of_the_rfc_and_verify():
    for n in range(1, LARGEST + 1):
        for m in range(n):
            proof = merkle.inclusion_proof(LEAVES[:n], m)
            assert list(proof) == path(m, ENTRIES[:n])
            merkle.verify_inclusion(LEAVES[m], m, n, proof, ROOTS[n])


def test_consistency_proofs_are_those_of_the_rfc_and_verify():
    for n in range(1, LARGEST + 1):
        for m in range(1, n + 1):
            proof = merkle.consistency_proof(LEAVES, m, n)
            assert list(proof) == subproof(m, ENTRIES[:n], True)
            merkle.verify_consistency(m, n, proof, ROOTS[m], ROOTS[n])


def test_nodes_are_numbered_in_the_order_in_which_they_come_to_exist():
    order = []
    for leaf in range(LARGEST):
        assert merkle.node_count(leaf) == len(order)
        order.append((0, leaf))
        level, position = 0, leaf
        while position & 1:
            level, position = level + 1, position >> 1
            order.append((level, position))
    assert [merkle.node_id(level, position) for level, position in order] == list(range(len(order)))


def test_roots_and_ranges_come_from_kept_nodes_alone():
    def get(nodes):
        return [mth(ENTRIES[p << k : (p + 1) << k]) for k, p in nodes]

    for n in range(LARGEST + 1):
        assert merkle.range_root(0, n, get) == ROOTS[n]
    for n in range(1, LARGEST + 1):
        for begin, end in merkle.inclusion_ranges(n // 3, n):
            assert merkle.range_root(begin, end, get) == mth(ENTRIES[begin:end])


@given(st.integers(0, 300), st.integers(0, 300))
def test_whole_subtrees_cover_a_range_once_with_aligned_nodes(a, b):
    begin, end = min(a, b), max(a, b)
    covered = []
    for level, position in merkle.whole_subtrees(begin, end):
        covered += range(position << level, (position + 1) << level)
    assert covered == list(range(begin, end))


# A published log: Tessera's test data, made by another implementation.


def test_tessera_checkpoints_and_tiles():
    files = sorted(TESSERA.glob("checkpoint.*"), key=lambda f: int(f.suffix[1:]))
    assert len(files) == 16
    sizes, roots = [], []
    for file in files:
        lines = file.read_text().splitlines()
        sizes.append(int(lines[1]))
        roots.append(base64.b64decode(lines[2]))
    assert sizes == list(range(16))
    leaves = entry_bundle(TESSERA / "tile/entries/000.p/15")
    hashes = [merkle.leaf_hash(data) for data in leaves]
    checked = 0
    for size in range(1, 16):
        tile = (TESSERA / f"tile/0/000.p/{size}").read_bytes()
        assert b"".join(hashes[:size]) == tile
        assert merkle.root(hashes[:size]) == roots[size]
        assert entry_bundle(TESSERA / f"tile/entries/000.p/{size}") == leaves[:size]
        for older in range(1, size + 1):
            proof = merkle.consistency_proof(hashes, older, size)
            merkle.verify_consistency(older, size, proof, roots[older], roots[size])
            checked += 1
    assert merkle.root([]) == roots[0]
    assert checked == 120


def entry_bundle(file):
    data, found = file.read_bytes(), []
    while data:
        length = int.from_bytes(data[:2])
        found.append(data[2 : 2 + length])
        data = data[2 + length :]
    return found


# What is not a proof.


@settings(max_examples=300)
@given(st.data())
def test_any_flipped_bit_of_an_inclusion_proof_is_rejected(data):
    n = data.draw(st.integers(1, LARGEST))
    m = data.draw(st.integers(0, n - 1))
    parts = [LEAVES[m], ROOTS[n], *merkle.inclusion_proof(LEAVES[:n], m)]
    flip(parts, data)
    with pytest.raises(VerificationError):
        merkle.verify_inclusion(parts[0], m, n, parts[2:], parts[1])


@settings(max_examples=300)
@given(st.data())
def test_any_flipped_bit_of_a_consistency_proof_is_rejected(data):
    n = data.draw(st.integers(2, LARGEST))
    m = data.draw(st.integers(1, n))
    parts = [ROOTS[m], ROOTS[n], *merkle.consistency_proof(LEAVES, m, n)]
    flip(parts, data)
    with pytest.raises(VerificationError):
        merkle.verify_consistency(m, n, parts[2:], parts[0], parts[1])


def flip(parts, data):
    which = data.draw(st.integers(0, len(parts) - 1))
    bit = data.draw(st.integers(0, 255))
    changed = bytearray(parts[which])
    changed[bit // 8] ^= 1 << bit % 8
    parts[which] = bytes(changed)


def test_no_proof_serves_another_index_or_size():
    for n in range(1, 34):
        for m in range(n):
            proof = merkle.inclusion_proof(LEAVES[:n], m)
            for index, size in [(m + 1, n), (m - 1, n), (m, n * 2), (m ^ 2, n), (m + n, n), (m, 0)]:
                if (index, size) == (m, n):
                    continue
                try:
                    merkle.verify_inclusion(LEAVES[m], index, size, proof, ROOTS[n])
                except VerificationError:
                    continue
                # The same path may serve two sizes, never two indexes or two roots.
                assert index == m
                assert list(proof) == path(m, ENTRIES[:n])


def test_proofs_of_a_wrong_length_are_rejected():
    for n in range(1, 20):
        for m in range(n):
            proof = list(merkle.inclusion_proof(LEAVES[:n], m))
            for wrong in (
                [*proof, ROOTS[n]],
                [ROOTS[n], *proof],
                *([proof[:-1], proof[1:]] if proof else []),
            ):
                with pytest.raises(VerificationError, match="hashes where"):
                    merkle.verify_inclusion(LEAVES[m], m, n, wrong, ROOTS[n])
        for m in range(1, n + 1):
            proof = list(merkle.consistency_proof(LEAVES, m, n))
            for wrong in ([*proof, ROOTS[n]], *([proof[:-1]] if proof else [])):
                with pytest.raises(VerificationError, match="hashes where"):
                    merkle.verify_consistency(m, n, wrong, ROOTS[m], ROOTS[n])


def test_empty_trees_prove_nothing():
    empty = merkle.EMPTY_ROOT
    with pytest.raises(VerificationError, match="empty tree includes nothing"):
        merkle.verify_inclusion(LEAVES[0], 0, 0, [], empty)
    for size in (0, 1, 7):
        with pytest.raises(VerificationError, match="proves nothing"):
            merkle.verify_consistency(0, size, [], empty, ROOTS[size])
    with pytest.raises(VerificationError, match="shrank from 7 entries to 0"):
        merkle.verify_consistency(7, 0, [], ROOTS[7], empty)


def test_a_log_that_shrank_is_named_so_with_sizes_the_right_way_round():
    with pytest.raises(VerificationError, match="shrank from 9 entries to 5"):
        merkle.verify_consistency(9, 5, [], ROOTS[9], ROOTS[5])


def test_equal_sizes_need_equal_roots_and_no_proof():
    merkle.verify_consistency(5, 5, (), ROOTS[5], ROOTS[5])
    with pytest.raises(VerificationError, match="different roots"):
        merkle.verify_consistency(5, 5, [], ROOTS[5], ROOTS[6])


@pytest.mark.parametrize("wrong", [b"", b"x" * 31, b"x" * 33, "x" * 32, None, 0, bytearray(32)])
def test_what_is_not_32_bytes_is_refused(wrong):
    proof = list(merkle.inclusion_proof(LEAVES[:3], 0))
    with pytest.raises(VerificationError):
        merkle.verify_inclusion(wrong, 0, 3, proof, ROOTS[3])
    with pytest.raises(VerificationError):
        merkle.verify_inclusion(LEAVES[0], 0, 3, proof, wrong)
    with pytest.raises(VerificationError):
        merkle.verify_inclusion(LEAVES[0], 0, 3, [wrong, proof[1]], ROOTS[3])
    with pytest.raises(VerificationError):
        merkle.verify_consistency(3, 3, [], wrong, wrong)
    with pytest.raises(InputError):
        merkle.root([wrong])


@pytest.mark.parametrize("wrong", [-1, True, 1.0, None, "1", 2**63, 2**200])
def test_what_is_no_size_is_refused(wrong):
    for index, size in [(wrong, 3), (0, wrong)]:
        with pytest.raises(VerificationError):
            merkle.verify_inclusion(LEAVES[0], index, size, [], ROOTS[3])
    for size1, size2 in [(wrong, 3), (3, wrong)]:
        with pytest.raises(VerificationError):
            merkle.verify_consistency(size1, size2, [], ROOTS[3], ROOTS[3])


@given(
    st.binary(max_size=40),
    st.integers(-5, 2**64),
    st.integers(-5, 2**64),
    st.lists(st.binary(max_size=40), max_size=70) | st.none() | st.binary(),
    st.binary(max_size=40),
)
def test_verifiers_answer_nothing_but_a_typed_no(leaf, a, b, proof, top):
    with pytest.raises(VerificationError):
        merkle.verify_inclusion(leaf, a, b, proof, top)
    with pytest.raises(VerificationError):
        merkle.verify_consistency(a, b, proof, leaf, top + b"x" * (leaf == top))


def test_proofs_are_not_made_for_what_is_not_there():
    for index in (-1, 3, 9):
        with pytest.raises(InputError):
            merkle.inclusion_proof(LEAVES[:3], index)
    for size1, size2 in [(0, 3), (3, 2), (-1, 3), (1, 4)]:
        with pytest.raises(InputError):
            merkle.consistency_proof(LEAVES[:3], size1, size2)


@pytest.mark.parametrize("wrong", [True, 1.0, "1", None, -1, 2**70])
def test_what_is_no_index_or_size_is_refused_by_type(wrong):
    with pytest.raises(InputError):
        merkle.inclusion_proof(LEAVES[:5], wrong)
    with pytest.raises(InputError):
        merkle.consistency_proof(LEAVES[:5], wrong)
