#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""TCP connect latency and errors against the application's timer and the errno that it got."""
# timeout: 180
import ctypes
import errno
import mmap
import os
import select
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import slonet
import slotest
from slonet import delta
from slotest import between, detail, ends, equal, holds, one, samples, test

LATENCY, ERRORS = "connect_latency_ms", "connect_errors_total"
DELAY_MS = 60  # on the way back; a floor, neither netem nor the relay sends early
CLOCK_MS = 0.3  # between the application's clock and the kernel's

net = None


class Try:
    """One connect as the application saw it."""

    def __init__(self):
        self.begin = self.end = 0
        self.err, self.name, self.pid = 0, None, os.getpid()

    @property
    def ms(self):
        return (self.end - self.begin) / 1e6


def blocking(sock, addr):
    ret = Try()
    ret.begin = time.time_ns()
    ret.err = sock.connect_ex(addr)
    ret.end = time.time_ns()
    ret.name = sock.getsockname()[:2]
    return ret


def start(sock, addr):
    ret = Try()
    sock.setblocking(False)
    ret.begin = time.time_ns()
    ret.err = sock.connect_ex(addr)
    ret.end = time.time_ns()
    ret.name = sock.getsockname()[:2]
    return ret


def polled(sock, addr, timeout=20):
    ret = start(sock, addr)
    if ret.err == errno.EINPROGRESS:
        poll = select.poll()
        poll.register(sock, select.POLLOUT)
        assert poll.poll(timeout * 1000), "no outcome"
        ret.end = time.time_ns()
        ret.err = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return ret


def of(records, signal, port, dst=None):
    return samples(records, signal, lambda r: net.owns(r) and ends(r)[3] == port and (dst is None or ends(r)[2] == dst))


def verify_latency(records, attempt, family, port, floor_ms=DELAY_MS, syn_retrans=0):
    record = one("connect_latency_ms", of(records, LATENCY, port))
    if not record:
        return
    # The kernel's interval lies inside the application's, and the link holds the answer back for at least the floor.
    between("latency ms", record["value"], floor_ms - CLOCK_MS, attempt.ms + CLOCK_MS,
            "the link's delay to the application's timer, 0.3 ms between clocks")
    between("time of the record", record["ts_unix_nano"] / 1e6,
            attempt.begin / 1e6 + floor_ms - 1, attempt.end / 1e6 + 1,
            "begin + delay to the application's end, 1 ms for the clock offset's sampling")
    equal("unit", record["unit"], "ms")
    equal("tuple", ends(record), (*attempt.name, net.addr("s", family), port, "tcp"))
    equal("pid", record["pid"], attempt.pid)
    equal("netns", record.get("netns"), net.c.inode)
    equal("syn_retrans", detail(record, "syn_retrans", 0), syn_retrans)
    if not syn_retrans:
        # before 4.13 its timestamps count jiffies, which an emulator delivers late and several at once
        late_ms = 1 if slotest.KERNEL >= (4, 13) else 50
        between("srtt_ms", detail(record, "srtt_ms"), DELAY_MS - 1, attempt.ms + late_ms,
                f"the handshake is the only sample; {late_ms} ms as srtt is kept in eighths and may stem from timestamps")
    return record


def no_error(records, port):
    equal("connect_errors_total of the same connection", len(of(records, ERRORS, port)), 0)


def succeeds(family, port, how):
    listener = net.listen("s", family, port)
    with listener, net.socket("c", family) as sock:
        sock.settimeout(20)
        attempt = how(sock, (net.addr("s", family), port))
        assert attempt.err == 0, os.strerror(attempt.err)
    records = yield
    record = verify_latency(records, attempt, family, port)
    no_error(records, port)
    return record


@test
def blocking_connect_v4():
    record = yield from succeeds(4, 7101, blocking)
    if record:
        equal("comm", record["comm"], open("/proc/self/comm").read().strip())


@test
def blocking_connect_v6():
    yield from succeeds(6, 7102, blocking)


@test
def nonblocking_connect_v4():
    yield from succeeds(4, 7103, polled)


@test
def nonblocking_connect_v6():
    yield from succeeds(6, 7104, polled)


@test
def v4_mapped_address_on_a_v6_socket():
    with net.listen("s", 4, 7105), slonet.inside(net.c):
        sock = socket.socket(socket.AF_INET6)
        with sock:
            attempt = blocking(sock, (f"::ffff:{net.addr('s', 4)}", 7105))
        assert attempt.err == 0
        attempt.name = (net.addr("c", 4), attempt.name[1])
    records = yield
    verify_latency(records, attempt, 4, 7105)


