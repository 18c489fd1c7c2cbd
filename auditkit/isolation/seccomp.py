"""A filter of system calls for a process that runs what others wrote.

It takes away what scoring needs never: other programs and processes, the network, other processes'
memory, signals and limits, names and rights of files, and the rarely used parts of the kernel that
its faults are found in. Everything else is allowed: numerical libraries start threads and map
memory.

The numbers are those of <asm/unistd.h>; a machine of another kind has no filter.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import Final

# By the kind of machine: the number that the kernel gives it, and the call that installs a filter.
_MACHINES: Final = {"x86_64": (0xC000003E, 317), "aarch64": (0xC00000B7, 277)}

# Name: its number on x86-64 and on aarch64; None: there is none.
_DENIED: Final[dict[str, tuple[int | None, int | None]]] = {
    # other programs, other processes
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424),
    "process_madvise": (440, 440), "process_mrelease": (448, 448), "kcmp": (312, 272),
    "kill": (62, 129), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "setpriority": (141, 140), "ioprio_set": (251, 30),
    "sched_setparam": (142, 118), "sched_setscheduler": (144, 119),
    "sched_setaffinity": (203, 122), "sched_setattr": (314, 274), "setsid": (112, 157),
    "setpgid": (109, 154), "migrate_pages": (256, 238), "move_pages": (279, 239),
    # the network, and other ways to other processes
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200),
    "listen": (50, 201), "accept": (43, 202), "accept4": (288, 242), "sendto": (44, 206),
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "semget": (64, 190),
    "semctl": (66, 191), "semop": (65, 193), "semtimedop": (220, 192), "msgget": (68, 186),
    "msgctl": (71, 187), "msgrcv": (70, 188), "msgsnd": (69, 189), "mq_open": (240, 180),
    "mq_unlink": (241, 181), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218),
    # names and rights of files
    "truncate": (76, 45), "creat": (85, None), "rename": (82, None), "renameat": (264, 38),
    "renameat2": (316, 276), "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None),
    "link": (86, None), "linkat": (265, 37), "unlink": (87, None), "unlinkat": (263, 35),
    "symlink": (88, None), "symlinkat": (266, 36), "mknod": (133, None), "mknodat": (259, 33),
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
    "utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "removexattrat": (466, 466), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    # the machine
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "unshare": (272, 97), "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429),
    "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "open_tree_attr": (467, 467), "bpf": (321, 280),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "userfaultfd": (323, 282), "perf_event_open": (298, 241), "memfd_secret": (447, 447),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142),
    "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "adjtimex": (159, 171), "clock_adjtime": (305, 266),
    "sethostname": (170, 161), "setdomainname": (171, 162), "iopl": (172, None),
    "ioperm": (173, None), "modify_ldt": (154, None), "personality": (135, 92),
    "quotactl": (179, 60), "quotactl_fd": (443, 443), "fanotify_init": (300, 262),
    "inotify_init": (253, None), "inotify_init1": (294, 26), "syslog": (103, 116),
    "vhangup": (153, 58), "lookup_dcookie": (212, 18), "nfsservctl": (180, 42),
}  # fmt: skip
# They pass a structure that a filter cannot read; libraries then use the older calls.
_UNKNOWN: Final = {"clone3": (435, 435), "openat2": (437, 437)}
# Calls that depend on their first argument.
_CLONE: Final = (56, 220)
_TGKILL: Final = (234, 131)
_PRLIMIT: Final = (302, 261)
_PRCTL: Final = (157, 167)
# Those that open a file to write; the argument with the flags is the second or the third.
_OPEN: Final = (2, None)
_OPENAT: Final = (257, 56)

_CLONE_THREAD: Final = 0x10000
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_FILTER, _ALL_THREADS = 1, 1
_X32: Final = 0x40000000
# Places in what a filter sees: the call's number, the machine, the low words of the arguments.
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def is_known(machine: str) -> bool:
    """Whether there is a filter for a kind of machine, as `os.uname` names it."""
    return machine in _MACHINES


def program(machine: str, process: int, *, no_writing: bool) -> bytes:
    """The filter, as instructions of the Berkeley packet filter.

    Args:
        machine: For which kind of machine.
        process: The process that it is for, which may signal its own threads.
        no_writing: Whether to deny to open any file to write.
    """
    kind = _MACHINES[machine][0]
    column = list(_MACHINES).index(machine)
    code = [(_LOAD, 0, 0, _MACHINE), (_EQUAL, 1, 0, kind), _give(errno.EPERM)]
    code += [(_LOAD, 0, 0, _NUMBER), (_AT_LEAST, 0, 1, _X32), _give(errno.EPERM)]
    for table, answer in ((_DENIED, errno.EPERM), (_UNKNOWN, errno.ENOSYS)):
        for numbers in table.values():
            if (number := numbers[column]) is not None:
                code += [(_EQUAL, 0, 1, number), _give(answer)]
    # A thread is allowed, a process is not.
    code += _by_argument(_CLONE[column], 0, (_ANY_BIT, _CLONE_THREAD), allowed=True)
    code += _by_argument(_TGKILL[column], 0, (_EQUAL, process), allowed=True)
    code += _by_argument(_PRLIMIT[column], 0, (_EQUAL, 0), allowed=True)
    code += _by_argument(_PRCTL[column], 0, (_EQUAL, _PR_SET_PDEATHSIG), allowed=False)
    if no_writing:
        code += _by_argument(_OPENAT[column], 2, (_ANY_BIT, _WRITES), allowed=False)
        if (number := _OPEN[column]) is not None:
            code += _by_argument(number, 1, (_ANY_BIT, _WRITES), allowed=False)
    code.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *one) for one in code)


def install(*, no_writing: bool) -> bool:
    """Filters the calls of every thread of this process, for good.

    Args:
        no_writing: Whether to deny to open any file to write.

    Returns:
        Whether it is in force; False: the kernel or this kind of machine has none.
    """
    machine = os.uname().machine
    if not is_known(machine) or struct.calcsize("P") != 8:
        return False
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return False
    code = program(machine, os.getpid(), no_writing=no_writing)
    held = ctypes.create_string_buffer(code, len(code))
    asked = _Program(len(code) // 8, ctypes.addressof(held))
    call = _MACHINES[machine][1]
    return bool(library.syscall(call, _FILTER, _ALL_THREADS, ctypes.byref(asked)) == 0)


def _give(number: int) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, _ERRNO | number)


def _by_argument(
    number: int, argument: int, test: tuple[int, int], *, allowed: bool
) -> list[tuple[int, int, int, int]]:
    """Denies a call by a test of an argument: where it holds, or else where it does not."""
    kind, value = test
    skip = (1, 0) if allowed else (0, 1)
    return [
        (_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, _ARGUMENTS + 8 * argument),
        (kind, *skip, value),
        _give(errno.EPERM),
        (_LOAD, 0, 0, _NUMBER),
    ]
