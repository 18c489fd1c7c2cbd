"""Files: read within bounds, written whole, with the mode that the user's umask says."""

from __future__ import annotations

import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from auditkit.access.login.passwords import hash_password, read_users, write_users
from auditkit.errors import InputError, KeyFileError, OutputError
from auditkit.files import read_bytes, read_text, require_file, whole_file, write_whole

ROOT = Path(__file__).resolve().parents[2]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def under(umask: int, code: str, folder: Path) -> None:
    """Runs code in a process with a umask, which is a process's and so not to be set here."""
    subprocess.run(
        [sys.executable, "-c", f"import os; os.umask({umask})\n{code}"],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True,
    )  # fmt: skip


WRITE = "from pathlib import Path\nfrom auditkit.files import write_whole\n"


# Writing


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o027, 0o002])
def test_a_new_file_has_the_mode_that_open_would_give_it(tmp_path, umask):
    under(umask, WRITE + "write_whole(Path('a'), b'x'); open('b', 'w').close()", tmp_path)
    assert mode(tmp_path / "a") == mode(tmp_path / "b") == 0o666 & ~umask


def test_a_replaced_file_keeps_its_mode(tmp_path):
    path = tmp_path / "a"
    for kept in (0o640, 0o600, 0o664):
        path.write_bytes(b"old")
        path.chmod(kept)
        write_whole(path, b"new")
        assert (path.read_bytes(), mode(path)) == (b"new", kept)


def test_a_secret_is_its_owners_alone_from_the_first_byte(tmp_path):
    path = tmp_path / "users.json"
    path.write_text("{}")
    path.chmod(0o644)
    with whole_file(path, secret=True) as file:
        file.write(b"{}")
        [temporary] = [p for p in tmp_path.iterdir() if p != path]
        assert mode(temporary) == 0o600
    assert mode(path) == 0o600
    write_users(path, {"ann": hash_password("correct horse battery")})
    assert mode(path) == 0o600
    assert list(read_users(path)) == ["ann"]


def test_the_threads_of_a_process_keep_its_umask(tmp_path):
    def work(number):
        for i in range(20):
            write_whole(tmp_path / f"{number}" / f"{i}", b"x")

    before = os.umask(0o077)
    os.umask(before)
    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {mode(p) for p in tmp_path.glob("*/*")} == {0o666 & ~before}
    assert len(list(tmp_path.glob("*/*"))) == 160


def test_writers_of_one_file_do_not_meet(tmp_path):
    path, wrong = tmp_path / "a", []

    def work(number):
        for _ in range(30):
            write_whole(path, bytes([number]) * 5000)
            if len(set(path.read_bytes())) != 1:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("kind", ["folder", "link", "dangling", "pipe", "device"])
def test_what_is_no_file_is_not_written_over(tmp_path, kind):
    path, other = tmp_path / "a", tmp_path / "b"
    other.write_bytes(b"other")
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(other)
    elif kind == "dangling":
        path.symlink_to(tmp_path / "none")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path = Path("/dev/null")
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(OutputError, match="could not be written: it is a") as caught:
        write_whole(path, b"x")
    assert caught.value.remedy
    assert other.read_bytes() == b"other"
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.parametrize("name", ["a\0b", "n" * 300, "file/a"])
def test_a_name_that_cannot_be_is_a_clear_error(tmp_path, name):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="could not be written") as caught:
        write_whole(tmp_path / name, b"x")
    assert caught.value.remedy
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_the_longest_name_can_be_written(tmp_path):
    write_whole(tmp_path / ("n" * 255), b"x")
    assert [len(p.name) for p in tmp_path.iterdir()] == [255]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_what_was_there_is_still_there_when_the_block_fails(tmp_path, error):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fail():
        with whole_file(path) as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(tmp_path):
    """The size limit on files stands in for the full disk: the write fails half way."""
    (tmp_path / "a").write_bytes(b"old")
    under(
        0o022,
        WRITE + "import resource, signal\n"
        "from auditkit.errors import OutputError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))\n"
        "try: write_whole(Path('a'), bytes(5000))\n"
        "except OutputError as error: assert 'ulimit' in error.remedy\n"
        "else: raise SystemExit(1)\n",
        tmp_path,
    )
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def killed_while_writing(folder: Path) -> None:
    code = (
        WRITE + "from auditkit.files import whole_file\nimport time\n"
        "with whole_file(Path('a')) as file:\n"
        "    file.write(b'half'); file.flush(); print('x', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=folder, stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    # While it lives, its temporary file is its own.
    write_whole(folder / "a", b"meanwhile")
    assert len(list(folder.iterdir())) == 2
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_the_next_write_removes_what_a_killed_one_left(tmp_path):
    killed_while_writing(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".a.0.part", "a"]
    assert (tmp_path / "a").read_bytes() == b"meanwhile"
    write_whole(tmp_path / "a", b"new")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a", b"new")]


def test_a_link_in_the_place_of_a_temporary_file_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / ".a.0.part").symlink_to(victim)
    (tmp_path / ".a.1.part").hardlink_to(victim)
    write_whole(tmp_path / "a", b"x")
    assert victim.read_bytes() == b"precious"


