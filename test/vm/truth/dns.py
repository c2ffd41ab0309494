#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""DNS latency against the client's own clock: every way to ask, to be answered late, badly, twice or never."""
# timeout: 240
import os
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import slodns
import slonet
import slotest
from slotest import between, detail, ends, equal, holds, one, samples, test

SIGNAL = "dns_latency_ms"
DELAY_MS = 50  # on the way back; a floor, as neither netem nor the relay sends early
# The agent promises a timeout record within 10 s: + 1 s of its interval + 2 s for slow guests.
TIMEOUT_S = 13
READ_LATE_MS = 600
LATE_BY_MS = 100  # on a slow guest, from the driver to the socket

net = None
_unique = iter(range(1, 60000))


def fresh(verbs):
    """A name nobody asked before, so that a record is found by it; id as unlikely to occur by accident."""
    n = next(_unique)
    return f"{verbs}.q{n}x{os.getpid()}.test", (0x4000 + n * 257) & 0xffff


def about(records, name, qtype="A"):
    # The agent may write the root dot or not: not this test's business.
    return samples(records, SIGNAL, lambda r: str(detail(r, "qname", "")).rstrip(".") == name
                   and detail(r, "qtype") == qtype)


def verify(record, timed, proto="udp", rcode="NOERROR", hop="client", floor_ms=DELAY_MS):
    """The whole record of one lookup that was answered."""
    if record is None:
        return
    # No guess: the kernel's own receive stamp and the application's clock bracket the truth (slodns.Timed).
    between("latency ms", record["value"], max(timed.low_ms, floor_ms), timed.high_ms,
            "kernel receive stamp and application clock, 0.3 ms between clocks")
    between("time of the record", record["ts_unix_nano"] / 1e6, timed.stamp / 1e6 - 1, timed.end / 1e6 + 1,
            "the answer's arrival to its reading, 1 ms for the clock offset's sampling")
    equal("unit", record["unit"], "ms")
    equal("tuple", ends(record), (*timed.sock_name, *timed.server, proto))
    equal("pid", record["pid"], timed.pid)
    equal("rcode", detail(record, "rcode"), rcode)
    equal("hop", detail(record, "hop"), hop)


def asked_once(family, verbs="ok", qtype=slodns.A, rcode="NOERROR", **how):
    name, qid = fresh(verbs)
    timed, _ = slodns.ask_udp(net, family, name, qid, qtype, **how)
    records = yield
    record = one(name, about(records, name, "A" if qtype == slodns.A else "AAAA"))
    verify(record, timed, rcode=rcode)
    if record:
        equal("retries", detail(record, "retries", 0), 0)
    return record


# The first, as it takes long: the agent must speak while it runs, not only at its end.


def _when_told(agent, names):
    """{name: seconds until its record could be read}; in a process of its own, for other tests go on."""
    begin, when = time.monotonic(), {}
    while len(when) < len(names) and time.monotonic() - begin < TIMEOUT_S:
        for record in agent.peek():
            name = detail(record, "qname", "").rstrip(".")
            if name in names:
                when.setdefault(name, time.monotonic() - begin)
        time.sleep(0.5)
    return when


@test
def unanswered_query_is_reported_as_timeout(agent):
    asked = []
    for family in (4, 6):
        name, qid = fresh("drop")
        sock, server = slodns.udp_client(net, family, family == 4)
        times = slodns.send(sock, slodns.query(qid, name), server, family == 4)
        asked.append((family, name, times, sock, server))
    closed, qid = fresh("drop")
    sock, server = slodns.udp_client(net, 4, True)
    slodns.send(sock, slodns.query(qid, closed), server, True)
    sock.close()  # a resolver that gave up; the query is as unanswered as before
    names = {name for _, name, *_ in asked} | {closed}
    watch = slonet.spawn(_when_told, agent, names) if agent else None
    yield TIMEOUT_S - 2
    when = watch.result() if watch else {}
    records = yield
    for name in sorted(names):
        between("seconds until the record could be read", when.get(name, 999.0), 1.0, TIMEOUT_S,
                "10 s promised, 1 s interval, 0.5 s to look, 1.5 s for a slow guest")
    for family, name, (begin, sent), sock, server in asked:
        record = one(name, about(records, name))
        if not record:
            continue
        holds("timeout is said", detail(record, "timeout"), record.get("detail"))
        equal("status", record["status"], "error")
        equal("tuple", ends(record), (*sock.getsockname()[:2], *server[:2], "udp"))
        equal("pid", record["pid"], os.getpid())
        waited = (record["ts_unix_nano"] - begin) / 1e6
        # value is how long was waited up to the time of the record
        between("value", record["value"], waited - (sent - begin) / 1e6 - 5, waited + 5,
                "time of the record minus time of the query, 5 ms")
        sock.close()


