#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bad surroundings for the whole agent: killed at random points of incidents, bodies that are none, connections that
say nothing, a collector that is ill. Whatever opened must be told, under one id, and be resolved under the same.

usage: hard.py AGENT [ROUNDS [SEED]]
"""
import http.server
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

CONFIG = """
[agent]
backend = null
interval_ms = 200
evaluation_ms = 500
state_dir = {tmp}/state
instance = hard
[receiver]
listen = 127.0.0.1:{otlp}
lag_ms = 0
[metrics]
listen = 127.0.0.1:{metrics}
[otlp]
endpoint = http://127.0.0.1:{sink}
[webhook]
enabled = on
url = http://127.0.0.1:{sink}/hook
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


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Sink:
    """Receives notices; its collector answers as it is told to."""

    def __init__(self):
        sink = self
        self.told, self.mode, self.asked = [], "well", 0

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/hook":
                    sink.told.append((self.headers["webhook-id"], json.loads(body)))
                    return self.answer(200)
                sink.asked += 1
                if sink.mode == "cut":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
                    self.close_connection = True
                elif sink.mode == "garbage":
                    self.wfile.write(bytes(random.randrange(256) for _ in range(200)))
                    self.close_connection = True
                elif sink.mode == "slow":
                    time.sleep(1)
                    self.answer(200)
                else:
                    self.answer({"well": 200, "busy": 429, "refuses": 400}[sink.mode])

            def answer(self, status):
                self.send_response(status)
                if status == 429:
                    self.send_header("Retry-After", "1")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Agent:
    def __init__(self, path, sink, objective=OBJECTIVE):
        self.path, self.sink = path, sink
        self.dir = tempfile.TemporaryDirectory(prefix="slo-hard.")
        self.otlp, self.metrics = free_port(), free_port()
        self.config = f"{self.dir.name}/agent.ini"
        with open(self.config, "w") as f:
            f.write(CONFIG.format(tmp=self.dir.name, otlp=self.otlp, metrics=self.metrics, sink=sink.port) + objective)
        os.chmod(self.config, 0o600)
        self.process = None

    def start(self):
        with open(f"{self.dir.name}/log", "ab") as log:
            argv = self.path if isinstance(self.path, list) else [self.path]
            self.process = subprocess.Popen([*argv, "--config", self.config, "--output", "jsonl"], stderr=log,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.otlp), 1).close()
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < end, self.log()
                time.sleep(0.01)

    def log(self):
        with open(f"{self.dir.name}/log", errors="replace") as f:
            return f.read()[-3000:]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0, self.log()

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
        rows = [{"traceId": os.urandom(16).hex(), "spanId": os.urandom(8).hex(), "name": "chat m", "kind": 3,
                 "startTimeUnixNano": str(now - 5000000), "endTimeUnixNano": str(now), "attributes": [text],
                 "status": {"code": 2 if bad else 1}} for _ in range(n)]
        name = {"key": "service.name", "value": {"stringValue": "chat"}}
        return self.post(json.dumps({"resourceSpans": [{"resource": {"attributes": [name]},
                                                        "scopeSpans": [{"spans": rows}]}]}).encode())

    def counts(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=10) as r:
            return [line for line in r.read().decode().splitlines() if not line.startswith("#")]


def feed(agent, bad, seconds, until=lambda: False):
    end = time.monotonic() + seconds
    while time.monotonic() < end and not until():
        agent.spans(bad)
        time.sleep(0.05)


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


def killed(path, rounds, rng):
    sink = Sink()
    agent = Agent(path, sink)
    agent.start()
    kills = 0
    for i in range(rounds):
        bad = i // 8 % 2 == 0
        feed(agent, bad, rng.uniform(0.2, 1.6))
        agent.kill()
        kills += 1
        agent.start()
    feed(agent, True, 10, lambda: sink.told and status_of(sink.told[-1][1]) != "resolved")
    feed(agent, False, 20, lambda: sink.told and status_of(sink.told[-1][1]) == "resolved")
    agent.stop()
    opened = check_told(sink.told)
    assert opened, "no incident at all"
    print(f"killed: {kills} kills, {len(sink.told)} notices, {opened} incidents, none lost, none under two ids")