# --- io_uring, by its bare system calls (include/uapi/linux/io_uring.h) ---


def _uring_connect(sock, addr, family):
    """One IORING_OP_CONNECT submitted and waited for; errno of the operation."""
    libc = ctypes.CDLL(None, use_errno=True)
    params = ctypes.create_string_buffer(120)
    fd = libc.syscall(425, 4, params)
    if fd < 0:
        slotest.skip(f"io_uring_setup: {os.strerror(ctypes.get_errno())}")
    raw = params.raw
    sq_tail, sq_mask, sq_array = (struct.unpack_from("I", raw, 40 + o)[0] for o in (4, 8, 24))
    cq_head, cq_mask, cq_cqes = (struct.unpack_from("I", raw, 80 + o)[0] for o in (0, 8, 20))
    entries = struct.unpack_from("II", raw)
    sq = mmap.mmap(fd, sq_array + entries[0] * 4, offset=0)
    cq = mmap.mmap(fd, cq_cqes + entries[1] * 16, offset=0x8000000)
    sqes = mmap.mmap(fd, entries[0] * 64, offset=0x10000000)
    host = socket.inet_pton(sock.family, addr[0])
    if family == 4:
        name = struct.pack("=HH4s8x", sock.family, socket.htons(addr[1]), host)
    else:
        name = struct.pack("=HHI16sI", sock.family, socket.htons(addr[1]), 0, host, 0)
    keep = ctypes.create_string_buffer(name, len(name))
    # IORING_OP_CONNECT 16: fd, off = length of the address, addr = the address
    struct.pack_into("=BBHiQQ", sqes, 0, 16, 0, 0, sock.fileno(), len(name), ctypes.addressof(keep))
    tail = struct.unpack_from("I", sq, sq_tail)[0]
    struct.pack_into("I", sq, sq_array + (tail & struct.unpack_from("I", sq, sq_mask)[0]) * 4, 0)
    struct.pack_into("I", sq, sq_tail, tail + 1)
    ret = libc.syscall(426, fd, 1, 1, 1, None, 0)  # io_uring_enter, IORING_ENTER_GETEVENTS
    assert ret == 1, os.strerror(ctypes.get_errno())
    head = struct.unpack_from("I", cq, cq_head)[0]
    result = struct.unpack_from("=Qi", cq, cq_cqes + (head & struct.unpack_from("I", cq, cq_mask)[0]) * 16)[1]
    os.close(fd)
    return -result


def by_uring(family):
    def how(sock, addr):
        sock.setblocking(True)
        ret = Try()
        ret.begin = time.time_ns()
        ret.err = _uring_connect(sock, addr, family)
        ret.end = time.time_ns()
        if ret.err == errno.EINVAL:
            slotest.skip("this kernel's io_uring has no connect")
        ret.name = sock.getsockname()[:2]
        return ret
    return how


@test
def io_uring_connect_v4():
    yield from succeeds(4, 7106, by_uring(4))


@test
def io_uring_connect_v6():
    yield from succeeds(6, 7107, by_uring(6))


# --- SYN lost once ---


def syn_lost_once(family, port):
    with net.listen("s", family, port), net.socket("c", family) as sock:
        before = net.c.counters()
        net.shape("c", loss=100)
        attempt = start(sock, (net.addr("s", family), port))
        time.sleep(0.3)
        net.shape("c", loss=0)
        sock.setblocking(True)
        poll = select.poll()
        poll.register(sock, select.POLLOUT)
        assert poll.poll(20000)
        attempt.end = time.time_ns()
        again = delta(before, net.c.counters(), "TcpExt.TCPSynRetrans")
    assert again >= 1
    records = yield
    # The first SYN's timer is 1 s (RFC 6298); timers may fire a few ms early, as jiffies are rounded: 10 ms.
    verify_latency(records, attempt, family, port, floor_ms=1000 + DELAY_MS - 10, syn_retrans=again)
    no_error(records, port)


@test
def syn_lost_once_then_connected_v4():
    yield from syn_lost_once(4, 7108)


@test
def syn_lost_once_then_connected_v6():
    yield from syn_lost_once(6, 7109)


# --- errors ---


