#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Trace ids of kernel events, out of a map pinned as OpenTelemetry's eBPF instrumentation pins it: the one who acts, from
begin to end, and nobody who merely runs when the end comes; maps that come late, go, are replaced or are of another kind;
threads that say it in their own memory, in each way a program can reach it; and the first tier of correlation, on real
events."""
# timeout: 600
import contextlib
import ctypes
import errno
import json
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "..", "live"))
import slobpf
import slodns
import slonet
import slotest
import slotls
import story
from slotest import ON_HOST, SELF, Agent, apart, detail, ends, equal, holds, one, samples, skip, test

PIN = f"{slobpf.BPFFS}/slo-truth-{os.getpid()}/traces_ctx_v1"  # beside any real one: nobody else is to read it; a name with a dot is the kernel's
LOOK_S = 30  # the agent looks for the map so often
SEEN_S = 1.5  # until a record is surely written
DELAY_MS = 60
ALL = "dns_latency_ms,connect_latency_ms,connect_errors_total,tcp_retransmits_total,tls_handshake_ms," \
      "tls_handshake_fail_total,runqueue_delay_ms"

net = certs = traces = None
_serial = iter(range(1, 1 << 30))


class Context:
    """What the calling thread works for, from here to the end of the block."""

    def __init__(self, trace_map=None):
        self.map = trace_map or traces
        self.trace, self.span = os.urandom(16), os.urandom(8)
        self.key = struct.pack("<Q", os.getpid() << 32 | threading.get_native_id())

    def __enter__(self):
        self.map[self.key] = self.trace + self.span
        return self

    def __exit__(self, *_):
        # Of two blocks in one, the inner one has taken it out.
        with contextlib.suppress(FileNotFoundError):
            del self.map[self.key]


def ids(record):
    return record.get("trace_id"), record.get("span_id")


def belongs(what, record, ctx):
    if record:
        equal(f"ids of {what}", ids(record), (ctx.trace.hex(), ctx.span.hex()))


def nobodys(what, record):
    if record:
        equal(f"ids of {what}", ids(record), (None, None))


def belongs_to_sender(what, record, ctx):
    """Of what begins with a packet: that its sender is the running task is known by their cgroups, and sockets have none of v1."""
    if slonet.cgroup2_root():
        belongs(what, record, ctx)
    else:
        nobodys(what, record)


def to_port(records, signal_name, port):
    return samples(records, signal_name, lambda r: net.owns(r) and ends(r)[3] == port)


def about(records, name):
    return samples(records, "dns_latency_ms", lambda r: str(detail(r, "qname", "")).rstrip(".") == name)


def ask(verbs, **how):
    n = next(_serial)
    name = f"{verbs}.t{n}x{os.getpid()}.test"
    return name, slodns.ask_udp(net, 4, name, 0x2000 + n, **how)


# --- from begin to end --------------------------------------------------------------------------------------------


@test
def a_lookup_that_nobody_answers():
    with Context() as ctx, net.socket("c", 4, socket.SOCK_DGRAM) as sock:
        name = f"drop.never{os.getpid()}.test"
        sock.connect((net.addr("s", 4), 53))
        sock.send(slodns.query(0x7002, name))
    # The agent gives up after 6 s without a word; the next interval tells.
    yield 13
    records = yield
    record = one(name, about(records, name))
    belongs_to_sender("the time-out", record, ctx)
    if record:
        equal("timeout", detail(record, "timeout"), True)


@test
def a_lookup_has_the_ids_that_its_thread_had_when_it_asked():
    with Context() as ctx:
        name, _ = ask("ok")
    other, _ = ask("ok")
    records = yield
    belongs_to_sender("the lookup", one(name, about(records, name)), ctx)
    nobodys("the one after it", one(other, about(records, other)))


@test
def what_the_thread_works_for_when_the_answer_comes_is_another_thing():
    with Context() as ctx, net.socket("c", 4, socket.SOCK_DGRAM) as sock:
        name = f"ok.late{os.getpid()}.test"
        sock.settimeout(20)
        sock.connect((net.addr("s", 4), 53))
        sock.send(slodns.query(0x7001, name))
        with Context():
            sock.recv(4096)
    records = yield
    belongs_to_sender("the lookup", one(name, about(records, name)), ctx)


@test
def a_connect_and_not_who_accepts_it():
    port, accepted = 7301, []

    def accept(listener):
        with Context() as mine:
            accepted.append((listener.accept()[0], mine))

    with net.listen("s", 4, port) as listener:
        thread = threading.Thread(target=accept, args=(listener,))
        thread.start()
        with Context() as ctx, net.socket("c", 4) as sock:
            sock.setblocking(False)
            assert sock.connect_ex((net.addr("s", 4), port)) == errno.EINPROGRESS
            # by the time the answer is here, the thread works for something else
            with Context():
                time.sleep(3 * DELAY_MS / 1e3)
        thread.join(20)
        accepted[0][0].close()
    records = yield
    belongs("the connect", one("connect", to_port(records, "connect_latency_ms", port)), ctx)


@test
def a_refused_connect():
    with Context() as ctx, net.socket("c", 4) as sock:
        sock.settimeout(20)
        equal("errno", sock.connect_ex((net.addr("s", 4), 7302)), errno.ECONNREFUSED)
    records = yield
    belongs("the refusal", one("refusal", to_port(records, "connect_errors_total", 7302)), ctx)


@test
def a_connect_that_fails_before_its_first_segment():
    net.c.ip("route add blackhole 198.51.100.0/24")
    with Context() as ctx, net.socket("c", 4) as sock:
        err = sock.connect_ex(("198.51.100.9", 7303))
        holds("it fails at once", err, os.strerror(err))
    records = yield
    # net.owns() wants an address of the net's, and this one has none
    local = samples(records, "connect_errors_total", lambda r: ends(r)[2:4] == ("198.51.100.9", 7303))
    belongs("the failure", one("failure", local), ctx)


@test
def a_syn_sent_again_belongs_to_its_connect_and_data_sent_again_to_nobody():
    port = 7304
    with net.listen("s", 4, port) as listener, Context() as ctx:
        with net.socket("c", 4) as sock:
            net.shape("c", loss=100)
            sock.setblocking(False)
            sock.connect_ex((net.addr("s", 4), port))
            time.sleep(1.5)
            net.shape("c", loss=0)
            sock.settimeout(30)
            sock.send(b"x")
            conn = listener.accept()[0]
            conn.settimeout(30)
            conn.recv(1)
            net.shape("c", loss=100)
            sock.send(b"y")
            time.sleep(0.8)
            net.shape("c", loss=0)
            conn.recv(1)
            conn.close()
    records = yield
    again = to_port(records, "tcp_retransmits_total", port)
    syns = [r for r in again if detail(r, "kind") == "syn" or detail(r, "tcp_state") == "SYN_SENT"]
    data = [r for r in again if r not in syns]
    holds("there are both", syns and data, f"{len(syns)} SYNs, {len(data)} of data")
    for r in syns:
        belongs("the SYN", r, ctx)
    for r in data:
        nobodys("the data", r)
    belongs("the connect", one("connect", to_port(records, "connect_latency_ms", port)), ctx)


@test
def a_handshake():
    port = 7305
    child = slotls.serve_tls(net, port, slotls.server_context(certs, ssl.TLSVersion.TLSv1_3))
    ctx = slotls.client_context(certs)
    with net.socket("c", 4) as sock:
        sock.settimeout(30)
        sock.connect((net.addr("s", 4), port))
        with Context() as mine, ctx.wrap_socket(sock, server_hostname="trace.tls.test") as tls:
            tls.send(b"x")
            tls.recv(1)
    child.kill()
    records = yield
    record = one("handshake", to_port(records, "tls_handshake_ms", port))
    belongs_to_sender("the handshake", record, mine)


@test
def a_failed_handshake():
    port = 7306
    child = slotls.serve_tls(net, port, slotls.server_context(certs, ssl.TLSVersion.TLSv1_3))
    ctx = slotls.client_context(certs, trust="stranger")
    with net.socket("c", 4) as sock, Context() as mine:
        sock.settimeout(30)
        sock.connect((net.addr("s", 4), port))
        with contextlib.suppress(ssl.SSLError):
            ctx.wrap_socket(sock, server_hostname="trace.tls.test")
    child.kill()
    records = yield
    belongs_to_sender("the failure", one("failure", to_port(records, "tls_handshake_fail_total", port)), mine)


@test
def waits_for_a_cpu_are_those_of_the_thread_that_waited():
    told = {}

    def work(name, traced):
        with Context() if traced else contextlib.nullcontext() as ctx:
            told[name] = threading.get_native_id(), ctx
            time.sleep(0.05)
            begin = time.time_ns()
            for _ in range(20):
                time.sleep(0.005)
            told[name] += begin, time.time_ns()
            # nothing of what comes behind is to be in the interval
            time.sleep(0.05)

    threads = [threading.Thread(target=work, args=a) for a in (("traced", True), ("plain", False))]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
    records = yield
    for name, (tid, ctx, begin, end) in told.items():
        mine = samples(records, "runqueue_delay_ms", lambda r: r["tid"] == tid and begin < r["ts_unix_nano"] < end)
        holds(f"waits of the {name} thread", mine, f"{len(mine)} records")
        want = (ctx.trace.hex(), ctx.span.hex()) if ctx else (None, None)
        equal(f"ids of the {name} thread's waits", {ids(r) for r in mine}, {want})


# --- the map's life -----------------------------------------------------------------------------------------------


def agent_for(path, signals="dns_latency_ms", **env):
    return Agent(signals, pids=[os.getpid()], env={**Agent.UNLIMITED, "SLO_AGENT_TRACE_MAP": path, **env})


def said(agent, what, seconds, times=1):
    """How often its log has it, once that is so often, or so late."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and agent.log().count(what) < times:
        time.sleep(0.1)
    return agent.log().count(what)