@test
def connected_socket_v4():
    record = yield from asked_once(4)
    if record:
        equal("comm", record.get("comm"), comm)
        if own_cgroup is not None:
            equal("cgroup_id", record.get("cgroup_id"), own_cgroup)


@test
def connected_socket_v6():
    yield from asked_once(6)


def read_late(family):
    """Whoever waits for a CPU waits for no resolver: the lookup ends when its answer came."""
    name, qid = fresh("ok")
    sock, server = slodns.udp_client(net, family, True)
    with sock:
        begin, sent = slodns.send(sock, slodns.query(qid, name), server, True)
        time.sleep(READ_LATE_MS / 1e3)
        _, stamp, end = slodns.receive(sock)
        timed = slodns.Timed(begin, sent, stamp, end, sock.getsockname()[:2], server[:2], os.getpid())
    records = yield
    record = one(name, about(records, name))
    if record and stamp:
        verify(record, timed)
        between("latency ms although it was read late", record["value"], max(timed.low_ms, DELAY_MS),
                (stamp - begin) / 1e6 + LATE_BY_MS, f"the kernel's receive stamp, {LATE_BY_MS} ms; it was read {(end - stamp) / 1e6:.0f} ms later")


@test
def answer_that_is_read_late_v4():
    yield from read_late(4)


@test
def answer_that_is_read_late_v6():
    yield from read_late(6)


@test
def unconnected_socket_v4():
    yield from asked_once(4, connected=False)


@test
def unconnected_socket_v6():
    yield from asked_once(6, connected=False)