def verify_error(records, attempt, port, dst, error, origin, aborted=False, syn_retrans=0, after=None, weak=None):
    found = samples(records, ERRORS, lambda r: ends(r)[3] == port and ends(r)[2] == dst)
    record = one(f"connect_errors_total ({error})", found)
    equal("connect_latency_ms of the same connection",
          len(samples(records, LATENCY, lambda r: ends(r)[3] == port and ends(r)[2] == dst)), 0)
    if not record:
        return
    equal("value", record["value"], 1)
    equal("unit", record["unit"], "count")
    equal("pid", record["pid"], attempt.pid)
    equal("aborted", bool(detail(record, "aborted")), aborted)
    if not aborted:
        equal("error", detail(record, "error"), error)
        equal("errno", record.get("errno"), getattr(errno, error))
        equal("origin", detail(record, "origin"), origin)
    equal("syn_retrans", detail(record, "syn_retrans", 0), syn_retrans)
    low, high = after or (0.0, attempt.ms + CLOCK_MS)
    between("after_ms", detail(record, "after_ms", 0.0 if origin == "local" else None), low, high,
            "the application's timer, 0.3 ms between clocks")
    return record


def refused(family, port, how):
    with net.socket("c", family) as sock:
        sock.settimeout(20)
        attempt = how(sock, (net.addr("s", family), port))
    assert attempt.err == errno.ECONNREFUSED, os.strerror(attempt.err)
    records = yield
    record = verify_error(records, attempt, port, net.addr("s", family), "ECONNREFUSED", "remote",
                          after=(DELAY_MS - CLOCK_MS, attempt.ms + CLOCK_MS))
    if record:
        equal("tuple", ends(record), (*attempt.name, net.addr("s", family), port, "tcp"))
        equal("netns", record.get("netns"), net.c.inode)


@test
def refused_blocking_v4():
    yield from refused(4, 7120, blocking)


@test
def refused_blocking_v6():
    yield from refused(6, 7121, blocking)


@test
def refused_nonblocking_v4():
    # the socket has no name any more when the application learns of it: start() asked before
    yield from refused(4, 7122, polled)


@test
def refused_nonblocking_v6():
    yield from refused(6, 7123, polled)