def look_up(ctx):
    with ctx:
        name, _ = ask("ok")
    return name


def looked_up(agent, name):
    """The record of that lookup, after the agent's end."""
    return one(name, about(agent.stop(), name))


@apart
def a_map_that_comes_later_is_found_by_itself():
    slotest.no_kernels_own()
    path = PIN + "_late"
    agent = agent_for(path)
    late = slobpf.Map(8, 24, pin=path)
    try:
        yield LOOK_S
        equal("agent says that it has found it", said(agent, "trace ids begin", 10), 1)
        ctx = Context(late)
        name = look_up(ctx)
        yield SEEN_S
        belongs_to_sender("the lookup", looked_up(agent, name), ctx)
    finally:
        late.close()


@apart
def a_reload_looks_at_once_for_a_map_that_took_the_place_of_another():
    path = PIN + "_swap"
    first = slobpf.Map(8, 24, pin=path)
    agent = agent_for(path)
    equal("the first is found", said(agent, "trace ids begin", 10), 1)
    first.close()
    second = slobpf.Map(8, 24, pin=path)
    try:
        agent.signal(signal.SIGHUP)
        equal("both are told", said(agent, "trace ids begin", 10, 2), 2)
        ctx = Context(second)
        name = look_up(ctx)
        yield SEEN_S
        belongs_to_sender("the lookup", looked_up(agent, name), ctx)
    finally:
        second.close()


