# SPDX-License-Identifier: Apache-2.0
"""The whole story on one machine: a name server, a streaming provider, an instrumented application, the agent, and
faults that are switched on and off. Everything is real but the model: what is asked for comes word by word."""
import base64
import ctypes
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
        threading.Thread(target=stream, args=(conn, status.value), daemon=True).start()


def remote(fn, *args):
    """In life these run on machines of their own: what happens to the application's CPU is not to touch them."""
    os.nice(-20)
    os.sched_setaffinity(0, {os.cpu_count() - 1})
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
valid_min = 5
[slo.chat]
service = chat-api
sli = ttft_ms
threshold = {threshold}
objective = 0.95
windows = {windows}
"""
WINDOWS = (6, 8, 12, 14, 20, 30, 40)


class Story:
    """All of it, running when the constructor returns. scale: how much slower this machine is (emulation)."""

    def __init__(self, agent, python, scale=1, threshold_ms=300, work_ms=10, app_args=(), overhead=3, controllers=()):
        self.tmp = tempfile.mkdtemp(prefix="slo-story.")
        self.scale, self.agent_path, self.ctl = scale, agent, os.path.join(os.path.dirname(agent), "sloctl")
        self.sink = Sink()
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
                                  evaluation=f"{2 * scale:g}s", threshold=threshold_ms * scale, secret=SECRET,
                                  overhead=overhead, windows=", ".join(f"{int(w * scale)}s" for w in WINDOWS)))
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
        with open(os.path.join(self.tmp, "app.log"), "wb") as log:
            return subprocess.Popen(argv, preexec_fn=lambda: self.cgroup.add(os.getpid()), stdin=subprocess.DEVNULL,
                                    stdout=log, stderr=log)

    def start_agent(self):
        with open(self.log_path, "ab") as log:
            self.agent = subprocess.Popen([self.agent_path, "--config", self.config, "--output", "jsonl"],
                                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        until = time.monotonic() + 120
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

    def incidents(self):
        """Of the agent's log: {status, id, domain, probability, ...} in order."""
        rows = []
        for line in self.log().splitlines():
            if m := re.search(r"incident (open|update|resolved) (id=.*)", line):
                pairs = dict(re.findall(r'(\w+)=("[^"]*"|\S*)', m[2]))
                rows.append({"status": m[1], **{k: v.strip('"') for k, v in pairs.items()}})
        return rows

    def wait(self, what, holds, seconds):
        """Seconds it took, or None."""
        begin = time.monotonic()
        while time.monotonic() - begin < seconds * self.scale:
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

    def cpu_hogs(self, count, nice=-5):
        """Neighbours on the application's one CPU."""
        self._cpus({0})

        def run():
            os.nice(nice)
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

    def close(self):
        for p in (self.app, self.agent):
            if p.poll() is None:
                p.terminate()
                try:
                    p.wait(20)
                except subprocess.TimeoutExpired:
                    p.kill()
                    p.wait()
        slonet.cleanup()
        shutil.rmtree(self.tmp, ignore_errors=True)

