# SPDX-License-Identifier: Apache-2.0
"""Two hosts in one kernel, with a lossy wire between them: namespaces, links, cgroups, children, kernel counters.

The wire is veth + netem; where the kernel has no sch_netem it is a pair of TUN devices joined by a process that
delays and drops packets, so the same causes exist on every kernel. Standard library only.
"""
import contextlib
import ctypes
import heapq
import mmap
import os
import pickle
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import time
import traceback
from fcntl import ioctl

_libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
PR_SET_NAME, PR_SET_PDEATHSIG = 15, 1
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000


def _sys(name, *args):
    if getattr(_libc, name)(*args) != 0:
        err = ctypes.get_errno()
        raise OSError(err, f"{name}: {os.strerror(err)}")


def sh(*argv, text=None, check=True):
    """Runs one command to its end; what it wrote to stderr is in the exception."""
    done = subprocess.run(argv, input=text, text=True, capture_output=True, timeout=60, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip() or done.returncode} {text or ''}")
    return done


_modprobed = {}


def modprobe(name):
    """True where the module is there; one built in without parameters looks as if absent: try the feature itself."""
    if name not in _modprobed:
        try:
            _modprobed[name] = sh("modprobe", "-q", name, check=False).returncode == 0
        except FileNotFoundError:
            _modprobed[name] = False
        _modprobed[name] = _modprobed[name] or os.path.isdir(f"/sys/module/{name}")
    return _modprobed[name]


# --- namespaces ---------------------------------------------------------------------------------------------------


class Netns:
    """A named network namespace with its loopback up; gone with close()."""

    def __init__(self, name):
        self.name = name
        sh("ip", "netns", "add", name)
        self.fd = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
        self.inode = os.fstat(self.fd).st_ino
        sh("ip", "-n", name, "link", "set", "lo", "up")

    def close(self):
        os.close(self.fd)
        sh("ip", "netns", "del", self.name, check=False)

    def ip(self, *lines):
        """Several ip(8) command lines with one process: starting one is slow under emulation."""
        sh("ip", "-n", self.name, "-batch", "-", text="".join(line + "\n" for line in lines))

    def sysctl(self, key, value=None):
        """Writes a sysctl of the namespace, or reads it; None where this kernel has none."""
        path = "/proc/sys/" + key.replace(".", "/")
        with inside(self):
            try:
                if value is None:
                    with open(path) as f:
                        return f.read().strip()
                with open(path, "w") as f:
                    f.write(str(value))
            except FileNotFoundError:
                return None
        return str(value)

    def counters(self):
        """{"Tcp.RetransSegs": n, "TcpExt.TCPSynRetrans": n, ...} of the namespace."""
        ret = {}
        with inside(self):
            for name in ("snmp", "netstat"):
                with open(f"/proc/thread-self/net/{name}") as f:
                    lines = f.read().splitlines()
                for keys, values in zip(lines[::2], lines[1::2]):
                    group, keys = keys.split(":")
                    for key, value in zip(keys.split(), values.split(":")[1].split()):
                        ret[f"{group}.{key}"] = int(value)
        return ret


def delta(before, after, key):
    return after.get(key, 0) - before.get(key, 0)


_home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


@contextlib.contextmanager
def inside(ns):
    """This thread in the namespace (None: stay); sockets made here belong to it for good."""
    if ns is None:
        yield
        return
    _sys("setns", ns.fd, CLONE_NEWNET)
    try:
        yield
    finally:
        _sys("setns", _home, CLONE_NEWNET)