@apart
def a_map_that_is_gone():
    path = PIN + "_gone"
    here = slobpf.Map(8, 24, pin=path)
    agent = agent_for(path)
    equal("it is found", said(agent, "trace ids begin", 10), 1)
    os.unlink(path)
    agent.signal(signal.SIGHUP)
    equal("its end is told", said(agent, "trace ids end", 10), 1)
    name = look_up(Context(here))
    yield SEEN_S
    nobodys("the lookup", looked_up(agent, name))
    here.close()


def refused(key, value, kind):
    slotest.no_kernels_own()
    path = f"{PIN}_wrong_{key}_{value}_{kind}"
    wrong = slobpf.Map(key, value, pin=path, kind=kind)
    agent = agent_for(path)
    said(agent, "no trace ids", 10)
    agent.signal(signal.SIGHUP)
    agent.signal(signal.SIGHUP)
    yield 2.5
    name, _ = ask("ok")
    yield SEEN_S
    nobodys("the lookup", looked_up(agent, name))
    told = [line for line in agent.log().splitlines() if "no trace ids" in line]
    equal("warnings", len(told), 1)
    holds("it says what is there", told and f"key {key}, value {value}" in told[0], told)
    wrong.close()


@apart
def a_map_of_another_key_is_refused_once_and_measured_is_all_the_same():
    yield from refused(4, 24, slobpf.LRU_HASH)


