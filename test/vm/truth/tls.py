#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""TLS handshakes and their failures against the timers of OpenSSL, GnuTLS, Go and Node, and the errors they gave.

Each test asks for a server name of its own, so that its records are counted exactly: all sockets of this kernel are
seen, the server's and the proxies' too, and one handshake must have one record.
"""
# needs: openssl gnutls-bin nodejs golang-go
# timeout: 600
import contextlib
import functools
import os
import resource
import select
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import slonet
import slotest
import slotls
from slotest import Agent, apart, between, check, detail, ends, equal, holds, one, samples, test

LATENCY, FAILURE = "tls_handshake_ms", "tls_handshake_fail_total"
DELAY_MS = 40  # on the way back; a floor, neither netem nor the relay sends early
CLOCK_MS = 0.3  # between the application's clock and the kernel's
# What an application sees beside the wire and its own CPU time is its wake-up: the best of a few on a busy machine.
WAKE_MS = 5 if slotest.ON_HOST else 25
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
NAMES = {V12: "1.2", V13: "1.3"}
COUNT = 3

net = None
_serial = 0


def fresh():
    global _serial
    _serial += 1
    return f"n{_serial}-{os.getpid()}.tls.test"


def about(records, signal, sni):
    return samples(records, signal, lambda r: detail(r, "sni") == sni)


def verify(records, timed, version, trips, port=None, family=None, flags=()):
    """One record of one good handshake; trips: how often the delayed direction was waited for."""
    record = one(f"{timed.sni} ({version})", about(records, LATENCY, timed.sni))
    equal("failures of the same handshake", len(about(records, FAILURE, timed.sni)), 0)
    if not record:
        return None
    # The interval on the wire lies inside the application's, and the link holds each answer back for the floor.
    between("latency ms", record["value"], trips * DELAY_MS - CLOCK_MS, timed.ms + CLOCK_MS,
            "the link's delays to the application's timer, 0.3 ms between clocks")
    between("server_ms", detail(record, "server_ms"), DELAY_MS - CLOCK_MS, record["value"], "one delay to the whole")
    equal("tls_version", detail(record, "tls_version"), version)
    equal("unit", record["unit"], "ms")
    if timed.name and port:
        equal("tuple", ends(record), (*timed.name, net.addr("s", family), port, "tcp"))
    for key in ("hello_retry", "early_data", "server_side"):
        equal(key, bool(detail(record, key)), key in flags)
    return record


def verify_all(records, all_timed, *args, pid=None, comm=None, **kwargs):
    """Several; the best must be as near to the application's timer as its own work and wake-up allow."""
    off = []
    for timed in all_timed:
        record = verify(records, timed, *args, **kwargs)
        if record:
            off.append(timed.ms - timed.cpu_ms - record["value"])
            equal("pid", record["pid"], pid or os.getpid())
            equal("comm", record.get("comm"), comm or own_comm)
    if off:
        between("the least that the application waited beyond the wire and its own CPU time, ms", min(off),
                -max(t.cpu_ms for t in all_timed) - CLOCK_MS, WAKE_MS, "CPU time overlaps the wire; a wake-up")


def verify_failure(records, sni, reason, by_peer, begin, end, alert=None, version=None, low_ms=0.0):
    record = one(f"failure of {sni} ({reason})", about(records, FAILURE, sni))
    equal("good handshakes of the same", len(about(records, LATENCY, sni)), 0)
    if not record:
        return
    equal("reason", detail(record, "reason"), reason)
    equal("by_peer", bool(detail(record, "by_peer")), by_peer)
    equal("value", record["value"], 1)
    equal("unit", record["unit"], "count")
    if alert is not None:
        equal("alert", detail(record, "alert"), alert)
    if version:
        equal("tls_version", detail(record, "tls_version"), version)
    between("after_ms", detail(record, "after_ms"), low_ms - CLOCK_MS, (end - begin) / 1e6 + CLOCK_MS,
            "the application's timer, 0.3 ms between clocks")


# --- what takes long comes first, and waits while the others go on --------------------------------------------------


@test
def never_answered_and_never_closed(agent):
    tries = []
    for family in (4, 6):
        sock = slotls.connect(net, family, 7444)
        sock.setblocking(False)
        sni = fresh()
        tls = slotls.client_context(slotest.tmp).wrap_socket(sock, server_hostname=sni, do_handshake_on_connect=False)
        begin = time.time_ns()
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        tries.append((sni, begin, tls))
    yield 13
    end = time.time_ns()
    records = yield
    for sni, begin, tls in tries:
        # 10 s promised, looked for once in an interval of 1 s
        verify_failure(records, sni, "timeout", False, begin, end, low_ms=9900)
        tls.close()


# --- good handshakes ----------------------------------------------------------------------------------------------


def good(version, family, port, trips, count=COUNT, flags=(), **client):
    ctx = slotls.client_context(slotest.tmp, **client)
    done = []
    for _ in range(count):
        timed, tls = slotls.handshake(slotls.connect(net, family, port), ctx, fresh())
        assert tls, timed.error
        tls.close()
        done.append(timed)
    records = yield
    verify_all(records, done, NAMES[version], trips, port=port, family=family, flags=flags)


