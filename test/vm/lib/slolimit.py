# SPDX-License-Identifier: Apache-2.0
"""Cgroups with a limit, wherever this machine has the controller, and what the kernel itself says of stalls and waits.

Standard library only; see slonet.Cgroup for a folder that needs no controller.
"""
import atexit
import os
import socket
import struct
import time

import slonet
import slotest


def controller_root(controller):
    """(mount point, True where it is cgroup2) of a controller; a test is skipped where no cgroup may be given it."""
    with open("/proc/self/mounts") as f:
        mounts = [line.split()[1:4] for line in f]
    for where, kind, options in mounts:
        if kind == "cgroup" and controller in options.split(","):
            return where, False
    for where, kind, _ in mounts:
        if kind != "cgroup2":
            continue
        with open(os.path.join(where, "cgroup.subtree_control")) as f:
            if controller in f.read().split():
                return where, True
    slotest.skip(f"no cgroup hierarchy gives the {controller} controller to its children")
    return None


def io_controller():
    """Its name here."""
    root = slonet.cgroup2_root()
    if root:
        with open(os.path.join(root, "cgroup.subtree_control")) as f:
            if "io" in f.read().split():
                return "io"
    return "blkio"


def _named_root():
    """The hierarchy whose ids the records carry: cgroup2, else pids of v1."""
    return slonet.cgroup2_root() or controller_root("pids")[0]


class Limit:
    """A cgroup with controllers, and the one of the same path in the hierarchy that the records name; with their parents."""

    def __init__(self, name, *controllers):
        roots = [controller_root(c) for c in controllers]
        self._made, self._paths = [], []
        for controller, (root, v2) in zip(controllers, roots):
            self._make(root, name, controller if v2 else None)
        self.named = self._make(_named_root(), name, None)
        self.v2 = roots[0][1]
        self.path = self._paths[0]
        self.id = slonet.cgroup_id(self.named)
        slonet._cgroups.append(self)

    def _make(self, root, name, controller):
        """controller: cgroup2 gives it to a child only where all its parents do."""
        path = root
        for part in name.split("/"):
            if controller and path != root:
                with open(os.path.join(path, "cgroup.subtree_control"), "w") as f:
                    f.write(f"+{controller}")
            path = os.path.join(path, part)
            if not os.path.isdir(path):
                os.mkdir(path)
                self._made.append(path)
        if path not in self._paths:
            self._paths.append(path)
        return path

    def add(self, pid):
        for path in self._paths:
            with open(os.path.join(path, "cgroup.procs"), "w") as f:
                f.write(str(pid))

    def _where(self, file):
        return next(p for p in (os.path.join(path, file) for path in self._paths) if os.path.exists(p))

    def write(self, file, value):
        with open(self._where(file), "w") as f:
            f.write(str(value))

    def read(self, file):
        with open(self._where(file)) as f:
            return f.read()

    def numbers(self, file):
        """The {key: number} of a flat keyed file."""
        return {k: int(v) for k, v in (line.split() for line in self.read(file).splitlines())}

    # cpu

    def quota(self, percent, period_us=100000):
        """So much of one CPU; None lifts it."""
        spent = None if percent is None else period_us * percent // 100
        if self.v2:
            self.write("cpu.max", f"{'max' if spent is None else spent} {period_us}")
            return
        self.write("cpu.cfs_period_us", period_us)
        self.write("cpu.cfs_quota_us", -1 if spent is None else spent)

    def throttled(self):
        """(ms throttled, periods, throttled periods) since it was made."""
        stat = self.numbers("cpu.stat")
        ms = stat["throttled_usec"] / 1e3 if self.v2 else stat["throttled_time"] / 1e6
        return ms, stat["nr_periods"], stat["nr_throttled"]

    # disks

    def limit_reads(self, numbers, iops):
        """So many a second of the disk (major, minor); they wait before they are requests."""
        disk = f"{numbers[0]}:{numbers[1]}"
        if self.v2:
            self.write("io.max", f"{disk} riops={iops}")
        else:
            self.write("blkio.throttle.read_iops_device", f"{disk} {iops}")

    # memory

    def limit(self, size):
        self.write("memory.max" if self.v2 else "memory.limit_in_bytes", size)

    def refused(self):
        """How often it was over its limit: exactly the reclaims on v2, at least those on v1."""
        return self.numbers("memory.events")["max"] if self.v2 else int(self.read("memory.failcnt"))

    def pressure_ms(self):
        """Stalled for memory, by PSI: ms in which any task was; None where there is no PSI."""
        try:
            with open(os.path.join(self.named, "memory.pressure")) as f:
                return int(f.readline().rsplit("total=", 1)[1]) / 1e3
        except OSError:
            return None

    def close(self):
        for path in reversed(self._made):
            for _ in range(100):
                try:
                    os.rmdir(path)
                    break
                except FileNotFoundError:
                    break
                except OSError:  # a child is still being reaped
                    time.sleep(0.02)
        slonet._cgroups.remove(self)


