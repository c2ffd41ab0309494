#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""TCP retransmits against the kernel's own counters of the namespace: every segment, and why it was sent again."""
# timeout: 180
import errno
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import slonet
import slotest
from slonet import delta, reset
from slotest import between, detail, ends, equal, holds, samples, test
from slotrace import Unseen, seen

SIGNAL = "tcp_retransmits_total"
RTT_MS = 20
PACKET_SEGMENTS = 46  # 64 KiB of an MSS that is 1428 at least
# All comparisons below are exact: the counters move in the same kernel functions that the agent watches.

net = None
cgroup = None
unseen = None


class Window:
    """What one namespace's counters gained, and the records of its sockets in the same time."""

    def __init__(self, ns):
        self.ns, self.begin, self.before = ns, time.time_ns(), ns.counters()
        self.hidden = unseen.count()

    def close(self):
        self.after, self.end = self.ns.counters(), time.time_ns()
        # segments, of which an event may have as many as a packet holds
        self.hidden = (unseen.count() - self.hidden) * PACKET_SEGMENTS

    def gain(self, key):
        return delta(self.before, self.after, "Tcp." + key if key == "RetransSegs" else "TcpExt." + key)

    def records(self, records, where):
        # 5 ms: the agent samples the offset between its two clocks
        return [r for r in samples(records, SIGNAL, where)
                if self.begin - 5e6 <= r["ts_unix_nano"] <= self.end + 5e6]


def total(records, kind=None):
    return sum(r["value"] for r in records if kind is None or detail(r, "kind") == kind)


def sent_by(side, family):
    """Records of sockets on that side; on the loopback of c both ends are c's."""
    return lambda r: ends(r)[0] == net.addr(side, family)


def sums_up(window, records):
    """RetransSegs counts each segment tried, TCPRetransFail those of them that this host could not send."""
    if slotest.BACKEND == "btf_free":
        # a tracepoint's record does not say of how many segments the packet was
        between("packets sent again", total(records), bool(window.gain("RetransSegs")), window.gain("RetransSegs"),
                "one packet holds one segment or more")
        return
    seen("segments sent again = RetransSegs - TCPRetransFail", total(records) - total(records, "failed"),
         window.gain("RetransSegs") - window.gain("TCPRetransFail"), window.hidden)


def timed_out(window):
    """Before 4.19 a timeout in the middle of a recovery is counted as that one's failure, and not in TCPTimeouts."""
    failures = ("TCPSackRecoveryFail", "TCPRenoRecoveryFail", "TCPSackFailures", "TCPRenoFailures", "TCPLossFailures")
    return any(window.gain(name) for name in ("TCPTimeouts", *failures))


def by_old_counters(window, records, fast):
    """Before 4.19 a timeout in the middle of a recovery is not in TCPTimeouts, so these are bounds, and the sum is exact."""
    left = window.gain("RetransSegs") - window.gain("TCPRetransFail") - fast
    rto, tlp = total(records, "rto"), total(records, "tlp")
    equal("kind fast = TCPFastRetrans + TCPForwardRetrans", total(records, "fast"), fast)
    equal("kinds rto and tlp = RetransSegs less these", rto + tlp, left)
    low = window.gain("TCPTimeouts") + window.gain("TCPSlowStartRetrans")
    holds("kind rto >= TCPTimeouts + TCPSlowStartRetrans", rto >= low, f"{rto} >= {low}")
    holds("kind tlp <= TCPLossProbes", tlp <= window.gain("TCPLossProbes"), f"{tlp} <= {window.gain('TCPLossProbes')}")
    strange = {detail(r, "kind") for r in records} - {"fast", "rto", "tlp", "failed"}
    equal("kinds that do not belong here", strange, set())


