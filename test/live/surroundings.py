# SPDX-License-Identifier: Apache-2.0
"""An agent without a kernel's signals, what sends to it, and what it sends to: a collector and a webhook receiver that
behave as they are told to. Everything that comes is kept, so that it can be compared with what went in."""
import atexit
import collections
import gzip
import http.server
import json
import os
import random
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

CONFIG = """
[agent]
backend = {backend}
interval_ms = 200
evaluation_ms = 500
state_dir = {state}
instance = hard
control =
[receiver]
listen = 127.0.0.1:{otlp}
lag_ms = 0
[metrics]
listen = 127.0.0.1:{metrics}
[otlp]
endpoint = http://127.0.0.1:{sink}
queue_bytes = 65536
[webhook]
enabled = on
url = http://127.0.0.1:{hooks}/hook
secret = c2VjcmV0LW9mLWEtdGVzdC1zZWNyZXQtb2YtYS10ZXN0
[attribution]
valid_min = 2
"""
OBJECTIVE = """[slo.errors]
service = chat
sli = error_rate
threshold = 0.01
objective = 0.95
windows = 5s, 6s, 7s, 8s, 9s, 10s, 11s
"""


# Leaks cannot be looked for under ptrace.
NO_LEAKS = {"ASAN_OPTIONS": "detect_leaks=0"}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# --- what was received ------------------------------------------------------------------------------------------