@apart
def a_map_of_another_value_is_refused_once_and_measured_is_all_the_same():
    yield from refused(8, 32, slobpf.LRU_HASH)


@apart
def a_map_of_another_kind_is_refused_once_and_measured_is_all_the_same():
    yield from refused(8, 24, slobpf.HASH)


def way(path, backend="null"):
    """What sloctl says of the map; null loads no program, which takes its time in a guest."""
    done = subprocess.run([os.environ["SLO_CTL"], "prereq", "check", "--backend", backend, "--output", "json", "--trace-map", path],
                          capture_output=True, text=True, timeout=300, check=False)
    return {w["way"]: w for w in json.loads(done.stdout)["trace_ids"]}["pinned_map"]


@test
def prereq_tells_what_the_agent_would_do():
    slotest.no_kernels_own()
    path, key = PIN + "_told", struct.pack("<Q", 1)
    equal("without a map", way(path)["here"], False)
    here = slobpf.Map(8, 24, pin=path)
    empty = way(path)
    equal("with an empty one that nobody asks", (empty["here"], empty["used"], "empty" in empty["current"]), (True, False, True))
    here[key] = b"\1" * 24
    full = way(path, "libbpf")
    equal("with one that is filled", (full["here"], full["used"], "in use" in full["current"]), (True, True, True))
    here.close()
    wrong = slobpf.Map(8, 32, pin=path)
    refused = way(path)
    equal("with another layout", (refused["here"], refused["used"]), (False, False))
    holds("it says which", "value 32 bytes" in refused["current"], refused["current"])
    wrong.close()


# --- threads that say it themselves (OTEP 4947) -------------------------------------------------------------------

WRITER = """
__attribute__((visibility("default"))) %s __thread void *otel_thread_ctx_v1;
__attribute__((visibility("default"))) void publish(void *record) { otel_thread_ctx_v1 = record; }
"""
# Asks what it is given by the socket it is given, for what it is given.
PROGRAM = WRITER % "" + """
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	static _Alignas(8) char record[28], query[512], answer[4096];
	ssize_t n;

	if (read(0, record, sizeof(record)) != sizeof(record) || (n = read(0, query, sizeof(query))) <= 0)
		return 1;
	publish(record);
	send(3, query, n, 0);
	recv(3, answer, sizeof(answer), 0);
	publish(0);
	return 0;
}
"""
# What the compiler is told, and how the loader then binds the variable.
MODELS = {"general dynamic": ("", "-mtls-dialect=gnu"), "descriptor": ("", "-mtls-dialect=gnu2"),
          "initial exec": ("__attribute__((tls_model(\"initial-exec\")))", "-mtls-dialect=gnu")}


def compiled(name, text, *flags):
    path = f"{slotest.tmp}/{name.replace(' ', '_')}"
    done = subprocess.run(["cc", "-x", "c", "-O1", "-fPIC", *flags, "-o", path, "-"], input=text, text=True, capture_output=True, check=False)
    equal(f"{name} compiles ({done.stderr.strip()[:200]})", done.returncode, 0)
    return path


def record_of(ctx, valid=1):
    return ctx.trace + ctx.span + bytes([valid, 0, 0, 0])


