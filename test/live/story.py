# SPDX-License-Identifier: Apache-2.0
"""The whole story on one machine: a name server, a streaming provider, an instrumented application, the agent, and
faults that are switched on and off. Everything is real but the model: what is asked for comes word by word."""
import base64
import contextlib
import ctypes
import datetime
import hashlib
import heapq
import hmac
import http.server
import json
import multiprocessing
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.realpath(os.path.join(HERE, "..", ".."))
sys.path.insert(0, os.path.join(HERE, "..", "vm", "lib"))

import slodns  # noqa: E402
import slolimit  # noqa: E402
import slonet  # noqa: E402

RESOLVER, PROVIDER, NAME = "127.0.0.77", "127.0.0.78", "provider.slo.test"
PROVIDER_PORT = 8078
SECRET = "whsec_" + base64.b64encode(b"a secret of the test, 32 bytes..").decode()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def name_server(delay_ms):
    """Answers every name with the provider's address, delay_ms.value late."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((RESOLVER, 53))
    due, n = [], 0
    while True:
        sock.settimeout(max(0.0005, due[0][0] - time.monotonic()) if due else None)
        try:
            msg, peer = sock.recvfrom(4096)
            qid, _, _, qtype, end = slodns.parse(msg)
            found = qtype == slodns.A
            head = msg[:2] + b"\x81\x80\0\1" + (b"\0\1" if found else b"\0\0") + b"\0\0\0\0"
            body = msg[12:end] + (b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(PROVIDER) if found else b"")
            n += 1
            heapq.heappush(due, (time.monotonic() + delay_ms.value / 1e3, n, head + body, peer))
        except (TimeoutError, socket.timeout):
            pass
        while due and due[0][0] <= time.monotonic():
            _, _, msg, peer = heapq.heappop(due)
            sock.sendto(msg, peer)


def answer(conn, status):
    with contextlib.suppress(OSError):  # who asked may have given up
        stream(conn, status)


def stream(conn, status):
    conn.recv(65536)
    if status != 200:
        conn.sendall(f"HTTP/1.1 {status} no\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n".encode())
        conn.close()
        return
    time.sleep(0.02)
    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    for _ in range(8):
        conn.sendall(b"data: word\n\n")
        time.sleep(0.004)
    conn.close()


def provider(status):
    srv = socket.socket()
    srv.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    srv.bind((PROVIDER, PROVIDER_PORT))
    srv.listen(64)
    while True:
        conn, _ = srv.accept()
        threading.Thread(target=answer, args=(conn, status.value), daemon=True).start()


def remote(fn, *args):
    """In life these run on machines of their own: what happens to the application's CPU is not to touch them."""
    os.nice(-20)
    os.sched_setaffinity(0, {os.cpu_count() - 1})
    with contextlib.suppress(OSError):  # not everywhere allowed
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    fn(*args)


def hog():
    while True:
        pass


class Sink:
    """Takes webhooks (and checks their signatures) and OTLP requests, and keeps both."""

    def __init__(self):
        sink = self
        self.hooks, self.bad, self.spans, self.logs = [], [], [], []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.take(self.path, self.headers, body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, path, headers, body):
        if path == "/hook":
            key = base64.b64decode(SECRET[6:])
            text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
            want = "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
            good = hmac.compare_digest(want, headers["webhook-signature"] or "")
            (self.hooks if good else self.bad).append((headers["webhook-id"], json.loads(body)))
        elif path.startswith("/v1/"):
            if headers.get("Content-Encoding") == "gzip":
                import gzip
                body = gzip.decompress(body)
            (self.spans if path == "/v1/traces" else self.logs).append(body)


CONFIG = """
[agent]
evaluation_ms = {evaluation}
state_dir = {tmp}/state
control = {tmp}/agent.sock
instance = story{pid}
[output]
path = {tmp}/events.jsonl
[thresholds]
dns_latency_ms = 0
connect_latency_ms = 0
[receiver]
listen = 127.0.0.1:{otlp}
[metrics]
listen = 127.0.0.1:{metrics}
[safety]
max_overhead_pct = {overhead}
[otlp]
endpoint = http://127.0.0.1:{sink}
[webhook]
enabled = on
url = http://127.0.0.1:{sink}/hook
secret = {secret}
# Shortened: seconds take the places of the usual 5 minutes to 3 days, so that a fault is seen and gone within a minute.
[attribution]
valid_min = 3
[slo.chat]
service = chat-api
sli = ttft_ms
threshold = {threshold}
objective = {objective}
windows = {windows}
[slo.replies]
service = chat-api
sli = error_rate
threshold = 0.01
objective = {objective}
windows = {windows}
"""
# Under emulation all is some ten times slower, so what is slow enough to be a fault is, too.
REAL = {"threshold_ms": 600, "work_ms": 10, "app_args": ["--threads", "3", "--rate", "3"]}
EMULATED = {"threshold_ms": 1500, "work_ms": 20,
            "app_args": ["--threads", "6", "--rate", "0.7", "--memory-mb", "24", "--memory-pages", "300"]}
WINDOWS = (5, 6, 7, 8, 9, 10, 12)
EVALUATION = 2
OBJECTIVE = 0.95
# What else goes on on this machine is none of the faults that are made; the neighbours that are one are dearer still.
APP_NICE, HOG_NICE = -10, -20