@test
def openssl_1_2_v4():
    yield from good(V12, 4, 7402, 2)


@test
def openssl_1_2_v6():
    yield from good(V12, 6, 7402, 2)


@test
def openssl_1_3_v4():
    yield from good(V13, 4, 7403, 1)


@test
def openssl_1_3_v6():
    yield from good(V13, 6, 7403, 1)


@test
def hello_retry_request_v4():
    yield from good(V13, 4, 7404, 2, flags=("hello_retry",))


@test
def hello_retry_request_v6():
    yield from good(V13, 6, 7404, 2, flags=("hello_retry",))


@test
def client_certificate_taken_1_2():
    yield from good(V12, 4, 7405, 2, cert="client")


@test
def client_certificate_taken_1_3():
    yield from good(V13, 6, 7406, 1, cert="client")


@test
def client_certificate_taken_in_silence_1_3():
    """The server sends no tickets and has nothing to say: that it did not refuse shows only by time."""
    ctx = slotls.client_context(slotest.tmp, cert="client")
    timed, tls = slotls.handshake(slotls.connect(net, 4, 7407), ctx, fresh(), talk=False)
    assert tls, timed.error
    yield 6
    records = yield
    tls.close()
    verify(records, timed, "1.3", 1, 7407, 4)


@test
def client_hello_of_three_segments_v4():
    alpn = [f"protocol-number-{i}-of-a-long-list" for i in range(110)]
    yield from good(V13, 4, 7403, 1, alpn=alpn)


@test
def client_hello_of_three_segments_v6():
    alpn = [f"protocol-number-{i}-of-a-long-list" for i in range(110)]
    yield from good(V12, 6, 7402, 2, alpn=alpn)


def resumed(version, family, port, trips):
    ctx = slotls.client_context(slotest.tmp)
    # a session belongs to its server name
    sni = fresh()
    first, tls = slotls.handshake(slotls.connect(net, family, port), ctx, sni)
    tls.close()
    again, tls = slotls.handshake(slotls.connect(net, family, port), ctx, sni, session=first.session)
    assert tls.session_reused
    tls.close()
    records = yield
    got = about(records, LATENCY, sni)
    equal("records of both", len(got), 2)
    mine = [r for r in got if ends(r)[1] == again.name[1]]
    verify(mine, again, NAMES[version], trips, port, family)


@test
def resumption_1_2_v4():
    # the order is reversed: the client's Finished is the last
    yield from resumed(V12, 4, 7402, 1)


@test
def resumption_1_3_v6():
    yield from resumed(V13, 6, 7403, 1)


# --- other libraries ----------------------------------------------------------------------------------------------


def _go_client():
    path = os.path.join(os.environ.get("SLO_TREE", ""), "build", "vm", "tls_client")
    if not os.access(path, os.X_OK):
        slotest.skip("build/vm/tls_client was not built (Debian: golang-go)")
    return path


def listed(argv, sni, version, family, port, trips, comm):
    """A client that prints its local port, begin, nanoseconds and version for each handshake."""
    text, code = slotls.program(argv, net.c)
    assert code == 0, text
    done = []
    for line in text.splitlines():
        local, begin, took, minor = map(int, line.split())
        timed = slotls.Timed(sni)
        timed.name, timed.begin, timed.end = (net.addr("c", family), local), begin, begin + took
        assert f"1.{minor}" == version, line
        done.append(timed)
    equal("handshakes of the client", len(done), COUNT)
    records = yield
    got = about(records, LATENCY, sni)
    equal("records", len(got), COUNT)
    for timed in done:
        record = verify([r for r in got if ends(r)[1] == timed.name[1]], timed, version, trips, port, family)
        if record:
            equal("comm", record.get("comm"), comm)
            equal("netns", record.get("netns"), net.c.inode)


def go(version, family, port, trips):
    sni = fresh()
    host = net.addr("s", family)
    host = f"[{host}]" if family == 6 else host
    yield from listed([_go_client(), f"{host}:{port}", sni, f"{slotest.tmp}/server.pem", version, str(COUNT)],
                      sni, version, family, port, trips, "tls_client")


@test
def go_1_2_v6():
    yield from go("1.2", 6, 7402, 2)


@test
def go_1_3_v4():
    # from Go 1.24 on with a post-quantum key share: two segments
    yield from go("1.3", 4, 7403, 1)


NODE = """
const tls = require('tls'), net = require('net'), fs = require('fs');
const [host, port, name, ca, version, count] = process.argv.slice(1);
function once(left) {
  if (!left) return;
  const raw = net.connect(+port, host, () => {
    const begin = BigInt(Date.now()) * 1000000n, tick = process.hrtime.bigint();
    const c = tls.connect({socket: raw, servername: name, ca: fs.readFileSync(ca), minVersion: version,
      maxVersion: version}, () => {
      // called before the Finished is written: what is written behind it tells when that was
      c.write('hello', () => console.log(raw.localPort, begin.toString(),
        (process.hrtime.bigint() - tick).toString(), c.getProtocol().slice(-1)));
      c.once('data', () => { c.destroy(); once(left - 1); });
    });
  });
}
once(+count);
"""