@test
def v4_mapped_address_on_a_v6_socket():
    name, qid = fresh("ok")
    with slonet.inside(net.c):
        sock = slodns.timestamped(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
    with sock:
        sock.settimeout(20)
        sock.connect((f"::ffff:{net.addr('s', 4)}", 53))
        begin, sent = slodns.send(sock, slodns.query(qid, name), None, True)
        _, stamp, end = slodns.receive(sock)
        mine = (net.addr("c", 4), sock.getsockname()[1])
    timed = slodns.Timed(begin, sent, stamp, end, mine, (net.addr("s", 4), 53), os.getpid())
    records = yield
    verify(one(name, about(records, name)), timed)


@test
def aaaa_v4():
    yield from asked_once(4, qtype=slodns.AAAA)


@test
def nxdomain_v4():
    yield from asked_once(4, "nx", rcode="NXDOMAIN")


@test
def refused_v6():
    yield from asked_once(6, "refused", rcode="REFUSED", connected=False)


@test
def servfail_v4():
    yield from asked_once(4, "servfail", rcode="SERVFAIL", connected=False)


@test
def edns_answer_longer_than_512_bytes_v4():
    yield from asked_once(4, "big1200", edns=1232)


@test
def fragmented_edns_answer_v4():
    slotest.needs("answers in pages")
    yield from asked_once(4, "big3000", edns=4096)


@test
def fragmented_edns_answer_v6():
    slotest.needs("answers in pages")
    yield from asked_once(6, "big3000", edns=4096)


@test
def name_of_three_long_labels_v4():
    # 3 x 63 letters do not fit into the agent's copy of the name: the record must still be right in all else.
    n, qid = fresh("ok")
    name = ".".join([n.split(".")[0], "l" * 63, "m" * 63, n.split(".")[1], "test"])
    timed, _ = slodns.ask_udp(net, 4, name, qid)
    records = yield
    record = one("the long name", samples(records, SIGNAL, lambda r: ends(r)[:2] == timed.sock_name))
    verify(record, timed)
    if record:
        cut = str(detail(record, "qname")).rstrip(".")
        holds("the name is a beginning of the name asked", len(cut) > 20 and name.startswith(cut.rstrip("…")), cut)


def over_tcp(family, verbs, split):
    slotest.unseen_by_bcc("DNS over TCP")
    name, qid = fresh(verbs)
    timed, _ = slodns.ask_tcp(net, family, name, qid, split)
    records = yield
    verify(one(name, about(records, name)), timed, proto="tcp")


@test
def tcp_v4():
    yield from over_tcp(4, "ok", False)


@test
def tcp_v6():
    yield from over_tcp(6, "ok", False)


@test
def tcp_with_length_and_body_in_segments_of_their_own_v4():
    yield from over_tcp(4, "split", True)


@test
def tcp_with_length_and_body_in_segments_of_their_own_v6():
    yield from over_tcp(6, "split", True)


@test
def tcp_answer_of_many_segments_v4():
    yield from over_tcp(4, "big20000", False)


@test
def truncated_answer_then_tcp_v4():
    slotest.unseen_by_bcc("DNS over TCP")
    name, qid = fresh("tc")
    udp, msg = slodns.ask_udp(net, 4, name, qid)
    assert slodns.parse(msg)[1] & 0x0200
    tcp, _ = slodns.ask_tcp(net, 4, name, qid, False)
    records = yield
    both = about(records, name)
    first = one("the UDP try", [r for r in both if ends(r)[4] == "udp"])
    verify(first, udp)
    if first:
        holds("truncated is said", detail(first, "truncated"), first.get("detail"))
    second = one("the TCP try", [r for r in both if ends(r)[4] == "tcp"])
    verify(second, tcp, proto="tcp")
    if second:
        holds("the TCP answer is not truncated", not detail(second, "truncated"), second.get("detail"))


def two_in_flight(family, connected):
    """A is answered 120 ms later than AAAA, which was asked second: the ids tell them apart."""
    name, qid = fresh("ok")
    slow, fast = "d120-" + name, name
    sock, server = slodns.udp_client(net, family, connected)
    truth = {}
    with sock:
        sent = {qid: slodns.send(sock, slodns.query(qid, slow), server, connected),
                qid ^ 0x5555: slodns.send(sock, slodns.query(qid ^ 0x5555, fast, slodns.AAAA), server, connected)}
        for _ in range(2):
            msg, stamp, end = slodns.receive(sock)
            got = slodns.parse(msg)[0]
            truth[got] = slodns.Timed(*sent[got], stamp, end, sock.getsockname()[:2], server, os.getpid())
    assert list(truth) == [qid ^ 0x5555, qid], "answers did not overtake"
    records = yield
    verify(one("the slow A", about(records, slow)), truth[qid], floor_ms=DELAY_MS + 120)
    verify(one("the quick AAAA", about(records, fast, "AAAA")), truth[qid ^ 0x5555])


@test
def answers_that_overtake_each_other_on_one_socket_v4():
    yield from two_in_flight(4, True)


@test
def answers_that_overtake_each_other_on_one_socket_v6():
    yield from two_in_flight(6, False)


def retried(family, connected):
    """The first query is ignored, the same id goes out again 300 ms later."""
    name, qid = fresh("dropone")
    sock, server = slodns.udp_client(net, family, connected)
    with sock:
        msg = slodns.query(qid, name)
        first = slodns.send(sock, msg, server, connected)
        time.sleep(0.3)
        again = slodns.send(sock, msg, server, connected)
        _, stamp, end = slodns.receive(sock)
        timed = slodns.Timed(*first, stamp, end, sock.getsockname()[:2], server, os.getpid())
        server_part = slodns.Timed(*again, stamp, end, None, None, 0)
    records = yield
    record = one(name, about(records, name))
    verify(record, timed, floor_ms=300 + DELAY_MS)
    if record:
        equal("retries", detail(record, "retries"), 1)
        between("server_ms", detail(record, "server_ms"), server_part.low_ms, server_part.high_ms,
                "as the latency, from the last query on")


@test
def query_sent_again_counts_from_the_first_v4():
    yield from retried(4, True)


@test
def query_sent_again_counts_from_the_first_v6():
    yield from retried(6, False)


def read_elsewhere(family):
    name, qid = fresh("ok")
    sock, server = slodns.udp_client(net, family, True)
    box = []
    with sock:
        reader = threading.Thread(target=lambda: box.append(slodns.receive(sock)))
        reader.start()
        begin, sent = slodns.send(sock, slodns.query(qid, name), server, True)
        tid = threading.get_native_id()
        reader.join()
        _, stamp, end = box[0]
        timed = slodns.Timed(begin, sent, stamp, end, sock.getsockname()[:2], server, os.getpid())
    records = yield
    record = one(name, about(records, name))
    verify(record, timed)
    if record:
        equal("tid", record["tid"], tid)


@test
def answer_read_by_another_thread_v4():
    yield from read_elsewhere(4)


@test
def answer_read_by_another_thread_v6():
    yield from read_elsewhere(6)


def _getaddrinfo(host, server):
    slonet.private_resolv_conf(f"nameserver {server}\noptions timeout:5 attempts:1\n", slotest.tmp)
    begin = time.time_ns()
    found = {a[0] for *_, a in socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM)}
    return begin, time.time_ns(), found


