# SPDX-License-Identifier: Apache-2.0
"""Maps by bpf(2), so that a test can be who pins one. Standard library only."""
import contextlib
import ctypes
import os
import platform
import resource
import struct

import slonet

_NR_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
MAP_CREATE, MAP_UPDATE, MAP_DELETE, OBJ_PIN = 0, 2, 3, 6
HASH, LRU_HASH = 1, 9
BPFFS = "/sys/fs/bpf"
_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(cmd, attr):
    buf = ctypes.create_string_buffer(attr.ljust(128, b"\0"), 128)
    got = _libc.syscall(_NR_BPF, cmd, buf, 128)
    if got < 0:
        raise OSError(ctypes.get_errno(), f"bpf({cmd}): {os.strerror(ctypes.get_errno())}")
    return got


def mount_bpffs():
    """True where it is mounted now."""
    os.makedirs(BPFFS, exist_ok=True)
    with open("/proc/self/mounts") as f:
        if any(line.split()[1:3] == [BPFFS, "bpf"] for line in f):
            return True
    return slonet.sh("mount", "-t", "bpf", "bpf", BPFFS, check=False).returncode == 0


class Map:
    """A hash map, pinned where asked; gone with close()."""

    def __init__(self, key, value, entries=16384, kind=LRU_HASH, pin=None):
        self.key, self.value, self.pin = key, value, None
        # before 5.11 maps are charged to it, and later nobody minds
        with contextlib.suppress(ValueError):
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.fd = _bpf(MAP_CREATE, struct.pack("<5I", kind, key, value, entries, 0))
        if pin:
            os.makedirs(os.path.dirname(pin), exist_ok=True)
            path = ctypes.create_string_buffer(pin.encode())
            _bpf(OBJ_PIN, struct.pack("<QI", ctypes.addressof(path), self.fd))
            self.pin = pin

    def _change(self, cmd, key, value):
        """What a command does not take must be 0."""
        k = ctypes.create_string_buffer(key, len(key))
        v = ctypes.create_string_buffer(value, len(value)) if value else None
        _bpf(cmd, struct.pack("<IIQQQ", self.fd, 0, ctypes.addressof(k), ctypes.addressof(v) if v else 0, 0))

    def __setitem__(self, key, value):
        assert (len(key), len(value)) == (self.key, self.value)
        self._change(MAP_UPDATE, key, value)

    def __delitem__(self, key):
        self._change(MAP_DELETE, key, None)

    def close(self):
        if self.pin and os.path.exists(self.pin):
            os.unlink(self.pin)
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