def by_kind(window, records):
    """For connections that are established: the four causes, each with its counter.

    RTO: the timer sends the head (TCPTimeouts), acknowledgements then clock out the rest (TCPSlowStartRetrans).
    A tail-loss probe may also carry new data, which is no retransmit: TCPLossProbes is an upper bound, and what the
    other counters leave of RetransSegs is exact.
    """
    if slotest.BACKEND == "btf_free":
        equal("kinds", {detail(r, "kind") for r in records}, {"other"})
        return
    # TCPForwardRetrans: of kernels before 4.8, a part of fast recovery with a counter of its own
    fast = window.gain("TCPFastRetrans") + window.gain("TCPForwardRetrans")
    if slotest.KERNEL < (4, 19):
        by_old_counters(window, records, fast)
        return
    rto = window.gain("TCPTimeouts") + window.gain("TCPSlowStartRetrans")
    left = window.gain("RetransSegs") - window.gain("TCPRetransFail") - fast - rto
    seen("kind fast = TCPFastRetrans", total(records, "fast"), fast, window.hidden)
    seen("kind rto = TCPTimeouts + TCPSlowStartRetrans", total(records, "rto"), rto, window.hidden)
    seen("kind tlp = RetransSegs less all these", total(records, "tlp"), left, window.hidden)
    holds("kind tlp <= TCPLossProbes", total(records, "tlp") <= window.gain("TCPLossProbes"),
          f"{total(records, 'tlp')} <= {window.gain('TCPLossProbes')}")
    strange = {detail(r, "kind") for r in records} - {"fast", "rto", "tlp", "failed"}
    equal("kinds that do not belong here", strange, set())


def _connected(family, port):
    """A pair over the link, clean: connect and accept before anything is lost."""
    listener = net.listen("s", family, port)
    client = net.socket("c", family)
    client.settimeout(20)
    client.connect((net.addr("s", family), port))
    server, _ = listener.accept()
    listener.close()
    return client, server


def _sender(sock, peer, ns, want, limit):
    """Sends until the namespace has sent enough segments again, then a blackout's worth more."""
    peer.close()
    begin, block = ns.counters(), b"x" * 16384
    until = time.monotonic() + limit
    sock.settimeout(0.5)
    while time.monotonic() < until and delta(begin, ns.counters(), "Tcp.RetransSegs") < want:
        try:
            for _ in range(4):
                sock.send(block)
        except socket.timeout:
            pass
    return os.getpid()


def _sink(sock, peer):
    peer.close()
    try:
        while sock.recv(1 << 16):
            pass
    except OSError:
        pass


def bulk(side, family, port):
    """Loss in the middle of a bulk transfer, sent by a process of its own while another burns its CPU."""
    client, server = _connected(family, port)
    out, into = (client, server) if side == "c" else (server, client)
    ns = net.c if side == "c" else net.s
    window = Window(ns)
    sink = slonet.spawn(_sink, into, out)
    net.shape(side, loss=4)
    busy = [slonet.spawn(slonet.spin, 20, comm="slohog", cpus={cpu}) for cpu in os.sched_getaffinity(0)]
    sender = slonet.spawn(_sender, out, into, ns, 25, 8, cgroup=cgroup, comm="slosender")
    pid = sender.pid
    sender.result()
    for hog in busy:
        hog.kill()
    # A blackout in which the connection still has data to send: probe, then timeout. Both sockets are open here.
    net.shape(side, loss=100)
    out.settimeout(0.1)
    try:
        out.send(b"y" * 4000)
    except socket.timeout:
        pass
    time.sleep(1.2)
    net.shape(side, loss=0)
    time.sleep(0.8)
    sink.kill()
    reset(out)
    reset(into)
    window.close()
    assert window.gain("RetransSegs") >= 5, "nothing was lost"
    assert timed_out(window), "no timeout"
    assert window.gain("TCPSynRetrans") == 0
    name = (net.addr(side, family), net.addr("s" if side == "c" else "c", family))
    records = yield
    mine = window.records(records, sent_by(side, family))
    sums_up(window, mine)
    by_kind(window, mine)
    equal("peers", {ends(r)[::2][:2] for r in mine}, {name})
    equal("protocols", {ends(r)[4] for r in mine}, {"tcp"})
    equal("passive", {bool(detail(r, "passive")) for r in mine}, {side == "s"})
    if slotest.BACKEND == "btf_free" and side == "s":
        return  # an accepted socket is known by its listener's port, which was gone before the agent looked
    # The socket was made by this process and sent on by a child in another cgroup. Owner: who made the socket
    # (the kernel keeps that in the socket); never a bystander that the interrupt hit.
    owners = {r["pid"] for r in mine}
    holds("owner is the maker or the sender, not a bystander", owners <= {pid, os.getpid()}, owners)
    equal("netns", {r.get("netns") for r in mine}, {ns.inode})