def through_libc(family):
    """glibc sends A and AAAA with one sendmmsg and polls for both."""
    name, _ = fresh("ok")
    child = slonet.spawn(_getaddrinfo, name, net.addr("s", family), ns=net.c, comm="slogai")
    pid = child.pid
    begin, end, found = child.result()
    assert found == {"192.0.2.1", "2001:db8::1"}, found
    records = yield
    ports = set()
    for qtype in ("A", "AAAA"):
        record = one(f"{name} {qtype}", about(records, name, qtype))
        if not record:
            continue
        # getaddrinfo's own time is the only application timer, so the floor is the link's delay.
        between("latency ms", record["value"], DELAY_MS, (end - begin) / 1e6 + 0.3,
                "the link's delay to the time that getaddrinfo took")
        equal("pid", record["pid"], pid)
        equal("comm", record.get("comm"), "slogai")
        # this child lives in the namespace; the other clients only made their socket there
        equal("netns", record.get("netns"), net.c.inode)
        equal("server", ends(record)[2:], (net.addr("s", family), 53, "udp"))
        ports.add(ends(record)[1])
    equal("sockets used for the two", len(ports), 1)


@test
def getaddrinfo_asks_a_and_aaaa_with_one_sendmmsg_v4():
    yield from through_libc(4)


@test
def getaddrinfo_asks_a_and_aaaa_with_one_sendmmsg_v6():
    yield from through_libc(6)


def multicast(family):
    name, qid = fresh("ok")
    timed, _ = slodns.ask_udp(net, family, name, qid, server=(net.addr("s", family), 5353))
    records = yield
    # another socket may have got the same port since
    mine = samples(records, SIGNAL, lambda r: ends(r)[:2] == timed.sock_name and ends(r)[3] == 5353)
    equal("records of an answered query to port 5353", len(mine) + len(about(records, name)), 0)


@test
def mdns_is_not_counted_v4():
    yield from multicast(4)


@test
def mdns_is_not_counted_v6():
    yield from multicast(6)


def _dnsmasq(ns, listen, *options):
    if not any(os.access(os.path.join(d, "dnsmasq"), os.X_OK) for d in ("/usr/sbin", "/sbin")):
        slotest.skip("dnsmasq is not installed (Debian: dnsmasq-base)")
    return slonet.spawn_program(
        ["/usr/sbin/dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-hosts", "--no-resolv",
         "--user=root", "--pid-file", "--bind-interfaces", "--except-interface=lo", "--cache-size=0",
         *(f"--listen-address={a}" for a in listen), *options], ns=ns)


def _until_it_answers(server):
    for _ in range(200):
        with slonet.inside(net.c):
            sock = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM)
        with sock:
            sock.settimeout(0.1)
            try:
                sock.connect((server, 53))
                sock.send(slodns.query(7, "chaos.ready.invalid"))
                return sock.recv(4096)
            except (ConnectionRefusedError, socket.timeout, OSError):
                time.sleep(0.1)
    raise RuntimeError(f"no DNS server at {server}")


def stub(family):
    """client -> dnsmasq on the loopback of the same host -> slodnsd behind the slow link."""
    near = "127.0.0.1" if family == 4 else "::1"
    proc = _dnsmasq(net.c, [near], f"--server={net.addr('s', family)}")
    try:
        # The very first question of a resolver that has just started must be known as upstream, too.
        _wait_bound(net.c, family, near)
        asked = []
        for _ in range(3):
            name, qid = fresh("ok")
            timed, _ = slodns.ask_udp(net, family, name, qid, server=(near, 53))
            asked.append((name, timed))
    finally:
        proc.kill()
        proc.wait()
    records = yield
    slotest.tells_all("a resolver's own queries from its clients'", bcc=True)
    for name, timed in asked:
        all_of = about(records, name)
        verify(one(f"{name} from the client", [r for r in all_of if r["pid"] != proc.pid]), timed)
        record = one(f"{name} from dnsmasq", [r for r in all_of if r["pid"] == proc.pid])
        if record:
            equal("hop", detail(record, "hop"), "upstream")
            equal("comm", record.get("comm"), "dnsmasq")
            equal("server", ends(record)[2:], (net.addr("s", family), 53, "udp"))
            between("latency ms", record["value"], DELAY_MS, timed.high_ms,
                    "the link's delay to the client's whole wait, of which it is a part")