_holes, _held = [], []


def cached_source():
    """A file whose pages are cached for whoever reads it, and dropped for the asking; at least 2 GB, of no disk."""
    slonet.modprobe("null_blk")
    if os.path.exists("/dev/nullb0"):
        _held.append(os.open("/dev/nullb0", os.O_RDONLY))  # the last close drops the cache of a block device
        return "/dev/nullb0"
    # holes are read from nowhere, and cached all the same
    path = os.path.join("/var/tmp", f"slo-truth-{os.getpid()}")
    with open(path, "wb") as f:
        f.truncate(2 << 30)
    if not _holes:
        atexit.register(lambda pid=os.getpid(): os.unlink(path) if os.getpid() == pid else None)
        _holes.append(path)
    return path


def stream(path, size, offset=0):
    """Reads so much through the page cache."""
    buf = bytearray(1 << 20)
    fd = os.open(path, os.O_RDONLY)
    try:
        for at in range(offset, offset + size, len(buf)):
            os.preadv(fd, [buf], at)
    finally:
        os.close(fd)


def compact():
    """Compacts all memory, a zone after the other, in the caller's own name: a stall of a kind that needs no limit."""
    with open("/proc/sys/vm/compact_memory", "w") as f:
        f.write("1")


def vmstat():
    with open("/proc/vmstat") as f:
        return {k: int(v) for k, v in (line.split() for line in f)}


def total(counters, prefix):
    return sum(v for k, v in counters.items() if k.startswith(prefix))


# --- delay accounting: the kernel's own sums of one thread's stalls ------------------------------------------------

DELAYACCT = "/proc/sys/kernel/task_delayacct"
# struct taskstats: an offset of each field that is used
_FREEPAGES, _COMPACT = 312, 352
_SHUFFLED = 15  # the one version that had fields in the middle


def enable_delayacct():
    """Of tasks that are made from now on. In a guest only: a host keeps the setting it has."""
    if not slotest.ON_HOST and os.path.exists(DELAYACCT):
        with open(DELAYACCT, "w") as f:
            f.write("1")


def has_delayacct():
    """From 5.14 it is off unless asked for; before it was always on."""
    if not os.path.exists(DELAYACCT):
        return True
    with open(DELAYACCT) as f:
        return f.read().strip() == "1"


def _attr(kind, data):
    return struct.pack("HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def _attrs(data):
    ret = {}
    while len(data) >= 4:
        size, kind = struct.unpack_from("HH", data)
        ret[kind & 0x3fff] = data[4:size]
        data = data[size + (-size % 4):]
    return ret


def _genl(sock, family, command, attrs):
    body = struct.pack("BBH", command, 1, 0) + attrs
    sock.send(struct.pack("IHHII", 16 + len(body), family, 1, 1, 0) + body)
    msg = sock.recv(65536)
    if struct.unpack_from("H", msg, 4)[0] == 2:  # NLMSG_ERROR
        raise OSError(-struct.unpack_from("i", msg, 16)[0], "taskstats")
    return _attrs(msg[20:struct.unpack_from("I", msg)[0]])


def stalls(tid):
    """{"freepages": (count, ms), "compact": (count, ms)} of a thread that is alive; a kind the kernel lacks is left out."""
    if not has_delayacct():
        return {}
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16) as sock:
        sock.bind((0, 0))
        # CTRL_CMD_GETFAMILY by CTRL_ATTR_FAMILY_NAME; TASKSTATS_CMD_GET by TASKSTATS_CMD_ATTR_PID
        family = struct.unpack("H", _genl(sock, 16, 3, _attr(2, b"TASKSTATS\0"))[1])[0]
        stats = _attrs(_genl(sock, family, 1, _attr(1, struct.pack("I", tid)))[4])[3]
    version = struct.unpack_from("H", stats)[0]
    ret = {}
    for name, offset in (("freepages", _FREEPAGES), ("compact", _COMPACT)):
        if version != _SHUFFLED and len(stats) >= offset + 16 and (name == "freepages" or version >= 11):
            count, ns = struct.unpack_from("QQ", stats, offset)
            ret[name] = (count, ns / 1e6)
    return ret