class Speaker:
    """A process that has loaded a writer; told to act, it asks for a name with a context, without, with one that is not
    valid, connects where nobody listens, before and behind the network, and shakes hands with a context and without."""

    def __init__(self, library, n):
        self.ctx, self.port, self.tls = Context(), 7400 + n, {"said": 7420 + 2 * n, "unsaid": 7421 + 2 * n}
        self.names = {what: f"ok.{what}{n}x{os.getpid()}.test" for what in ("said", "unsaid", "invalid")}
        self.go = os.pipe()
        loaded, tell = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.act(ctypes.CDLL(library).publish, tell)
            finally:
                os._exit(0)
        os.close(tell)
        holds("the writer is loaded", os.read(loaded, 1) == b"1", library)
        os.close(loaded)

    def act(self, publish, tell):
        records = [ctypes.create_string_buffer(record_of(self.ctx, valid)) for valid in (1, 0)]
        publish.argtypes, publish.restype = [ctypes.c_void_p], None
        publish(None)
        os.write(tell, b"1")
        os.read(self.go[0], 1)
        for what, record in zip(self.names, (records[0], None, records[1])):
            publish(record)
            slodns.ask_udp(net, 4, self.names[what], 0x3000)
        publish(records[0])
        for to in (net.addr("s", 4), "198.51.102.9"):
            with net.socket("c", 4) as sock:
                sock.settimeout(20)
                sock.connect_ex((to, self.port))
        for what, port in self.tls.items():
            with net.socket("c", 4) as sock:
                publish(None)
                sock.settimeout(30)
                sock.connect((net.addr("s", 4), port))
                publish(records[0] if what == "said" else None)
                with slotls.client_context(certs).wrap_socket(sock, server_hostname="said.tls.test") as tls:
                    publish(None)
                    tls.send(b"x")
                    tls.recv(1)

    def judge(self, model, records):
        for what, name in self.names.items():
            (belongs if what == "said" else nobodys)(f"{model}: the lookup, {what}", one(name, about(records, name)),
                                                     *([self.ctx] if what == "said" else []))
        errors = samples(records, "connect_errors_total", lambda r: ends(r)[3] == self.port)
        equal(f"{model}: connects that failed", len(errors), 2)
        for r in errors:
            belongs(f"{model}: the connect to {ends(r)[2]}", r, self.ctx)
        for what, port in self.tls.items():
            (belongs if what == "said" else nobodys)(f"{model}: the handshake, {what}", one(f"{model}: handshake", to_port(records, "tls_handshake_ms", port)),
                                                     *([self.ctx] if what == "said" else []))


@test
def threads_that_say_it_themselves():
    if not shutil.which("cc"):
        skip("there is no C compiler to make a writer with")
    net.c.ip("route add blackhole 198.51.102.0/24")
    speakers = {model: Speaker(compiled(model, WRITER % attribute, "-shared", "-nostdlib", dialect), n)
                for n, (model, (attribute, dialect)) in enumerate(MODELS.items())}
    ctx, name = Context(), f"ok.exec{os.getpid()}.test"
    program = compiled("local exec", PROGRAM, "-fPIE", "-pie", "-Wl,--export-dynamic-symbol=otel_thread_ctx_v1")
    with net.socket("c", 4, socket.SOCK_DGRAM) as sock:
        sock.connect((net.addr("s", 4), 53))
        child = subprocess.Popen([program], stdin=subprocess.PIPE, preexec_fn=lambda: os.dup2(sock.fileno(), 3), close_fds=False)
    pids = [s.pid for s in speakers.values()] + [child.pid]
    servers = [slotls.serve_tls(net, port, slotls.server_context(certs, ssl.TLSVersion.TLSv1_3))
               for s in speakers.values() for port in s.tls.values()]
    agent = Agent("dns_latency_ms,connect_errors_total,tls_handshake_ms", pids=pids,
                  env={**Agent.UNLIMITED, "SLO_AGENT_TRACE_MAP": "", "SLO_AGENT_THREAD_CONTEXT": "on"})
    equal("the agent says that it has found them", said(agent, f"threads that say them themselves begin processes={len(pids)}", LOOK_S + 30), 1)
    for s in speakers.values():
        os.write(s.go[1], b"1")
        os.waitpid(s.pid, 0)
    child.stdin.write(record_of(ctx))
    child.stdin.flush()
    time.sleep(0.5)
    child.stdin.write(slodns.query(0x3001, name))
    child.stdin.close()
    equal("the program ends", child.wait(30), 0)
    time.sleep(1.5)
    records = agent.stop()
    for server in servers:
        server.kill()
    for model, s in speakers.items():
        s.judge(model, records)
    belongs("local exec: the lookup", one(name, about(records, name)), ctx)