def fields(data):
    """(number, value) of a protobuf message: enough for OTLP's ids."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        kind = key & 7
        if kind == 0:
            yield key >> 3, varint()
            continue
        size = varint() if kind == 2 else {1: 8, 5: 4}[kind]
        assert at + size <= len(data), "a message that is cut"
        yield key >> 3, data[at:at + size]
        at += size


def below(data, *path):
    """All values at a path of field numbers."""
    if not path:
        yield data
        return
    for number, value in fields(data):
        if number == path[0]:
            yield from below(value, *path[1:])


class Sink:
    """A collector and a webhook receiver; mode: how it answers spans, and whether anybody is there."""

    def __init__(self):
        sink = self
        self.told, self.mode, self.asked = [], "well", []
        self.spans = collections.Counter()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/hook":
                    sink.told.append((self.headers["webhook-id"], json.loads(body)))
                    return self.answer(200)
                if self.path == "/v1/traces":  # other kinds have a waiting time of their own
                    sink.asked.append(time.monotonic())
                return getattr(self, sink.mode)(body)

            def take(self, body):
                if self.path == "/v1/traces":
                    if self.headers.get("Content-Encoding") == "gzip":
                        body = gzip.decompress(body)
                    sink.spans.update(bytes(i) for i in below(body, 1, 2, 2, 2))

            def well(self, body):
                self.take(body)
                self.answer(200)

            def slow(self, body):
                time.sleep(1)
                self.well(body)

            def refuses(self, _):
                self.answer(400)

            def busy(self, _):
                self.answer(429, "2")

            def garbage(self, _):
                self.wfile.write(random.randbytes(200))
                self.close_connection = True

            def cut(self, _):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
                self.close_connection = True

            def answer(self, status, retry_after=None):
                self.send_response(status)
                if retry_after:
                    self.send_header("Retry-After", retry_after)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 64

            def handle_error(self, *_):
                pass

        self.make = lambda port: Server(("127.0.0.1", port), Handler)
        self.server, self.port = None, 0
        self.up()

    def up(self):
        self.server = self.make(self.port)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def down(self):
        self.server.shutdown()
        self.server.server_close()

    def statuses(self):
        return [status_of(body) for _, body in self.told]


def status_of(body):
    return body.get("status") or body.get("incident", {}).get("status")


def id_of(body):
    return body.get("incident_id") or body.get("incident", {}).get("incident_id")


def check_told(told):
    """A receiver that drops ids it had: one open incident at a time, and what opens ends under the same id."""
    seen, open_id, opened = set(), None, 0
    for notice, body in told:
        if notice in seen:
            continue
        seen.add(notice)
        status, incident = status_of(body), id_of(body)
        if status == "resolved":
            assert open_id == incident, f"{incident} is resolved while {open_id} is open"
            open_id = None
        else:
            assert open_id in (None, incident), f"{incident} is told while {open_id} is open"
            opened += open_id is None
            open_id = incident
    assert open_id is None, f"{open_id} never ended"
    return opened


# --- the agent --------------------------------------------------------------------------------------------------


class Agent:
    def __init__(self, path, config="", backend="null"):
        self.path = path
        self.sink, self.hooks = Sink(), Sink()
        self.dir = tempfile.TemporaryDirectory(prefix="slo-hard.", dir=os.environ.get("SLO_HARD_DIR"))
        self.otlp, self.metrics = free_port(), free_port()
        self.state = f"{self.dir.name}/state"
        self.config = f"{self.dir.name}/agent.ini"
        self.sent = set()  # ids of the spans that it said it took
        os.mkdir(self.state)
        with open(self.config, "w") as f:
            f.write(CONFIG.format(state=self.state, otlp=self.otlp, metrics=self.metrics, sink=self.sink.port,
                                  hooks=self.hooks.port, backend=backend) + config + OBJECTIVE)
        os.chmod(self.config, 0o600)
        self.process = None
        atexit.register(lambda: self.process and self.kill())  # none outlives a check that failed

    def start(self, *before):
        with open(f"{self.dir.name}/log", "ab") as log:
            self.process = subprocess.Popen([*before, self.path, "--config", self.config, "--output", "jsonl"],
                                            stderr=log, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                            env={**os.environ, **(NO_LEAKS if before else {})})
        end = time.monotonic() + 60
        while self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.otlp), 1).close()
                return self
            except OSError:
                assert time.monotonic() < end, self.log()
                time.sleep(0.01)
        assert before, self.log()  # one that is to be killed may be before it listens
        return self

    def alive(self):
        return self.process.poll() is None

    def log(self, size=3000):
        with open(f"{self.dir.name}/log", errors="replace") as f:
            return f.read()[-size:]

    def opened(self):
        """Incidents by its own log, killed or not."""
        return set(re.findall(r"incident open id=(\S+)", self.log(1 << 30)))

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, self.log()

    def post(self, body, content_type="application/json"):
        request = urllib.request.Request(f"http://127.0.0.1:{self.otlp}/v1/traces", body,
                                         {"Content-Type": content_type})
        try:
            with urllib.request.urlopen(request, timeout=10) as r:
                return r.status
        except urllib.error.HTTPError as e:
            return e.code
        except OSError:
            return 0

    def spans(self, bad, n=5):
        now = time.time_ns()
        text = {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}
        ids = [os.urandom(8) for _ in range(n)]
        rows = [{"traceId": os.urandom(16).hex(), "spanId": i.hex(), "name": "chat m", "kind": 3,
                 "startTimeUnixNano": str(now - 5000000), "endTimeUnixNano": str(now), "attributes": [text],
                 "status": {"code": 2 if bad else 1}} for i in ids]
        name = {"key": "service.name", "value": {"stringValue": "chat"}}
        status = self.post(json.dumps({"resourceSpans": [{"resource": {"attributes": [name]},
                                                          "scopeSpans": [{"spans": rows}]}]}).encode())
        if status == 200:
            self.sent.update(ids)
        return status

    def feed(self, bad, seconds, until=lambda: False):
        """Whether @until came true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if until():
                return True
            self.spans(bad)
            time.sleep(0.05)
        return until()

    def count(self, name, *labels):
        """A metric's value: the sum of its series with these labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=10) as r:
            rows = r.read().decode().splitlines()
        rows = [row for row in rows if re.match(rf"llm_slo_{name}[{{ ]", row) and all(f'="{v}"' in row for v in labels)]
        return sum(float(row.split()[-1]) for row in rows)

    def told(self, status):
        return lambda: self.hooks.statuses()[-1:] == [status]

    def through_an_incident(self, seconds=40):
        """One opens, and ends; both told."""
        before = len(self.hooks.told)
        new = lambda: [s for s in self.hooks.statuses()[before:]]  # noqa: E731
        assert self.feed(True, seconds, lambda: "open" in new()), f"no incident\n{self.log()}"
        assert self.feed(False, seconds, lambda: "resolved" in new()), f"it does not end\n{self.log()}"

    def wait_for_spans(self, seconds, lost=0):
        """Until all that were taken, but @lost, came out."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and len(self.sink.spans) + lost < len(self.sent):
            time.sleep(0.1)
        there = set(self.sink.spans)
        assert there <= self.sent, f"{len(there - self.sent)} spans that were never taken"
        assert len(there) + lost == len(self.sent), (len(there), lost, len(self.sent), self.log())