def flooded(path, rng, count=10000):
    agent = Agent(path, Sink())
    agent.start()
    good = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00","name":"x"}]}]}]}'
    answers = {}
    for i in range(count):
        body = rng.randbytes(rng.randrange(1, 200)) if i % 2 else good[:rng.randrange(len(good))]
        status = agent.post(body, rng.choice(("application/json", "application/x-protobuf")))
        answers[status] = answers.get(status, 0) + 1
    socks = []
    for _ in range(1000):
        s = socket.socket()
        s.settimeout(2)
        try:
            s.connect(("127.0.0.1", agent.otlp))
            s.send(b"P")
        except OSError:
            pass
        socks.append(s)
    for s in socks:
        s.close()
    time.sleep(0.5)
    assert agent.spans(False) == 200, agent.log()
    rows = [r for r in agent.counts() if "bad" in r and "otlp" in r]
    counted = max((float(r.split()[-1]) for r in rows), default=0)
    assert counted >= answers.get(400, 0) > 0, (rows, answers)
    agent.stop()
    print(f"flooded: {count} bodies {answers}, {counted:g} counted, 1000 connections of one byte, still answers")


def collector(path):
    sink = Sink()
    agent = Agent(path, sink)
    agent.start()
    for sink.mode in ("refuses", "garbage", "cut", "slow", "busy", "well"):
        before = sink.asked
        feed(agent, False, 3, lambda b=before: sink.asked > b + 1)
        assert agent.process.poll() is None, agent.log()
    assert agent.spans(False) == 200
    agent.stop()
    print(f"collector: 400, garbage, cut, slow, 429: {sink.asked} requests, still answers")


def killed_at_rename(path, when):
    """Killed at the @when-th rename (the first is the ring of the objective): before, or after, the notice is spooled."""
    sink = Sink()
    agent = Agent(path, sink)
    agent.path = ["strace", "-f", "-o", "/dev/null", "-e", "trace=rename,renameat,renameat2", "-e",
                  f"inject=rename,renameat,renameat2:signal=KILL:when={when}", path]
    agent.start()
    feed(agent, True, 20, lambda: agent.process.poll() is not None)
    assert agent.process.poll() is not None, "it was not killed"
    agent.path = path
    agent.start()
    feed(agent, True, 6)
    feed(agent, False, 20, lambda: sink.told and status_of(sink.told[-1][1]) == "resolved")
    agent.stop()
    print(f"killed at rename {when}: {check_told(sink.told)} incident, {len(sink.told)} notices")


def started_badly(path):
    """A start that fails leaves the state as it is."""
    sink = Sink()
    agent = Agent(path, sink)
    agent.start()
    feed(agent, True, 20, lambda: sink.told)
    assert sink.told, agent.log()
    time.sleep(1)
    agent.kill()
    state = f"{agent.dir.name}/state/hard/state.bin"
    with open(state, "rb") as f:
        before = f.read()
    with open(agent.config, "a") as f:
        f.write(OBJECTIVE.replace("slo.errors", "slo.more").replace("5s, 6s", "1s, 6s"))
    done = subprocess.run([agent.path, "--config", agent.config, "--output", "jsonl"], capture_output=True, timeout=30)
    with open(state, "rb") as f:
        assert done.returncode and f.read() == before, "a start that failed wrote over the state"
    print("started badly: the state is kept")


def main():
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    rng = random.Random(seed)
    collector(sys.argv[1])
    for when in (2, 3) if shutil.which("strace") else ():
        killed_at_rename(sys.argv[1], when)
    started_badly(sys.argv[1])
    flooded(sys.argv[1], rng)
    killed(sys.argv[1], rounds, rng)


if __name__ == "__main__":
    main()