@functools.cache
def _node_comm(path):
    """Node names its main thread itself."""
    return subprocess.run([path, "-p", "require('fs').readFileSync('/proc/self/comm', 'utf8').trim()"],
                          capture_output=True, text=True, check=True, timeout=100).stdout.strip()


def node(version, family, port, trips):
    path = slotls.need("node", "nodejs")
    sni = fresh()
    yield from listed([path, "-e", NODE, net.addr("s", family), str(port), sni, f"{slotest.tmp}/server.pem",
                       f"TLSv{version}", str(COUNT)], sni, version, family, port, trips, _node_comm(path))


@test
def node_with_its_own_openssl_1_2_v4():
    yield from node("1.2", 4, 7402, 2)


@test
def node_with_its_own_openssl_1_3_v6():
    yield from node("1.3", 6, 7403, 1)


def gnutls(version, family, port, trips):
    """gnutls-cli has no timer: its whole run is the upper bound. The server is GnuTLS too."""
    client, server = slotls.need("gnutls-cli", "gnutls-bin"), slotls.need("gnutls-serv", "gnutls-bin")
    prio = f"NORMAL:-VERS-ALL:+VERS-TLS{version}"
    proc = slonet.spawn_program([server, "--echo", "--port", str(port), "--x509certfile", f"{slotest.tmp}/server.pem",
                                 "--x509keyfile", f"{slotest.tmp}/server.key", "--priority", prio, "--quiet"],
                                ns=net.s)
    try:
        _until_open(family, port)
        timed = slotls.Timed(fresh())
        timed.begin = time.time_ns()
        text, code = slotls.program([client, "--port", str(port), "--x509cafile", f"{slotest.tmp}/server.pem",
                                        "--sni-hostname", timed.sni, "--verify-hostname", "localhost",
                                        "--priority", prio, net.addr("s", family)], net.c, input="")
        timed.end = time.time_ns()
        assert code == 0 and "Handshake was completed" in text, text
    finally:
        proc.kill()
        proc.wait()
    records = yield
    record = verify(records, timed, version, trips)
    if record:
        equal("comm", record.get("comm"), "gnutls-cli")
        equal("server", ends(record)[2:], (net.addr("s", family), port, "tcp"))