def _wait_bound(ns, family, addr):
    """Until something is bound to UDP port 53, seen in /proc (asking would teach the agent who resolves)."""
    for _ in range(300):
        with slonet.inside(ns), open(f"/proc/thread-self/net/udp{'6' if family == 6 else ''}") as f:
            if any(line.split()[1].endswith(":0035") for line in f.readlines()[1:]):
                return
        time.sleep(0.05)
    raise RuntimeError(f"nobody listens on {addr} port 53")


@test
def stub_and_its_upstream_are_two_hops_v4():
    yield from stub(4)


@test
def stub_and_its_upstream_are_two_hops_v6():
    yield from stub(6)


def real_server(family):
    """The same with a server that we did not write: dnsmasq on the far side."""
    # the far address ends in .3 / ::3 so that it does not meet slodnsd on port 53
    far = net.addr("s", family)[:-1] + "3"
    net.s.ip(f"addr add {far}/{24 if family == 4 else 64} dev {net.DEV}{' nodad' if family == 6 else ''}")
    proc = _dnsmasq(net.s, [far], "--address=/test/192.0.2.7", "--host-record=known.example,2001:db8::7")
    try:
        _until_it_answers(far)
        name, qid = fresh("ok")
        good, msg = slodns.ask_udp(net, family, name, qid, server=(far, 53))
        assert msg.endswith(bytes([192, 0, 2, 7]))
        _, qid = fresh("ok")
        bad, _ = slodns.ask_udp(net, family, "unknown.example", qid, server=(far, 53))
        tname, qid = fresh("ok")
        tcp, _ = slodns.ask_tcp(net, family, tname, qid, False, server=(far, 53))
    finally:
        proc.kill()
        proc.wait()
    records = yield
    verify(one(name, about(records, name)), good)
    record = one("unknown.example", [r for r in about(records, "unknown.example") if ends(r)[:2] == bad.sock_name])
    verify(record, bad, rcode="REFUSED")
    if slotest.BACKEND != "bcc":
        verify(one(tname, about(records, tname)), tcp, proto="tcp")


@test
def dnsmasq_as_server_v4():
    yield from real_server(4)


@test
def dnsmasq_as_server_v6():
    yield from real_server(6)


@test
def every_id_of_one_socket_is_distinct():
    """A header read from the wrong place gives id 0 to all: 40 queries in flight then collapse into one."""
    sock, server = slodns.udp_client(net, 4, True)
    names = {}
    with sock:
        for i in range(40):
            name, _ = fresh("ok")
            names[i * 1021 + 1] = name
            slodns.send(sock, slodns.query(i * 1021 + 1, name), server, True)
        for _ in range(40):
            slodns.receive(sock)
    records = yield
    equal("names with exactly one record", sum(len(about(records, n)) == 1 for n in names.values()), 40)


comm = open("/proc/self/comm").read().strip()
own_cgroup = None


def main():
    global net, own_cgroup
    if slonet.cgroup2_root():
        with open("/proc/self/cgroup") as f:
            inside = [line.split("::", 1)[1].strip() for line in f if line.startswith("0::")]
        if inside:
            own_cgroup = slonet.cgroup_id(slonet.cgroup2_root() + inside[0])
    # with TLS measured too, packets come by the program that both share
    slotest.main({"signals": f"{SIGNAL},tls_handshake_ms"}, setup=make)


def make():
    global net
    net = slonet.Net()
    print(f"link: {net.how()}, answers {DELAY_MS} ms late")
    net.shape("s", delay_ms=DELAY_MS)
    slodns.start_server(net, ports=(53, 5353))
    # One lookup nobody checks: addresses are resolved and the kernel's receive stamps are on from here.
    keep = slodns.timestamped(net.socket("c", 4, socket.SOCK_DGRAM))
    make.keep = keep
    for family in (4, 6):
        slodns.ask_udp(net, family, "warm.up.test", 1)


main()