# Reading


def test_reads_what_is_there(tmp_path):
    path = tmp_path / "a"
    path.write_bytes("Zoë\r\nand\rmore\n".encode())
    assert read_bytes(path) == path.read_bytes()
    assert read_text(path) == path.read_text()
    require_file(path)


def refused(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / kind
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link to a pipe":
        os.mkfifo(tmp_path / "p")
        path.symlink_to(tmp_path / "p")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind(str(path))
    elif kind == "loop":
        path.symlink_to(path)
    elsewhere = {
        "zero": Path("/dev/zero"),
        "nul": tmp_path / "a\0b",
        "half": tmp_path / "a\ud800b",
        "through a file": Path(__file__) / "x",
        "long": tmp_path / ("n" * 300),
    }
    return elsewhere.get(kind, path)


@pytest.mark.parametrize(
    "kind",
    ["none", "folder", "pipe", "link to a pipe", "socket", "loop", "zero", "nul", "half",
     "through a file", "long"],
)  # fmt: skip
@pytest.mark.parametrize("read", [read_bytes, read_text, require_file])
def test_what_is_no_file_is_refused_at_once(tmp_path, kind, read):
    path = refused(tmp_path, kind)
    began = time.monotonic()
    with pytest.raises(KeyFileError, match="key") as caught:
        read(path, what="key", kind=KeyFileError)
    assert caught.value.remedy
    assert time.monotonic() - began < 1


def test_a_file_of_ten_gigabytes_is_refused_by_its_size(tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(10 * 2**30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match="larger than 512 MiB"):
        read_bytes(path)
    with pytest.raises(InputError, match="larger than 16 MiB"):
        read_text(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_a_pipe_that_a_shell_opened_is_read_within_the_limit(tmp_path):
    code = (
        "from pathlib import Path; import sys\nfrom auditkit.files import read_bytes\n"
        "sys.stdout.buffer.write(read_bytes(Path(sys.argv[1]), limit=2**20))"
    )
    shell = f"{sys.executable} -c '{code}'"
    run = lambda text: subprocess.run(  # noqa: E731
        ["bash", "-c", text], capture_output=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False, timeout=60,
    )  # fmt: skip
    assert run(f"{shell} <(sleep 0.2; echo secret)").stdout == b"secret\n"
    assert run(f"echo secret | {shell} /dev/stdin").stdout == b"secret\n"
    endless = run(f"yes | {shell} /dev/stdin")
    assert b"larger than 1 MiB" in endless.stderr


def test_text_that_is_not_utf_8_is_named_by_its_byte_and_not_quoted(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"name: Ann Smith\xff")
    with pytest.raises(InputError) as caught:
        read_text(path, what="plan")
    assert "byte 15" in caught.value.message
    assert "Ann" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write anything")
def test_without_the_right_the_error_says_so(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        read_bytes(path)
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="may write") as caught:
        write_whole(path, b"x")
    assert caught.value.remedy