def _until_open(family, port):
    for _ in range(300):
        with net.socket("c", family) as sock:
            sock.settimeout(2)
            if sock.connect_ex((net.addr("s", family), port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"nobody listens on port {port}")


@test
def gnutls_1_2_v6():
    yield from gnutls("1.2", 6, 7421, 2)


@test
def gnutls_1_3_v4():
    yield from gnutls("1.3", 4, 7422, 1)


@test
def early_data_is_marked_and_ends_nothing_v4():
    openssl = slotls.need("openssl", "openssl")
    port, folder = 7423, slotest.tmp
    # it ends a connection where its own input ends
    proc = slotls.start([openssl, "s_server", "-accept", str(port), "-cert", f"{folder}/server.pem", "-key",
                         f"{folder}/server.key", "-tls1_3", "-early_data"], net.s)
    try:
        _until_open(4, port)
        sni = fresh()
        base = [openssl, "s_client", "-connect", f"{net.addr('s', 4)}:{port}", "-servername", sni, "-tls1_3"]
        with open(f"{folder}/early", "w") as f:
            f.write("early bird\n" * 20)
        # the ticket arrives behind the handshake
        session = f"{folder}/session"
        _s_client([*base, "-sess_out", session], lambda _: os.path.exists(session) and os.path.getsize(session))
        begin = time.time_ns()
        text = _s_client([*base, "-sess_in", session, "-early_data", f"{folder}/early"], lambda said: "Early data was" in said)
        end = time.time_ns()
        assert "Early data was accepted" in text, text
    finally:
        proc.kill()
        proc.wait()
    records = yield
    got = sorted(about(records, LATENCY, sni), key=lambda r: r["ts_unix_nano"])
    if not check(len(got) == 2, "records", len(got), 2):
        return
    equal("failures", len(about(records, FAILURE, sni)), 0)
    equal("early_data of the first", bool(detail(got[0], "early_data")), False)
    equal("early_data of the second", bool(detail(got[1], "early_data")), True)
    between("latency ms", got[1]["value"], DELAY_MS - CLOCK_MS, (end - begin) / 1e6, "one delay to the client's run")
    equal("tls_version", detail(got[1], "tls_version"), "1.3")


def _s_client(argv, enough):
    """What it says until that is enough, and until its end that follows."""
    proc, said, until = slotls.start(argv, net.c), "", time.monotonic() + 20
    proc.stdin.write("one\n")
    proc.stdin.flush()
    while not enough(said) and time.monotonic() < until:
        if select.select([proc.stdout], [], [], 0.1)[0]:
            more = os.read(proc.stdout.fileno(), 65536).decode(errors="replace")
            if not more:
                break
            said += more
    return said + proc.communicate(timeout=60)[0]


# --- how the bytes travel -----------------------------------------------------------------------------------------


def through_proxy(version, family, port, server_port, how, trips):
    ctx = slotls.client_context(slotest.tmp)
    timed, tls = slotls.handshake(slotls.connect(net, family, port), ctx, fresh())
    assert tls, timed.error
    tls.close()
    records = yield
    # three sockets beside the client's carry the same hello
    verify(records, timed, NAMES[version], trips, port, family)


@test
def records_cut_into_segments_of_one_to_sixty_bytes_1_2_v4():
    yield from through_proxy(V12, 4, 7431, 7402, "cut", 2)


@test
def records_cut_into_segments_of_one_to_sixty_bytes_1_3_v6():
    yield from through_proxy(V13, 6, 7432, 7403, "cut", 1)


@test
def records_of_several_writes_joined_1_2_v6():
    yield from through_proxy(V12, 6, 7433, 7402, "join", 2)


@test
def records_of_several_writes_joined_1_3_v4():
    yield from through_proxy(V13, 4, 7434, 7403, "join", 1)


def in_pieces(version, family, port, trips, size):
    ctx = slotls.client_context(slotest.tmp)
    with slotls.connect(net, family, port) as sock:
        timed = slotls.handshake_in_pieces(sock, ctx, fresh(), size)
    records = yield
    verify(records, timed, NAMES[version], trips, port, family)


@test
def client_that_writes_single_bytes_1_2_v6():
    yield from in_pieces(V12, 6, 7402, 2, 1)


@test
def client_that_writes_single_bytes_1_3_v4():
    yield from in_pieces(V13, 4, 7403, 1, 1)


@test
def client_that_writes_seven_bytes_at_a_time_1_3_v6():
    yield from in_pieces(V13, 6, 7403, 1, 7)


@test
def lost_segments_both_ways():
    """Hellos of three segments, every tenth segment lost each way: sent again, out of order, in part twice."""
    before = net.c.counters(), net.s.counters()
    ctx = slotls.client_context(slotest.tmp, alpn=[f"protocol-number-{i}-of-a-long-list" for i in range(110)])
    done = []
    net.shape("c", loss=10)
    net.shape("s", loss=10)

    def run(port, family):
        for _ in range(6):
            done.append((port, family, *slotls.handshake(slotls.connect(net, family, port), ctx, fresh())))

    threads = [threading.Thread(target=run, args=(p, f)) for p in (7402, 7403) for f in (4, 6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    net.shape("c", loss=0)
    net.shape("s", loss=0)
    again = sum(slonet.delta(b, n.counters(), "Tcp.RetransSegs") for b, n in zip(before, (net.c, net.s)))
    for *_, tls in done:
        tls.close()
    holds("segments were sent again, else this shows nothing", again > 10, again)
    records = yield
    equal("handshakes", len(done), 24)
    found = [len(about(records, LATENCY, t.sni)) for _, _, t, _ in done]
    equal("handshakes with exactly one record", sum(n == 1 for n in found), 24)
    wrong = [r.get("detail") for _, _, t, _ in done for r in about(records, FAILURE, t.sni)]
    equal("failures", wrong, [])
    for port, _, timed, _ in done:
        for record in about(records, LATENCY, timed.sni):
            between("latency ms", record["value"], (2 if port == 7402 else 1) * DELAY_MS - CLOCK_MS,
                    timed.ms + CLOCK_MS, "as without loss")


@test
def hello_inside_a_syn_is_not_misread():
    """TCP fast open: stated as not measured, and above all no failure."""
    for ns in (net.c, net.s):
        ns.sysctl("net.ipv4.tcp_fastopen", 3)
    listener = net.listen("s", 4, 7435)
    listener.setsockopt(socket.IPPROTO_TCP, 23, 16)  # TCP_FASTOPEN
    slonet.spawn(slotls._accept, [listener], slotls._echo, slotls.server_context(slotest.tmp, V13), comm="slotlsd")
    listener.close()
    before = net.c.counters()
    names = []
    for _ in range(3):
        with net.socket("c", 4) as sock:
            sock.settimeout(None)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("qq", 20, 0))
            done = slotls.handshake_in_pieces(sock, slotls.client_context(slotest.tmp), fresh(), 4096,
                                              (net.addr("s", 4), 7435))
            names.append(done.sni)
    inside = slonet.delta(before, net.c.counters(), "TcpExt.TCPFastOpenActive")
    holds("hellos inside a SYN, else this shows nothing", inside, inside)
    records = yield
    equal("failures", sum(len(about(records, FAILURE, n)) for n in names), 0)
    equal("measured: those behind the SYN", sum(len(about(records, LATENCY, n)) for n in names), 3 - inside)


# --- failures -----------------------------------------------------------------------------------------------------


def fails(family, port, reasons, by_peer, alert=None, version=None, low_ms=DELAY_MS, **client):
    """reasons: a library may or may not have begun to encrypt when it says no; alert: of the plain one."""
    ctx = slotls.client_context(slotest.tmp, **client)
    timed, tls = slotls.handshake(slotls.connect(net, family, port), ctx, fresh())
    end = time.time_ns()
    assert not tls, "the handshake was good"
    records = yield
    reason = reasons
    if isinstance(reasons, tuple):
        said = [detail(r, "reason") for r in about(records, FAILURE, timed.sni)]
        reason = said[0] if said and said[0] in reasons else reasons[0]
    verify_failure(records, timed.sni, reason, by_peer, timed.begin, end, alert if reason == "alert" else None,
                   version, low_ms)


@test
def server_certificate_refused_1_2_v4():
    yield from fails(4, 7402, "alert", False, alert=48, version="1.2", trust="stranger")


@test
def server_certificate_refused_1_2_v6():
    yield from fails(6, 7402, "alert", False, alert=48, version="1.2", trust="stranger")


@test
def server_certificate_refused_1_3_v4():
    yield from fails(4, 7403, ("alert", "encrypted_alert"), False, alert=48, version="1.3", trust="stranger")


@test
def server_certificate_refused_1_3_v6():
    yield from fails(6, 7403, ("alert", "encrypted_alert"), False, alert=48, version="1.3", trust="stranger")


def refused_by(argv, said):
    """A client that encrypts from ServerHello on says in secret that it does not take the certificate."""
    sni = argv[0]
    begin = time.time_ns()
    text, code = slotls.program(argv[1:], net.c, input="")
    end = time.time_ns()
    assert code and said in text, text
    records = yield
    verify_failure(records, sni, "encrypted_alert", False, begin, end, version="1.3", low_ms=DELAY_MS)


@test
def server_certificate_refused_by_go_1_3_v4():
    sni = fresh()
    yield from refused_by([sni, _go_client(), f"{net.addr('s', 4)}:7403", sni, f"{slotest.tmp}/stranger.pem", "1.3", "1"],
                          "unknown authority")


@test
def server_certificate_refused_by_gnutls_1_3_v6():
    client, sni = slotls.need("gnutls-cli", "gnutls-bin"), fresh()
    yield from refused_by([sni, client, "--port", "7403", "--x509cafile", f"{slotest.tmp}/stranger.pem", "--sni-hostname", sni,
                           "--verify-hostname", "localhost", "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.3", net.addr("s", 6)],
                          "verification")


# --- short tags: an alert is eleven bytes on the wire, not nineteen -------------------------------------------------

CCM_8 = "TLS_AES_128_CCM_8_SHA256"


@contextlib.contextmanager
def ccm_8_server(port, *options):
    openssl, folder = slotls.need("openssl", "openssl"), slotest.tmp
    proc = slotls.start([openssl, "s_server", "-accept", str(port), "-cert", f"{folder}/server.pem", "-key",
                         f"{folder}/server.key", "-tls1_3", "-ciphersuites", CCM_8, "-cipher", "ALL:@SECLEVEL=0",
                         "-CAfile", f"{folder}/client.pem", *options], net.s)
    try:
        _until_open(4, port)
        yield
    finally:
        proc.kill()
        proc.wait()


def ccm_8_client(port, sni, trust, *options):
    """(what it said, begin, end); its input ends at once, and it waits for a word of the server's."""
    argv = [slotls.need("openssl", "openssl"), "s_client", "-connect", f"{net.addr('s', 4)}:{port}", "-servername", sni,
            "-tls1_3", "-ciphersuites", CCM_8, "-cipher", "ALL:@SECLEVEL=0", "-CAfile", f"{slotest.tmp}/{trust}.pem", *options]
    begin = time.time_ns()
    text = _s_client(argv, lambda said: "Session Ticket arrived" in said or "alert" in said)
    return text, begin, time.time_ns()


@test
def short_tags_good_v4():
    port, sni = 7424, fresh()
    with ccm_8_server(port):
        text, begin, end = ccm_8_client(port, sni, "server")
    assert f"Cipher is {CCM_8}" in text, text
    records = yield
    timed = slotls.Timed(sni)
    timed.begin, timed.end = begin, end
    verify(records, timed, "1.3", 1)


@test
def short_tags_client_certificate_taken_v4():
    port, sni, folder = 7425, fresh(), slotest.tmp
    with ccm_8_server(port, "-Verify", "1", "-verify_return_error"):
        text, begin, end = ccm_8_client(port, sni, "server", "-cert", f"{folder}/client.pem", "-key", f"{folder}/client.key")
    assert f"Cipher is {CCM_8}" in text and "alert" not in text, text
    records = yield
    timed = slotls.Timed(sni)
    timed.begin, timed.end = begin, end
    verify(records, timed, "1.3", 1)


@test
def short_tags_client_certificate_missing_v4():
    port, sni = 7426, fresh()
    with ccm_8_server(port, "-Verify", "1", "-verify_return_error"):
        text, begin, end = ccm_8_client(port, sni, "server")
    assert "certificate required" in text or "alert" in text, text
    records = yield
    verify_failure(records, sni, "encrypted_alert", True, begin, end, version="1.3", low_ms=2 * DELAY_MS)


# --- the kernel encrypts ------------------------------------------------------------------------------------------

TCP_ULP = 31
OP_ENABLE_KTLS = 1 << 3  # Python names it from 3.12 on


def _ulp(sock):
    with contextlib.suppress(OSError):
        return sock.getsockopt(socket.IPPROTO_TCP, TCP_ULP, 16).rstrip(b"\0").decode()
    return ""


def kernel_tls(version, family, port, trips):
    """The records are on the wire as ever; with TLS 1.2 the client's Finished is the first that the kernel encrypts."""
    if not slonet.modprobe("tls"):
        slotest.skip("this kernel has no module tls")
    ctx, done = slotls.client_context(slotest.tmp), []
    ctx.options |= OP_ENABLE_KTLS
    for _ in range(COUNT):
        timed, tls = slotls.handshake(slotls.connect(net, family, port), ctx, fresh())
        assert tls, timed.error
        ulp = _ulp(tls)
        tls.close()
        if ulp != "tls":
            slotest.skip(f"OpenSSL did not give the socket to the kernel's TLS (its ULP is {ulp or 'none'!r})")
        done.append(timed)
    records = yield
    verify_all(records, done, NAMES[version], trips, port=port, family=family)


@test
def kernel_tls_1_2_v4():
    yield from kernel_tls(V12, 4, 7402, 2)


@test
def kernel_tls_1_3_v6():
    yield from kernel_tls(V13, 6, 7403, 1)


@test
def client_certificate_missing_1_2_v4():
    yield from fails(4, 7405, "alert", True, alert=40, version="1.2", low_ms=2 * DELAY_MS)


@test
def client_certificate_missing_1_3_v4():
    yield from fails(4, 7406, "encrypted_alert", True, version="1.3", low_ms=2 * DELAY_MS)


@test
def client_certificate_missing_1_3_v6():
    yield from fails(6, 7406, "encrypted_alert", True, version="1.3", low_ms=2 * DELAY_MS)


@test
def client_certificate_refused_1_2_v6():
    yield from fails(6, 7405, "alert", True, alert=48, version="1.2", low_ms=2 * DELAY_MS, cert="stranger")


@test
def client_certificate_refused_1_3_v4():
    yield from fails(4, 7406, "encrypted_alert", True, version="1.3", low_ms=2 * DELAY_MS, cert="stranger")


@test
def no_common_version_v4():
    ctx = slotls.client_context(slotest.tmp)
    ctx.maximum_version = V12
    timed, tls = slotls.handshake(slotls.connect(net, 4, 7403), ctx, fresh())
    assert not tls
    records = yield
    verify_failure(records, timed.sni, "alert", True, timed.begin, timed.end, alert=70, low_ms=DELAY_MS)


@test
def reset_by_the_server_v4():
    yield from fails(4, 7441, "reset", True)


@test
def reset_by_the_server_v6():
    yield from fails(6, 7441, "reset", True)


@test
def closed_by_the_server_v4():
    yield from fails(4, 7442, "closed", True)


@test
def closed_by_the_server_v6():
    yield from fails(6, 7442, "closed", True)


@test
def http_where_tls_was_meant_v4():
    # The application closes with the rest of the answer unread, a reset; newer OpenSSL sends an alert before.
    ctx = slotls.client_context(slotest.tmp)
    timed, tls = slotls.handshake(slotls.connect(net, 4, 7443), ctx, fresh())
    end = time.time_ns()
    assert not tls
    records = yield
    said = {detail(r, "reason") for r in about(records, FAILURE, timed.sni)}
    reason = "alert" if said == {"alert"} else "reset"
    verify_failure(records, timed.sni, reason, False, timed.begin, end, low_ms=DELAY_MS)


@test
def given_up_by_the_client():
    """Its own time limit: no answer, and the client closes or resets."""
    tries = []
    for family, hard in ((4, False), (6, True)):
        sock = slotls.connect(net, family, 7444)
        sock.settimeout(0.8)
        sni = fresh()
        ctx = slotls.client_context(slotest.tmp)
        tls = ctx.wrap_socket(sock, server_hostname=sni, do_handshake_on_connect=False)
        begin, cpu = time.time_ns(), time.thread_time()
        try:
            tls.do_handshake()
        except socket.timeout:
            pass
        cpu = time.thread_time() - cpu
        raw = socket.socket(fileno=tls.detach())
        if hard:
            slonet.reset(raw)
        else:
            raw.close()
        tries.append((sni, hard, begin, time.time_ns(), cpu))
    records = yield
    for sni, hard, begin, end, cpu in tries:
        # its time begins before the hello is made: under emulation that takes 12 ms
        verify_failure(records, sni, "reset" if hard else "closed", False, begin, end, low_ms=790 - cpu * 1e3)


@test
def what_is_no_handshake_is_not_counted(agent):
    """Application data of TLS, HTTP, and a stream that begins with the first byte of a hello."""
    before = [r for r in agent.peek() if ends(r)[3] == 7445]
    for payload in (b"\x17\x03\x03\x00\x20" + b"x" * 32, b"GET / HTTP/1.1\r\n\r\n", b"\x16", b"\x16\x03\x01\x02\x00\x02" + b"y" * 90):
        with slotls.connect(net, 4, 7445) as sock:
            sock.sendall(payload)
            time.sleep(0.05)
            sock.sendall(b"more of the same")
            time.sleep(0.05)
    records = yield
    equal("records", len([r for r in records if ends(r)[3] == 7445]) - len(before), 0)


@test
def nothing_is_counted_twice_or_lost(agent):
    """Last of the shared ones: the law of the statistics, over all the above."""
    records = yield
    for name in (LATENCY, FAILURE):
        stats = agent.stats[name]
        print(f"  {name}: {stats}")
        equal(f"{name}: made = sent + aggregated + lost_ring + lost_map + shed", stats["made"],
              sum(stats[k] for k in ("sent", "aggregated", "lost_ring", "lost_map", "shed")))
        equal(f"{name}: lines in the file = sent", len(samples(records, name)), stats["sent"])
        equal(f"{name}: in-flight map full", stats["inflight_full"], 0)


# --- agents of their own: while the first waits, the next two are done --------------------------------------------


def _hold(listener):
    """Accepts and keeps."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (10000, 10000))
    listener.settimeout(None)
    held = []
    while True:
        held.append(listener.accept()[0])


def _fill(count, ready):
    """Begins so many connections as TLS does, and keeps them."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (10000, 10000))
    held = []
    for _ in range(count):
        held.append(socket.create_connection(("127.0.0.1", 7461)))
        held[-1].send(b"\x16")
    os.write(ready, b"r")
    signal.pause()


INFLIGHT = 8192  # tls_conns of bpf/tls.bpf.c


@apart
def a_full_map_is_counted_and_empties_itself():
    """Each connection that begins as a ClientHello does takes two places, its client's and its server's."""
    listener = net.listen("c", 4, 7461, backlog=4096, addr="127.0.0.1")
    holder = slonet.spawn(_hold, listener, ns=net.c)
    listener.close()
    agent = Agent(f"{LATENCY},{FAILURE}")
    ready = os.pipe()
    filler = slonet.spawn(_fill, INFLIGHT // 2 + 100, ready[1], ns=net.c)
    os.read(ready[0], 1)
    ctx = slotls.client_context(slotest.tmp)
    full, tls = slotls.handshake(slotls.connect(net, 4, 7403), ctx, fresh())
    tls.close()
    # what began as a hello and went no further is forgotten after 10 s, and is no failure
    yield 12
    after, tls = slotls.handshake(slotls.connect(net, 4, 7403), ctx, fresh())
    tls.close()
    filler.kill()
    holder.kill()
    yield 1.5
    records = agent.stop()
    stats = agent.stats[LATENCY]
    print(f"  {stats}")
    equal("records of the handshake that found no place", len(about(records, LATENCY, full.sni)), 0)
    check(stats["inflight_full"] >= 200 + 2, "in-flight map full", stats["inflight_full"], 202,
          "at least: two of each connection too many, and the handshake's two; the host's own come on top")
    one("the handshake after it", about(records, LATENCY, after.sni))
    equal("failures", len([r for r in records if r["signal"] == FAILURE and ends(r)[3] == 7461]), 0)


@apart
def the_server_is_measured_where_the_client_is_not_asked_for():
    server = slotls.serve_tls(net, 7446, slotls.server_context(slotest.tmp, V13))
    refusing = slotls.serve_tls(net, 7447, slotls.server_context(slotest.tmp, V13, ask="client"))
    agent = Agent(f"{LATENCY},{FAILURE}", pids=[server.pid, refusing.pid])
    slotest.needs("pid")
    ctx = slotls.client_context(slotest.tmp)
    good_one, tls = slotls.handshake(slotls.connect(net, 4, 7446), ctx, fresh())
    tls.close()
    bad_one, tls = slotls.handshake(slotls.connect(net, 6, 7447), ctx, fresh())
    assert not tls
    yield 1.5
    records = agent.stop()
    record = one("the server's handshake", about(records, LATENCY, good_one.sni))
    if record:
        # from the hello's arrival to the client's Finished: the delayed direction once
        between("latency ms", record["value"], DELAY_MS - CLOCK_MS, good_one.ms + WAKE_MS,
                "the client's timer, and what its Finished is under way")
        between("server_ms", detail(record, "server_ms"), 0.0, record["value"] - DELAY_MS + CLOCK_MS,
                "the server's own work, no delay in it")
        holds("server_side", detail(record, "server_side"), record.get("detail"))
        equal("pid", record["pid"], server.pid)
        equal("comm", record.get("comm"), "slotlsd")
        equal("tuple", ends(record), (net.addr("s", 4), 7446, *good_one.name, "tcp"))
    record = one("the server's failure", about(records, FAILURE, bad_one.sni))
    if record:
        equal("reason", detail(record, "reason"), "encrypted_alert")
        equal("by_peer", bool(detail(record, "by_peer")), False)
        equal("pid", record["pid"], refusing.pid)
    equal("all records", len(records), 2 + len([r for r in records if "interval_ms" in r]))


STORM_S = 3.0


def _storm(family, port, folder, seconds):
    host = "127.0.0.1" if family == 4 else "::1"
    ctx, bad = slotls.client_context(folder), slotls.client_context(folder, trust="stranger")
    good_count = failed = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for which in (ctx, bad):
            sock = socket.create_connection((host, port))
            try:
                tls = which.wrap_socket(sock, server_hostname="storm.tls.test")
                tls.sendall(b"x")
                tls.recv(1)
                tls.close()
                good_count += 1
            except ssl.SSLError:
                failed += 1
                sock.close()
    return good_count, failed


@apart
def a_storm_is_counted_exactly():
    for port, version in ((7450, V12), (7451, V13)):
        slotls.serve_tls(net, port, slotls.server_context(slotest.tmp, version), side="c",
                         addrs={4: "127.0.0.1", 6: "::1"})
    # with DNS measured too, packets come by the program that both share
    agent = Agent(f"{LATENCY},{FAILURE},dns_latency_ms", comms=["slotlsstorm"])
    slotest.needs("pid")
    jobs = [slonet.spawn(_storm, f, p, slotest.tmp, STORM_S, ns=net.c, comm="slotlsstorm")
            for f in (4, 6) for p in (7450, 7451)]
    yield STORM_S
    results = [job.result() for job in jobs]
    yield 1.5
    records = agent.stop()
    good_count, failed = (sum(r[i] for r in results) for i in (0, 1))
    for name, truth in ((LATENCY, good_count), (FAILURE, failed)):
        stats = agent.stats[name]
        print(f"  {name}: {stats}")
        equal(f"{name}: made", stats["made"] + stats["inflight_full"], truth)
        equal(f"{name}: lines in the file", len(samples(records, name)), stats["sent"])


def _sink(conn):
    while conn.recv(1 << 20):
        pass


def _stream_past(signals, port, seconds):
    """(agent, its records, its (runs, ns) by the kernel's account, writes, packets): a plain TCP stream in segments of its own."""
    with slotest.bpf_stats():
        agent = Agent(signals)
        with slonet.inside(net.c):
            sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        before = net.c.counters()
        sent, data, until = 0, b"\x17" * 1400, time.monotonic() + seconds
        while time.monotonic() < until:
            sock.sendall(data)
            sent += 1
        sock.close()
        packets = slonet.delta(before, net.c.counters(), "Ip.OutRequests")
        account = agent.bpf_account()
        records = agent.stop()
    return records, account, sent, packets


@test
def other_traffic_costs_next_to_nothing():
    """BPF run time for each packet, by the kernel's statistics."""
    slotls.serve(net, 7460, _sink, side="c", addrs={4: "127.0.0.1", 6: "::1"})
    records, (runs, ns), sent, _ = _stream_past(f"{LATENCY},{FAILURE}", 7460, 2)
    equal("records of the stream", len([r for r in records if ends(r)[3] == 7460]), 0)
    each = ns / max(1, runs)
    print(f"  {sent} writes, {runs} packets of all kinds, {each:.0f} ns each")
    holds("the programs ran", runs > 1000, runs)
    if slotest.ON_HOST:
        between("ns a packet", each, 1.0, 250.0, "two map look-ups, six bytes loaded, the clocks of the statistics")


@test
def a_packet_is_looked_at_once_where_dns_is_measured_too():
    if slotest.BACKEND != "libbpf":
        slotest.skip("each signal has a program of its own here")
    slotls.serve(net, 7462, _sink, side="c", addrs={4: "127.0.0.1", 6: "::1"})
    # one of TLS alone, whose program runs once for each packet of whomever
    alone = Agent(f"{LATENCY},{FAILURE}")
    begun, _ = alone.bpf_account()
    _, (runs, _), sent, packets = _stream_past(f"{LATENCY},{FAILURE},dns_latency_ms", 7462, 1)
    once = alone.bpf_account()[0] - begun
    alone.stop()
    print(f"  {sent} writes, {packets} packets, {runs} runs, {once} where TLS alone is measured")
    holds("each packet on its way out and on its way in", once >= packets * 1.9, (once, packets))
    between("runs = runs of TLS alone", runs / once, 0.8, 1.2, "two, where there are two programs; 20 % for who is attached longer")


own_comm = open("/proc/self/comm").read().strip()


def make():
    global net
    slotest.unseen_by_bcc("handshakes")
    slotls.need("openssl", "openssl")
    net = slonet.Net()
    print(f"link: {net.how()}, answers {DELAY_MS} ms late")
    folder = slotest.tmp
    slotls.make_certs(folder)
    net.shape("s", delay_ms=DELAY_MS)
    for port, version, kind in ((7402, V12, {}), (7403, V13, {}), (7404, V13, {"curve": "secp384r1"}),
                                (7405, V12, {"ask": "client"}), (7406, V13, {"ask": "client"}),
                                (7407, V13, {"ask": "client", "tickets": 0})):
        slotls.serve_tls(net, port, slotls.server_context(folder, version, **kind))
    for port, target, how in ((7431, 7402, "cut"), (7432, 7403, "cut"), (7433, 7402, "join"), (7434, 7403, "join")):
        slotls.serve(net, port, slotls.proxy, (net.addr("s", 4), target), how)
    for port, how in ((7441, "reset"), (7442, "close"), (7443, "http"), (7444, "silent"), (7445, "silent")):
        slotls.serve(net, port, slotls.after_hello, how)


slotest.main({"signals": f"{LATENCY},{FAILURE}"}, settle=2.5, setup=make)