def private_resolv_conf(text, folder):
    """For a child: from here on this process alone reads text as /etc/resolv.conf."""
    _sys("unshare", CLONE_NEWNS)
    _sys("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    mine = os.path.join(folder, f"resolv.{os.getpid()}")
    with open(mine, "w") as f:
        f.write(text)
    target = os.path.realpath("/etc/resolv.conf")
    if not os.path.exists(target):
        with open(target, "w"):
            pass
    _sys("mount", mine.encode(), target.encode(), None, MS_BIND, None)


# --- children -----------------------------------------------------------------------------------------------------

_children = []


class Child:
    """A forked function; result() is what it returned or raises what it raised."""

    def __init__(self, pid, fd):
        self.pid, self._fd, self._result = pid, fd, None
        _children.append(self)

    def result(self, timeout=60):
        if self._result is None:
            data, until = b"", time.monotonic() + timeout
            while True:
                left = until - time.monotonic()
                if left <= 0 or not select.select([self._fd], [], [], left)[0]:
                    self.kill()
                    raise TimeoutError(f"child {self.pid} gave no result within {timeout} s")
                part = os.read(self._fd, 1 << 16)
                if not part:
                    break
                data += part
            self._reap()
            self._result = pickle.loads(data) if data else (False, "ended without a result")
        ok, value = self._result
        if not ok:
            raise RuntimeError(f"child {self.pid}: {value}")
        return value

    def kill(self):
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            self._reap()

    def _reap(self):
        os.waitpid(self.pid, 0)
        os.close(self._fd)
        _children.remove(self)
        self.pid = None


def set_comm(name):
    _sys("prctl", PR_SET_NAME, ctypes.create_string_buffer(name.encode()), 0, 0, 0)


def spawn(fn, *args, ns=None, cgroup=None, comm=None, cpus=None):
    """Forks and runs fn(*args) in the namespace, cgroup and CPU set given. Dies with its parent."""
    sys.stdout.flush()
    sys.stderr.flush()
    rd, wr = os.pipe()
    pid = os.fork()
    if pid:
        os.close(wr)
        return Child(pid, rd)
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.close(rd)
        _sys("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if cgroup is not None:
            cgroup.add(os.getpid())
        if ns is not None:
            _sys("setns", ns.fd, CLONE_NEWNET)
        if cpus is not None:
            os.sched_setaffinity(0, cpus)
        if comm is not None:
            set_comm("slo-longer-name")  # 5.10 keeps its end behind the NUL of the shorter one that follows
            set_comm(comm)
        answer = (True, fn(*args))
    except BaseException:  # all of it is the parent's to judge
        answer = (False, traceback.format_exc())
    with contextlib.suppress(OSError):
        with os.fdopen(wr, "wb") as f:
            f.write(pickle.dumps(answer))
    os._exit(0)


def spawn_program(argv, ns=None, cgroup=None):
    """Starts an installed program in a namespace; killed with the test."""

    def prepare():
        _sys("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if cgroup is not None:
            cgroup.add(os.getpid())
        if ns is not None:
            _sys("setns", ns.fd, CLONE_NEWNET)

    proc = subprocess.Popen(argv, preexec_fn=prepare, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _programs.append(proc)
    return proc


_programs = []


def spin(seconds):
    """Burns a CPU without a system call."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for _ in range(2000):
            pass


# --- the wire -----------------------------------------------------------------------------------------------------


def _tun(ns, name):
    with inside(ns):
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return fd


def _relay(fds, ctl, seed):
    """Carries packets between two TUN devices; ctl holds delay in ms and loss in percent for each direction."""
    rng, waiting, serial = random.Random(seed), [], 0
    while True:
        left = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        for fd in select.select(fds, [], [], left)[0]:
            side = fds.index(fd)
            with contextlib.suppress(BlockingIOError):
                while True:
                    packet = os.read(fd, 65536)
                    delay_ms, loss = struct.unpack_from("dd", ctl, side * 16)
                    if rng.random() * 100 >= loss:
                        serial += 1
                        heapq.heappush(waiting, (time.monotonic() + delay_ms / 1e3, serial, 1 - side, packet))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, side, packet = heapq.heappop(waiting)
            with contextlib.suppress(OSError):
                os.write(fds[side], packet)


def have_netem():
    modprobe("sch_netem")
    probe = Netns(f"slo{os.getpid()}p")
    try:
        return sh("tc", "-n", probe.name, "qdisc", "add", "dev", "lo", "root", "netem",
                  "delay", "1ms", check=False).returncode == 0
    finally:
        probe.close()


class Net:
    """Namespaces c (client, .1) and s (server, .2) with a link between them, IPv4 and IPv6.

    Addresses depend on the process, so that two runs on one machine cannot take each other's records.
    hole(family) is an address behind the link that swallows every packet.
    """

    DEV = "slo0"

    def __init__(self):
        pid = os.getpid()
        self.net4 = f"10.{100 + pid % 100}.{pid // 100 % 250}"
        self.net6 = f"fd77:{pid & 0xffff:x}::"
        self._state = {"c": [0.0, 0.0], "s": [0.0, 0.0]}
        self.netem = have_netem()
        self.c, self.s = Netns(f"slo{pid}c"), Netns(f"slo{pid}s")
        self.wire = None
        if self.netem:
            modprobe("veth")
            self.c.ip(f"link add {self.DEV} type veth peer name {self.DEV} netns {self.s.name}")
        else:
            modprobe("tun")
            fds = [_tun(self.c, self.DEV), _tun(self.s, self.DEV)]
            self._ctl = mmap.mmap(-1, 4096)
            self.wire = spawn(_relay, fds, self._ctl, 1)
            for fd in fds:
                os.close(fd)
        for ns, host in ((self.c, 1), (self.s, 2)):
            ns.ip(f"addr add {self.net4}.{host}/24 dev {self.DEV}",
                  f"addr add {self.net6}{host}/64 dev {self.DEV} nodad",
                  f"link set {self.DEV} mtu 1500 up")
        if self.netem:
            self.c.ip(*(f"neigh replace {self.hole(f)} lladdr 02:00:00:00:00:99 nud permanent dev {self.DEV}"
                        for f in (4, 6)))
            for ns in (self.c, self.s):
                sh("tc", "-n", ns.name, "qdisc", "add", "dev", self.DEV, "root", "netem", "limit", "100000")
        _nets.append(self)

    def addr(self, side, family):
        host = 1 if side == "c" else 2
        return f"{self.net4}.{host}" if family == 4 else f"{self.net6}{host}"

    def hole(self, family):
        return f"{self.net4}.99" if family == 4 else f"{self.net6}99"

    def shape(self, side, delay_ms=None, loss=None):
        """What leaves the side is delayed and dropped like this from now on."""
        state = self._state[side]
        state[0] = state[0] if delay_ms is None else float(delay_ms)
        state[1] = state[1] if loss is None else float(loss)
        if self.wire:
            struct.pack_into("dd", self._ctl, 0 if side == "c" else 16, *state)
            return
        ns = self.c if side == "c" else self.s
        sh("tc", "-n", ns.name, "qdisc", "change", "dev", self.DEV, "root", "netem", "limit", "100000",
           "delay", f"{state[0]}ms", "loss", f"{state[1]}%")

    def how(self):
        return "veth+netem" if self.netem else "TUN relay (this kernel has no sch_netem)"

    def owns(self, record):
        """Whether a record's connection is one of this net's: nobody else's traffic counts."""
        tup = record.get("conn_tuple") or {}
        return any(str(tup.get(k, "")).startswith((self.net4 + ".", self.net6)) for k in ("src_ip", "dst_ip"))

    def socket(self, side, family, kind=socket.SOCK_STREAM):
        with inside(self.c if side == "c" else self.s):
            sock = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, kind)
        if family == 6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        return sock

    def listen(self, side, family, port, backlog=128, addr=None):
        sock = self.socket(side, family)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((addr or self.addr(side, family), port))
        sock.listen(backlog)
        return sock

    def close(self):
        if self.wire:
            self.wire.kill()
        self.c.close()
        self.s.close()
        _nets.remove(self)


_nets = []


def reset(sock):
    """Closes a TCP socket with RST: no segment is sent again after this."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


# --- cgroups ------------------------------------------------------------------------------------------------------


def cgroup2_root():
    """Where the cgroup2 hierarchy is mounted, or None (v1 only)."""
    with open("/proc/self/mounts") as f:
        for line in f:
            if line.split()[2] == "cgroup2":
                return line.split()[1]
    return None


def pids_root():
    """Where the pids controller of v1 is mounted, or None."""
    with open("/proc/self/mounts") as f:
        for where, kind, options in (line.split()[1:4] for line in f):
            if kind == "cgroup" and "pids" in options.split(","):
                return where
    return None


def cgroup_id(path):
    """What the kernel calls the cgroup: its file handle's 8 bytes, which st_ino is only the lower half of from 4.14 to 5.4."""
    handle = ctypes.create_string_buffer(struct.pack("@Ii", 8, 0) + bytes(8), 16)
    mount = ctypes.c_int()
    if ctypes.CDLL(None, use_errno=True).name_to_handle_at(-100, path.encode(), handle, ctypes.byref(mount), 0):
        return os.stat(path).st_ino
    size, _, number = struct.unpack("@IiQ", handle.raw)
    return number if size == 8 else os.stat(path).st_ino


class Cgroup:
    """A folder below the root of cgroup2, else of pids, made with its parents; id is what the records carry."""

    def __init__(self, name):
        root = cgroup2_root() or pids_root()
        self.path, self._made = os.path.join(root, name), []
        path = root
        for part in name.split("/"):
            path = os.path.join(path, part)
            if not os.path.isdir(path):
                os.mkdir(path)
                self._made.append(path)
        self.id = cgroup_id(self.path)
        _cgroups.append(self)

    def add(self, pid):
        with open(os.path.join(self.path, "cgroup.procs"), "w") as f:
            f.write(str(pid))

    def close(self):
        for path in reversed(self._made):
            for _ in range(50):
                try:
                    os.rmdir(path)
                    break
                except OSError:  # a child is still being reaped, or another run shares the folder
                    time.sleep(0.02)
        _cgroups.remove(self)


_cgroups = []


def cleanup():
    """Ends everything this process made; safe to call twice."""
    for child in list(_children):
        child.kill()
    for proc in _programs:
        if proc.poll() is None:
            proc.kill()
            proc.wait()
    for thing in list(_nets) + list(reversed(_cgroups)):  # children before their parents
        with contextlib.suppress(Exception):
            thing.close()