@test
def bulk_transfer_of_the_client_v4():
    yield from bulk("c", 4, 7001)


@test
def bulk_transfer_of_the_client_v6():
    yield from bulk("c", 6, 7002)


@test
def bulk_transfer_of_the_accepting_side_v4():
    yield from bulk("s", 4, 7003)


@test
def bulk_transfer_of_the_accepting_side_v6():
    yield from bulk("s", 6, 7004)


def _connect_and_send(family, port):
    """All in one process and cgroup: connect, lose, send again."""
    sock = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6)
    sock.connect((net.addr("s", family), port))
    net.shape("c", loss=100)
    sock.send(b"z" * 3000)
    time.sleep(1.0)
    net.shape("c", loss=0)
    time.sleep(0.8)
    reset(sock)


def owner(family, port):
    listener = net.listen("s", family, port)
    window = Window(net.c)
    busy = [slonet.spawn(slonet.spin, 20, comm="slohog", cpus={cpu}) for cpu in os.sched_getaffinity(0)]
    child = slonet.spawn(_connect_and_send, family, port, ns=net.c, cgroup=cgroup, comm="slosender")
    pid = child.pid
    child.result()
    for hog in busy:
        hog.kill()
    listener.close()
    window.close()
    assert window.gain("RetransSegs") >= 2
    records = yield
    mine = window.records(records, sent_by("c", family))
    sums_up(window, mine)
    by_kind(window, mine)
    if slotest.BACKEND == "libbpf":
        holds("a tail-loss probe came first", total(mine, "tlp") >= 1 or window.gain("TCPLossProbes") == 0 or window.hidden,
              total(mine, "tlp"))
    equal("pid", {r["pid"] for r in mine}, {pid})
    equal("comm", {r["comm"] for r in mine}, {"slosender"})
    if cgroup is not None:
        equal("cgroup_id", {r.get("cgroup_id") for r in mine}, {cgroup.id})


@test
def owner_is_the_sender_while_others_burn_the_cpus_v4():
    yield from owner(4, 7005)


@test
def owner_is_the_sender_while_others_burn_the_cpus_v6():
    yield from owner(6, 7006)


def _begin_connect(sock, addr):
    sock.setblocking(False)
    err = sock.connect_ex(addr)
    assert err in (0, errno.EINPROGRESS), os.strerror(err)


def syns_only(window, records, minimum):
    seen("kind syn = TCPSynRetrans", total(records, "syn"), window.gain("TCPSynRetrans"), window.hidden)
    sums_up(window, records)
    equal("kinds", {detail(r, "kind") for r in records}, {"syn"})
    holds(f"at least {minimum}", total(records) >= minimum, total(records))
    equal("pid", {r["pid"] for r in records}, {os.getpid()})


@test
def syns_into_a_black_hole():
    window = Window(net.c)
    socks = []
    for family in (4, 6):
        for port in (7010, 7011):
            socks.append(net.socket("c", family))
            _begin_connect(socks[-1], (net.hole(family), port))
    time.sleep(1.6)
    for sock in socks:
        sock.close()
    window.close()
    assert window.gain("TCPSynRetrans") >= 4, window.gain("TCPSynRetrans")
    records = yield
    mine = window.records(records, lambda r: ends(r)[2] in (net.hole(4), net.hole(6)))
    syns_only(window, mine, 4)
    equal("records of both families", {ends(r)[2] for r in mine}, {net.hole(4), net.hole(6)})
    states = {str(detail(r, "tcp_state")).upper().replace("TCP_", "") for r in mine}
    equal("tcp_state", states - {"SYN_SENT", "2"}, set())


def full_backlog(family):
    """A listener that accepts nobody: its host drops the SYNs of the third and fourth. Needs no link at all."""
    loopback = "127.0.0.1" if family == 4 else "::1"
    port = 7020 + family
    listener = net.listen("c", family, port, backlog=0, addr=loopback)
    window = Window(net.c)
    socks = []
    for _ in range(4):
        socks.append(net.socket("c", family))
        _begin_connect(socks[-1], (loopback, port))
    time.sleep(1.6)
    for sock in socks:
        reset(sock)
    listener.close()
    window.close()
    assert window.gain("TCPSynRetrans") >= 2, window.gain("TCPSynRetrans")
    records = yield
    mine = window.records(records, lambda r: port in ends(r)[1:4:2] and slotest.in_ns(r, net.c))
    seen("kind syn + synack = TCPSynRetrans", total(mine, "syn") + total(mine, "synack"), window.gain("TCPSynRetrans"), window.hidden)
    sums_up(window, mine)
    holds("at least 2 SYNs", total(mine, "syn") >= 2, total(mine, "syn"))


