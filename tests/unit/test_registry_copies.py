"""Copies of approved versions: whole or not there, never overwritten, used only if unchanged."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from auditkit.errors import OutputError, VerificationError
from auditkit.registry import copies as approved
from auditkit.registry.copies import ApprovedCopies, Entry, MissingCopyError
from auditkit.registry.digest import artifact_digest

FILES = {"MLmodel": b"flavor", "data/weights.bin": bytes(1000), "data/deep/a.txt": b"a"}


@pytest.fixture
def version(tmp_path) -> Path:
    folder = tmp_path / "version"
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def fetched(source: Path):
    def fetch(folder: Path) -> Path:
        place = folder / source.name
        copy = shutil.copytree if source.is_dir() else shutil.copyfile
        return Path(copy(source, place))

    return fetch


def test_a_copy_has_the_digest_and_the_bytes_of_the_version(tmp_path, version):
    copies = ApprovedCopies(tmp_path / "approved")
    digest = copies.take(fetched(version), keep=True)
    assert digest == artifact_digest(version)
    assert [p.name for p in copies.root.iterdir()] == [digest.hex]
    for again in (copies, ApprovedCopies(copies.root)):
        copy = again.copy(digest)
        for name, data in FILES.items():
            path = copy.path(name)
            assert path is not None
            assert path.read_bytes() == data
            assert stat.S_IMODE(path.stat().st_mode) == 0o444
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o555
        assert copy.entries("") == [Entry("MLmodel", 6), Entry("data", None)]
        assert copy.entries("data") == [Entry("deep", None), Entry("weights.bin", 1000)]
        assert copy.entries("MLmodel") == []
        assert set(copy.below("data")) == {"weights.bin", "deep/a.txt"}
        for name in ("dat", "data/deep/b.txt", "../version", "MLmodel/x"):
            assert copy.path(name) is None


def test_a_version_that_is_one_file_is_copied_as_a_file(tmp_path):
    (tmp_path / "model.pkl").write_bytes(b"pickle")
    copies = ApprovedCopies(tmp_path / "approved")
    digest = copies.take(fetched(tmp_path / "model.pkl"), keep=True)
    assert digest == artifact_digest(tmp_path / "model.pkl")
    for again in (copies, ApprovedCopies(copies.root)):
        copy = again.copy(digest)
        path = copy.path("")
        assert path is not None
        assert path.read_bytes() == b"pickle"
        assert copy.path("model.pkl") is None
        assert copy.entries("") == []
        assert copy.is_intact("")


def test_what_is_only_hashed_is_not_kept(tmp_path, version):
    copies = ApprovedCopies(tmp_path / "approved")
    digest = copies.take(fetched(version), keep=False)
    assert list(copies.root.iterdir()) == []
    with pytest.raises(MissingCopyError):
        copies.copy(digest)


def test_two_servers_copy_at_once(tmp_path, version):
    servers = [ApprovedCopies(tmp_path / "approved") for _ in range(4)]
    meet = threading.Barrier(4)
    found = []

    def fetch(folder: Path) -> Path:
        place = fetched(version)(folder)
        meet.wait(10)
        return place

    threads = [
        threading.Thread(target=lambda s=s: found.append(s.take(fetch, keep=True))) for s in servers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == [artifact_digest(version)] * 4
    assert [p.name for p in servers[0].root.iterdir()] == [found[0].hex]
    assert all(server.copy(found[0]).is_intact("") for server in servers)


@pytest.mark.parametrize("call", ["fsync", "rename", "chmod", "mkdir"])
def test_a_full_disk_is_refused_and_leaves_nothing(tmp_path, version, monkeypatch, call):
    copies = ApprovedCopies(tmp_path / "approved")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        where = os if call == "fsync" else Path
        patched.setattr(where, call, full)
        with pytest.raises(OutputError, match="No space left") as refused:
            copies.take(fetched(version), keep=True)
        assert "free some space" in str(refused.value.remedy)
    assert list(copies.root.iterdir()) == []
    assert copies.copy(copies.take(fetched(version), keep=True))


def test_a_download_that_fails_for_want_of_space_says_so(tmp_path, version, monkeypatch):
    copies = ApprovedCopies(tmp_path / "approved")

    def failing(_: Path) -> Path:
        raise RuntimeError("the storage's own words")

    with pytest.raises(RuntimeError):
        copies.take(failing, keep=True)
    monkeypatch.setattr(
        approved, "_fault_of_disk", lambda _: OSError(errno.ENOSPC, "No space left on device")
    )
    with pytest.raises(OutputError, match="No space left"):
        copies.take(failing, keep=True)
    assert list(copies.root.iterdir()) == []


def _rewritten(path: Path, data: bytes) -> None:
    """Changes a file and sets its times back, as somebody who hides a change would."""
    before = path.stat()
    path.chmod(0o644)
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_changed_copy_is_not_used(tmp_path, version):
    copies = ApprovedCopies(tmp_path / "approved")
    digest = copies.take(fetched(version), keep=True)
    path = copies.copy(digest).path("data/deep/a.txt")
    assert path is not None
    _rewritten(path, b"b")
    assert copies.at_hand(digest, "data/deep/a.txt") is None
    assert copies.at_hand(digest, "data") is None
    for again in (copies, copies, ApprovedCopies(copies.root)):
        with pytest.raises(VerificationError, match="was changed"):
            again.copy(digest)
        with pytest.raises(VerificationError, match="was changed"):
            again.take(fetched(version), keep=True)  # it does not hide the change
    # The bytes count, not the times: a copy that was put back is used again.
    _rewritten(path, b"a")
    assert copies.copy(digest).is_intact("data")


@pytest.mark.parametrize("how", ["added", "removed", "linked", "emptied"])
def test_any_other_content_is_a_change(tmp_path, version, how):
    copies = ApprovedCopies(tmp_path / "approved")
    digest = copies.take(fetched(version), keep=True)
    folder = copies.root / digest.hex
    for place, _, _ in os.walk(folder):
        Path(place).chmod(0o755)
    if how == "added":
        (folder / "data" / "more").write_bytes(b"")
    elif how == "emptied":
        shutil.rmtree(folder)
        folder.mkdir()
    else:
        (folder / "MLmodel").unlink()
    if how == "linked":
        (folder / "MLmodel").symlink_to(version / "MLmodel")
    with pytest.raises(VerificationError, match="was changed"):
        ApprovedCopies(copies.root).copy(digest)


def test_a_changed_copy_is_not_hashed_at_every_use(tmp_path, version, monkeypatch):
    copies = ApprovedCopies(tmp_path / "approved")
    digest = copies.take(fetched(version), keep=True)
    path = copies.copy(digest).path("MLmodel")
    assert path is not None
    _rewritten(path, b"FLAVOR")
    hashed = []
    real = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda *a: hashed.append(1) or real(*a))
    for _ in range(5):
        with pytest.raises(VerificationError):
            copies.copy(digest)
    assert len(hashed) == len(FILES)


def test_what_a_killed_server_left_is_removed(tmp_path, version):
    script = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from auditkit.registry.copies import ApprovedCopies

        def fetch(folder):
            (folder / "half").write_bytes(b"half")
            print("begun", flush=True)
            time.sleep(60)

        ApprovedCopies(Path(sys.argv[1])).take(fetch, keep=True)
    """)
    root = tmp_path / "approved"
    command = [sys.executable, "-c", script, str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        alive = next(root.iterdir())
        digest = ApprovedCopies(root).take(fetched(version), keep=True)
        assert alive.exists()
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    ApprovedCopies(root).take(fetched(version), keep=True)
    assert [p.name for p in root.iterdir()] == [digest.hex]