class Story:
    """All of it, running when the constructor returns."""

    def __init__(self, agent, python, threshold_ms=300, work_ms=10, app_args=(), overhead=3, controllers=(), windows=WINDOWS,
                 options=()):
        self.tmp = tempfile.mkdtemp(prefix="slo-story.")
        self.threshold_ms, self.agent_path, self.ctl = threshold_ms, agent, os.path.join(os.path.dirname(agent), "sloctl")
        self.sink, self.options = Sink(), options
        self.delay = multiprocessing.Value(ctypes.c_double, 0)
        self.status = multiprocessing.Value(ctypes.c_int, 200)
        self.otlp, self.metrics = free_port(), free_port()
        self.hogs = []
        self.cgroup = self._cgroup(controllers)
        slonet.spawn(remote, name_server, self.delay, comm="named")
        slonet.spawn(remote, provider, self.status, comm="provider")
        self.config = os.path.join(self.tmp, "agent.ini")
        with open(self.config, "w") as f:
            f.write(CONFIG.format(tmp=self.tmp, pid=os.getpid(), otlp=self.otlp, metrics=self.metrics, sink=self.sink.port,
                                  evaluation=f"{EVALUATION}s", objective=OBJECTIVE, threshold=threshold_ms, secret=SECRET,
                                  overhead=overhead, windows=", ".join(f"{w}s" for w in windows)))
        os.chmod(self.config, 0o600)
        self.log_path = os.path.join(self.tmp, "agent.log")
        self.start_agent()
        argv = [python, "-B", os.path.join(HERE, "app.py"), f"{NAME}:{PROVIDER_PORT}", f"http://127.0.0.1:{self.otlp}",
                "--resolver", RESOLVER, "--tmp", self.tmp, "--work-ms", str(work_ms), *app_args]
        self.app = self._start_app(argv)

    def _cgroup(self, controllers):
        name = f"slo-story-{os.getpid()}"
        return slolimit.Limit(name, *controllers) if controllers else slonet.Cgroup(name)

    def _start_app(self, argv):
        def prepare():
            self.cgroup.add(os.getpid())
            os.nice(APP_NICE)

        with open(os.path.join(self.tmp, "app.log"), "wb") as log:
            return subprocess.Popen(argv, preexec_fn=prepare, stdin=subprocess.DEVNULL,
                                    stdout=log, stderr=log)

    def start_agent(self):
        def prepare():
            """The neighbours are to starve the application, not who watches it."""
            os.nice(APP_NICE)
            os.sched_setaffinity(0, {os.cpu_count() - 1})

        with open(self.log_path, "ab") as log:
            self.agent = subprocess.Popen([self.agent_path, "--config", self.config, "--output", "jsonl", *self.options],
                                          preexec_fn=prepare, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        until = time.monotonic() + 300  # programs are verified, under emulation on two busy CPUs
        while "agent ready" not in self.log():
            if self.agent.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the agent did not get ready:\n{self.log()}")
            time.sleep(0.1)

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def app_log(self):
        with open(os.path.join(self.tmp, "app.log"), errors="replace") as f:
            return f.read()

    def requests(self):
        """(when, TTFT in ms) of the application's requests, by its own clock."""
        return [(float(at), int(ms)) for at, ms in re.findall(r"^([\d.]+) ttft_ms=(\d+)$", self.app_log(), re.M)]

    def settle(self, seconds, at_most):
        """Waits until the application kept its objective for so long, and no incident is open. Whether it came to that."""
        def calm():
            since, rows = time.time() - seconds, self.incidents()
            slow = [ms > self.threshold_ms for at, ms in self.requests() if at >= since]
            return len(slow) > seconds and sum(slow) <= (1 - OBJECTIVE) * len(slow) and not (rows and rows[-1]["status"] != "resolved")

        return self.wait("calm", calm, at_most) is not None

    def incidents(self):
        """Of the agent's log: {at, status, id, domain, probability, ...} in order; at: unix seconds."""
        rows = []
        for line in self.log().splitlines():
            if m := re.match(r"(\S+)Z \w+ +incident (open|update|resolved) (id=.*)", line):
                pairs = dict(re.findall(r'(\w+)=("[^"]*"|\S*)', m[3]))
                at = datetime.datetime.fromisoformat(m[1] + "+00:00").timestamp()
                rows.append({"at": at, "status": m[2], **{k: v.strip('"') for k, v in pairs.items()}})
        return rows

    def wait(self, what, holds, seconds):
        """Seconds it took, or None."""
        begin = time.monotonic()
        while time.monotonic() - begin < seconds:
            if holds():
                return time.monotonic() - begin
            if self.agent.poll() is not None:
                raise RuntimeError(f"{what}: the agent ended\n{self.log()[-2000:]}")
            if self.app.poll() is not None:
                raise RuntimeError(f"{what}: the application ended\n{self.app_log()[-2000:]}")
            time.sleep(0.2)
        return None

    def sloctl(self, *args):
        out = subprocess.run([self.ctl, *args, "--control", os.path.join(self.tmp, "agent.sock")],
                             capture_output=True, text=True)
        return out.stdout + out.stderr

    # faults

    def slow_dns(self, ms):
        self.delay.value = ms

    def replies(self, status):
        self.status.value = status

    def cpu_hogs(self, count):
        """Neighbours on the application's one CPU."""
        self._cpus({0})

        def run():
            os.nice(HOG_NICE)
            hog()

        self.hogs = [slonet.spawn(run, comm="neighbour", cpus={0}) for _ in range(count)]

    def _cpus(self, cpus):
        for tid in os.listdir(f"/proc/{self.app.pid}/task"):
            os.sched_setaffinity(int(tid), cpus)

    def calm(self):
        self.delay.value = 0
        self.status.value = 200
        for h in self.hogs:
            h.kill()
        self.hogs = []
        self._cpus(set(range(os.cpu_count())))

    @staticmethod
    def _end(process):
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def end_app(self):
        """Its last spans are sent before it ends."""
        self._end(self.app)

    def close(self):
        self._end(self.app)
        self._end(self.agent)
        slonet.cleanup()
        shutil.rmtree(self.tmp, ignore_errors=True)