@test
def filtered_and_given_up_by_the_application():
    tries = []
    before = net.c.counters()
    for family in (4, 6):
        sock = net.socket("c", family)
        tries.append((family, sock, start(sock, (net.hole(family), 7124))))
    time.sleep(2)
    retrans = delta(before, net.c.counters(), "TcpExt.TCPSynRetrans")
    for _, sock, attempt in tries:
        attempt.low_ms = (time.time_ns() - attempt.end) / 1e6 - CLOCK_MS
        sock.close()
        attempt.end = time.time_ns()
    assert retrans >= 2 and retrans % 2 == 0, retrans
    records = yield
    for family, _, attempt in tries:
        record = verify_error(records, attempt, 7124, net.hole(family), None, "remote", aborted=True,
                              syn_retrans=retrans // 2, after=(attempt.low_ms, attempt.ms + CLOCK_MS))
        if record:
            equal("tuple", ends(record), (*attempt.name, net.hole(family), 7124, "tcp"))


@test
def closed_before_any_syn_was_repeated_is_no_error():
    """Happy eyeballs' losing attempt: the application lost interest after 20 ms, nothing has failed."""
    for family in (4, 6):
        sock = net.socket("c", family)
        start(sock, (net.hole(family), 7125))
        time.sleep(0.02)
        sock.close()
    records = yield
    equal("connect_errors_total", len(of(records, ERRORS, 7125)), 0)
    equal("connect_latency_ms", len(of(records, LATENCY, 7125)), 0)


def syn_retries(value=None):
    """Reads or sets it: of the namespace, else (4.4) of the machine, which has but one."""
    had = net.c.sysctl("net.ipv4.tcp_syn_retries", value)
    if had is not None:
        return had
    if value is None:
        with open("/proc/sys/net/ipv4/tcp_syn_retries", encoding="ascii") as f:
            return f.read().strip()
    with open("/proc/sys/net/ipv4/tcp_syn_retries", "w", encoding="ascii") as f:
        f.write(str(value))
    return str(value)


@test
def kernel_gives_up_with_etimedout():
    old = syn_retries()
    # 6.5 and later send the first SYNs a second apart, beyond tcp_syn_retries
    linear = net.c.sysctl("net.ipv4.tcp_syn_linear_timeouts")
    syn_retries(1)
    if linear is not None:
        net.c.sysctl("net.ipv4.tcp_syn_linear_timeouts", 0)
    socks = [(family, net.socket("c", family)) for family in (4, 6)]
    tries = [(family, sock, start(sock, (net.hole(family), 7126))) for family, sock in socks]
    for _, sock, attempt in tries:
        poll = select.poll()
        poll.register(sock, select.POLLOUT)
        assert poll.poll(20000)
        attempt.end = time.time_ns()
        attempt.err = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        assert attempt.err == errno.ETIMEDOUT, attempt.err
    syn_retries(old)
    if linear is not None:
        net.c.sysctl("net.ipv4.tcp_syn_linear_timeouts", linear)
    records = yield
    for family, sock, attempt in tries:
        # 1 s to the second SYN, 2 s to the end: 3 s, timers rounded to jiffies
        verify_error(records, attempt, 7126, net.hole(family), "ETIMEDOUT", "remote", syn_retrans=1,
                     after=(2980.0, attempt.ms + CLOCK_MS))
        sock.close()


def fails_here(family, port, dst, error):
    """The kernel refuses in connect itself, nothing is sent."""
    slotest.needs("no_route")
    slotest.tells_all("failures before the first SYN", bcc=True)
    with net.socket("c", family) as sock:
        attempt = blocking(sock, (dst, port))
    assert attempt.err == getattr(errno, error), os.strerror(attempt.err)
    records = yield
    record = verify_error(records, attempt, port, dst, error, "local")
    if record and os.environ.get("SLO_ROW_SYSCALL") == "fentry":
        # a tracepoint at one call's exit takes time of every other call
        equal("hook of the call's end, where functions can be hooked", record["source"], "fentry")


@test
def no_route_is_enetunreach_v4():
    yield from fails_here(4, 7130, "192.0.2.1", "ENETUNREACH")


@test
def no_route_is_enetunreach_v6():
    yield from fails_here(6, 7131, "2001:db8::1", "ENETUNREACH")


@test
def unreachable_route_is_ehostunreach_v4():
    yield from fails_here(4, 7132, "198.51.100.1", "EHOSTUNREACH")


@test
def unreachable_route_is_ehostunreach_v6():
    yield from fails_here(6, 7133, "2001:db8:1::1", "EHOSTUNREACH")


def router_says_no(family, port, dst, error):
    """The far side is a router without a way on: its ICMP ends the connect."""
    slotest.tells_all("what routers report", bcc=True)
    with net.socket("c", family) as sock:
        sock.settimeout(20)
        attempt = blocking(sock, (dst, port))
    assert attempt.err == getattr(errno, error), os.strerror(attempt.err)
    records = yield
    verify_error(records, attempt, port, dst, error, "remote", after=(DELAY_MS - CLOCK_MS, attempt.ms + CLOCK_MS))


@test
def router_reports_host_unreachable_v4():
    yield from router_says_no(4, 7134, "203.0.113.1", "EHOSTUNREACH")


@test
def router_reports_no_route_v6():
    # The same errno as without a route here, but from elsewhere.
    yield from router_says_no(6, 7135, "2001:db8:2::1", "ENETUNREACH")


def ports_used_up(family, port):
    """Two local ports, both taken: the third connect finds none."""
    slotest.tells_all("that no port was free", bcc=True)
    old = net.c.sysctl("net.ipv4.ip_local_port_range")
    net.c.sysctl("net.ipv4.ip_local_port_range", "20000 20001")
    held = []
    try:
        with net.listen("s", family, port):
            for _ in range(2):
                held.append(net.socket("c", family))
                held[-1].connect((net.addr("s", family), port))
            with net.socket("c", family) as sock:
                attempt = blocking(sock, (net.addr("s", family), port))
    finally:
        for sock in held:
            slonet.reset(sock)
        net.c.sysctl("net.ipv4.ip_local_port_range", old.replace("\t", " "))
    assert attempt.err == errno.EADDRNOTAVAIL, os.strerror(attempt.err)
    records = yield
    equal("connects that did succeed", len(of(records, LATENCY, port)), 2)
    record = one("connect_errors_total (EADDRNOTAVAIL)", of(records, ERRORS, port))
    if record:
        equal("error", detail(record, "error"), "EADDRNOTAVAIL")
        equal("origin", detail(record, "origin"), "local")
        equal("aborted", bool(detail(record, "aborted")), False)
        equal("pid", record["pid"], attempt.pid)
        equal("value", record["value"], 1)


@test
def local_ports_used_up_v4():
    yield from ports_used_up(4, 7140)


@test
def local_ports_used_up_v6():
    yield from ports_used_up(6, 7141)


def _udp_probe():
    """What getaddrinfo does to sort addresses: connect UDP sockets, also to where no route leads."""
    errors = []
    for family, dst in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            errors.append(sock.connect_ex((dst, 80)))
    return os.getpid(), errors


@test
def udp_connect_is_no_connect():
    pid, errors = slonet.spawn(_udp_probe, ns=net.c).result()
    assert errors == [errno.ENETUNREACH] * 2, errors
    records = yield
    equal("records of the process", len([r for r in records if r["pid"] == pid]), 0)


def _unix():
    with socket.socket(socket.AF_UNIX) as sock:
        err = sock.connect_ex("/nonexistent/slo.sock")
    return os.getpid(), err


@test
def failed_unix_connect_is_no_tcp_error():
    pid, err = slonet.spawn(_unix, ns=net.c).result()
    assert err == errno.ENOENT
    records = yield
    equal("records of the process", len([r for r in records if r["pid"] == pid]), 0)


@test
def second_connect_on_a_connected_socket_is_no_error():
    """EISCONN and EALREADY are answers to a question, not outcomes of a connect."""
    with net.listen("s", 4, 7150), net.socket("c", 4) as sock:
        addr = (net.addr("s", 4), 7150)
        attempt = start(sock, addr)
        assert sock.connect_ex(addr) == errno.EALREADY
        poll = select.poll()
        poll.register(sock, select.POLLOUT)
        assert poll.poll(20000)
        attempt.end = time.time_ns()
        sock.connect_ex(addr)
        assert sock.connect_ex(addr) == errno.EISCONN
    records = yield
    verify_latency(records, attempt, 4, 7150)
    no_error(records, 7150)


def _child_connects(family, port):
    sock = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6)
    ret = blocking(sock, (net.addr("s", family), port))
    sock.close()
    return ret