# --- the first tier -----------------------------------------------------------------------------------------------


def span(trace, begin, end, **attributes):
    attrs = [{"key": k, "value": v} for k, v in attributes.items()]
    return json.dumps({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "truth"}}, *attrs]},
        "scopeSpans": [{"spans": [{"traceId": trace.hex(), "spanId": os.urandom(8).hex(), "name": "request", "kind": 3,
                                   "startTimeUnixNano": str(begin), "endTimeUnixNano": str(end)}]}]}]}).encode()


def post(port, body):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/traces", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        equal("receiver's status", answer.status, 200)


def passed_on(sink, trace):
    """What the sink got of the span, once it is there."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for body in list(sink.spans):
            if trace in body:
                return body
        time.sleep(0.1)
    return b""


def attribute(key, value):
    """A KeyValue of a string, or of a double, as protobuf has it behind its length."""
    if isinstance(value, float):
        return b"\x0a" + bytes([len(key)]) + key + b"\x12\x09\x21" + struct.pack("<d", value)
    return b"\x0a" + bytes([len(key)]) + key + b"\x12" + bytes([len(value) + 2]) + b"\x0a" + bytes([len(value)]) + value


@test
def a_span_of_the_trace_is_enriched_by_the_first_tier_and_its_neighbour_is_not():
    if SELF:
        skip("needs the agent")
    if not slonet.cgroup2_root():
        skip("lookups have no trace where there is cgroup v1 only")
    sink, port = story.Sink(), story.free_port()
    agent = agent_for(PIN, SLO_RECEIVER_LISTEN=f"127.0.0.1:{port}",
                      SLO_OTLP_ENDPOINT=f"http://127.0.0.1:{sink.port}")
    equal("the map is found", said(agent, "trace ids begin", 10), 1)
    begin = time.time_ns()
    with Context() as ctx:
        name, _ = ask("d30")
    end = time.time_ns()
    # Nothing but the trace id ties this one to the event: no process, no node, no connection.
    post(port, span(ctx.trace, begin, end))
    body = passed_on(sink, ctx.trace)
    holds("the span arrives", body, f"{len(body)} bytes")
    holds("by the first tier", attribute(b"llm.ebpf.correlation_tier", b"trace_id_exact") in body, f"{len(body)} bytes")
    holds("at its confidence", attribute(b"llm.ebpf.correlation_confidence", 1.0) in body, f"{len(body)} bytes")
    holds("with the lookup's latency", b"llm.ebpf.dns.latency_ms" in body, f"{len(body)} bytes")
    # The same process at the same time, for another trace: what is known to be another's is not guessed at.
    other = os.urandom(16)
    post(port, span(other, begin, end, **{"process.pid": {"intValue": str(os.getpid())}}))
    body = passed_on(sink, other)
    holds("the neighbour arrives", body, f"{len(body)} bytes")
    holds("with nothing of it", b"llm.ebpf." not in body, f"{len(body)} bytes")
    record = one(name, about(agent.stop(), name))
    belongs("the record", record, ctx)


def setup():
    global net, certs, traces
    if slotest.BACKEND != "libbpf":
        skip(f"{slotest.BACKEND} asks no map: who pins one needs BTF, too")
    if not slobpf.mount_bpffs():
        skip("no bpffs can be mounted")
    traces = slobpf.Map(8, 24, pin=PIN)
    certs = slotest.tmp
    slotls.make_certs(certs)
    net = slonet.Net()
    print("wire:", net.how(), "on host" if ON_HOST else "")
    slodns.start_server(net)
    net.shape("s", delay_ms=DELAY_MS)


if __name__ == "__main__":
    import atexit

    @atexit.register
    def _unpin():
        if traces:
            traces.close()
            with contextlib.suppress(OSError):
                os.rmdir(os.path.dirname(PIN))

    slotest.main(dict(signals=ALL, pids=[os.getpid()],
                      env={**Agent.UNLIMITED, "SLO_AGENT_TRACE_MAP": PIN}), setup=setup)