@test
def listener_with_a_full_backlog_v4():
    yield from full_backlog(4)


@test
def listener_with_a_full_backlog_v6():
    yield from full_backlog(6)


def lost_synack(family, port):
    """The SYN arrives, its answer does not: the server's timer and the client's repeated SYN both answer again."""
    listener = net.listen("s", family, port)
    there, here = Window(net.s), Window(net.c)
    net.shape("s", loss=100)
    sock = net.socket("c", family)
    _begin_connect(sock, (net.addr("s", family), port))
    time.sleep(1.6)
    net.shape("s", loss=0)
    reset(sock)
    time.sleep(0.2)
    listener.close()
    there.close()
    here.close()
    assert there.gain("TCPSynRetrans") >= 1
    records = yield
    theirs = there.records(records, sent_by("s", family))
    seen("server: kind synack = TCPSynRetrans", total(theirs, "synack"), there.gain("TCPSynRetrans"), there.hidden)
    sums_up(there, theirs)
    equal("server: ends", {(ends(r)[1], ends(r)[2]) for r in theirs}, {(port, net.addr("c", family))})
    equal("server: passive", {bool(detail(r, "passive")) for r in theirs}, {True})
    ours = here.records(records, sent_by("c", family))
    seen("client: kind syn = TCPSynRetrans", total(ours, "syn"), here.gain("TCPSynRetrans"), here.hidden)


@test
def synack_lost_v4():
    yield from lost_synack(4, 7030)


@test
def synack_lost_v6():
    yield from lost_synack(6, 7031)


@test
def clean_transfer_retransmits_nothing():
    window = Window(net.c)
    for family, port in ((4, 7040), (6, 7041)):
        client, server = _connected(family, port)
        client.sendall(b"x" * 20000)
        left = 20000
        while left:
            left -= len(server.recv(1 << 16))
        client.close()
        server.close()
    time.sleep(0.2)
    window.close()
    records = yield
    mine = window.records(records, lambda r: slotest.in_ns(r, net.c))
    sums_up(window, mine)


@test
def aggregates_count_the_same_segments():
    """Without --emit all one record stands for an interval: their sum is the counters', too."""
    agent = slotest.Agent(SIGNAL, emit=None)
    window = Window(net.c)
    socks = []
    for family in (4, 6):
        for port in range(7050, 7055):
            socks.append(net.socket("c", family))
            _begin_connect(socks[-1], (net.hole(family), port))
    time.sleep(1.6)
    for sock in socks:
        sock.close()
    window.close()
    assert window.gain("TCPSynRetrans") >= 10
    records = agent.stop()
    mine = slotest.aggregates(records, SIGNAL, lambda r: slotest.in_ns(r, net.c))
    seen("sum of the aggregates = RetransSegs", sum(r["value"] for r in mine), window.gain("RetransSegs"), window.hidden)
    seen("count of the aggregates", sum(r["count"] for r in mine), window.gain("RetransSegs"), window.hidden)
    equal("kinds", {detail(r, "kind") for r in mine}, {"syn"})


def make():
    global net, cgroup, unseen
    unseen = Unseen("tcp/tcp_retransmit_skb", "tcp/tcp_retransmit_synack")
    net = slonet.Net()
    print(f"link: {net.how()}, {RTT_MS} ms round trip")
    net.shape("s", delay_ms=RTT_MS)
    for ns in (net.c, net.s):
        # no state of earlier connections to the same address may change how the next one begins
        ns.sysctl("net.ipv4.tcp_no_metrics_save", 1)
    if slonet.cgroup2_root():
        cgroup = slonet.Cgroup(f"slo-truth-{os.getpid()}")
    else:
        print("cgroup ids are not checked: no cgroup2 mounted")


slotest.main({"signals": SIGNAL}, setup=make)