def another_process(family, port):
    """Connected from a child in a cgroup of its own while hogs burn the CPUs that take the interrupts."""
    cgroup = slonet.Cgroup(f"slo-truth-{os.getpid()}") if slonet.cgroup2_root() else None
    with net.listen("s", family, port):
        hogs = [slonet.spawn(slonet.spin, 20, comm="slohog", cpus={cpu}) for cpu in os.sched_getaffinity(0)]
        attempt = slonet.spawn(_child_connects, family, port, ns=net.c, cgroup=cgroup, comm="sloconn").result()
        for hog in hogs:
            hog.kill()
    cgroup_id = cgroup.id if cgroup else None
    if cgroup:
        cgroup.close()
    assert attempt.err == 0
    records = yield
    record = verify_latency(records, attempt, family, port)
    if record:
        equal("comm", record["comm"], "sloconn")
        if cgroup_id:
            equal("cgroup_id", record.get("cgroup_id"), cgroup_id)


@test
def owner_is_the_connecting_process_v4():
    yield from another_process(4, 7151)


@test
def owner_is_the_connecting_process_v6():
    yield from another_process(6, 7152)


def make():
    global net
    net = slonet.Net()
    print(f"link: {net.how()}, answers {DELAY_MS} ms late")
    net.shape("s", delay_ms=DELAY_MS)
    # routes that refuse: here, and behind the far side as a router
    net.c.ip("route add unreachable 198.51.100.0/24", "route add unreachable 2001:db8:1::/48",
             f"route add 203.0.113.0/24 via {net.addr('s', 4)} dev {net.DEV} onlink",
             f"route add 2001:db8:2::/48 via {net.addr('s', 6)} dev {net.DEV} onlink")
    net.s.sysctl("net.ipv4.ip_forward", 1)
    net.s.sysctl("net.ipv6.conf.all.forwarding", 1)
    net.s.ip("route add unreachable 203.0.113.0/24", "route add unreachable 2001:db8:2::/48")
    # addresses are resolved from here on
    for family in (4, 6):
        with net.socket("c", family) as sock:
            blocking(sock, (net.addr("s", family), 7100))


slotest.main({"signals": f"{LATENCY},{ERRORS}"}, setup=make)
