#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Slo-events of an application that logs: followed over rotation, truncation, bad lines, kill -9; each counted once, and
what burns opens an incident as spans would.

usage: input.py AGENT
"""
import json
import os
import signal
import socket
import subprocess
import sys
import time

from surroundings import Agent, check_told, status_of

SETTINGS = """[slo.all]
service = chat
sli = error_rate
threshold = 0.01
objective = 0.95
[receiver]
slo_input = {log}
[agent]
control = {control}
"""
DAY = 86400


def event(bad, age=0.0, namespace=""):
    at = time.time() - age
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1e6):06d}Z"
    return json.dumps({"event_id": os.urandom(8).hex(), "timestamp": stamp, "cluster": "c", "namespace": namespace, "workload": "w",
                       "service": "chat", "request_id": "r", "sli_name": "error_rate", "sli_value": float(bad),
                       "unit": "ratio", "status": "breach" if bad else "ok"})


class Logged(Agent):
    def __init__(self, path, log=None):
        super().__init__(path)
        self.written = log or f"{self.dir.name}/app.log"
        self.socket = f"{self.dir.name}/agent.sock"
        with open(self.config) as f:
            text = f.read().replace("control =\n", "")
        with open(self.config, "w") as f:
            f.write(text + SETTINGS.format(log=self.written, control=self.socket))

    def write(self, *lines, end="\n"):
        with open(self.written, "a") as f:
            f.write("\n".join(lines) + end)

    def ask(self, cmd):
        with socket.socket(socket.AF_UNIX) as s:
            for _ in range(50):
                try:  # its ports answer before its socket does
                    s.connect(self.socket)
                    break
                except OSError:
                    time.sleep(0.1)
            s.sendall(json.dumps({"cmd": cmd}).encode() + b"\n")
            return json.loads(b"".join(iter(lambda: s.recv(65536), b"")))

    def valid(self):
        """Requests counted in the longest window of [slo.all]: three days of them, over restarts."""
        row = next(s for s in self.ask("top")["slos"] if s["name"] == "all")
        return row["windows"][-1]["valid"], row["windows"][-1]["bad"]

    def received(self, outcome, kind="slo_event"):
        return self.count("agent_received_records_total", kind, outcome)


def wait(what, agent, seconds=15):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, agent.log()
        time.sleep(0.1)


def counted_once(path):
    agent = Logged(path)
    agent.start()
    wait(lambda: "waits for a file" in agent.log(), agent)
    agent.write(event(False), event(True))
    agent.write("nonsense", json.dumps({"event_id": "x"}), event(False), event(False, 10 * DAY), event(False, -3600))
    agent.write(event(True)[:40], end="")
    # Of the objectives' two rings the old one misses both; the one of tomorrow is shown to none.
    wait(lambda: agent.received("late", "request") == 3, agent)
    wait(lambda: agent.valid() == (3, 1), agent)
    with open(agent.written, "rb") as f:
        half = f.read().rsplit(b"\n", 1)[1].decode()
    assert agent.received("rejected") == 2 and half
    told = [line for line in agent.log().splitlines() if "further bad lines" in line]
    assert len(told) == 1 and "app.log:3: not JSON" in told[0], told
    # Rotated while a line is half written, as a writer would that has it open; then killed; then rotated unseen.
    with open(agent.written, "a") as f:
        os.rename(agent.written, agent.written + ".1")
        time.sleep(0.6)
        line = event(True)
        f.write("\n" + line + "\n")
    agent.write(event(True))
    wait(lambda: agent.valid() == (5, 3), agent)
    assert agent.received("rejected") == 3  # the half line
    agent.kill()
    agent.write(event(False))
    os.rename(agent.written, agent.written + ".1")
    agent.write(event(False))
    os.rename(agent.written + ".1", agent.written + ".2")
    os.rename(agent.written, agent.written + ".1")
    agent.write(event(False))
    agent.start()
    wait(lambda: agent.valid() == (8, 3), agent)
    # copytruncate
    os.truncate(agent.written, 0)
    time.sleep(0.6)
    agent.write(event(False))
    wait(lambda: agent.valid() == (9, 3), agent)
    time.sleep(0.6)
    agent.stop()
    agent.start()
    time.sleep(1.5)
    assert agent.valid() == (9, 3), (agent.valid(), agent.log())
    agent.stop()
    print("counted once: 9 of 9 events over 3 rotations, a truncation, kill -9 and a restart; 3 bad lines, 2 outside the time")


def burn(path, **of):
    """An agent with an incident open."""
    agent = Logged(path)
    agent.start()
    end = time.monotonic() + 25
    while time.monotonic() < end and not agent.hooks.told:
        agent.write(*[event(True, **of)] * 5)
        time.sleep(0.1)
    assert agent.hooks.told, agent.log()
    return agent


def incident(path):
    agent = burn(path)
    end = time.monotonic() + 25
    while time.monotonic() < end and status_of(agent.hooks.told[-1][1]) != "resolved":
        agent.write(*[event(False)] * 5)
        time.sleep(0.1)
    agent.stop()
    print(f"incident: {check_told(agent.hooks.told)} opened and resolved by what a log says")


def withdrawn(path):
    """Objectives that are taken out of the configuration: one while the agent runs, one while it does not."""
    agent = burn(path)
    with open(agent.config) as f:
        whole = f.read()
    with open(agent.config, "w") as f:
        f.write(whole.replace("[slo.errors]", "[slo.other]").replace("service = chat", "service = nobody"))
    agent.process.send_signal(signal.SIGHUP)
    wait(lambda: status_of(agent.hooks.told[-1][1]) == "resolved", agent)
    assert "is no objective any more" in agent.log()
    with open(agent.config, "w") as f:
        f.write(whole)
    agent.process.send_signal(signal.SIGHUP)
    agent.write(*[event(True)] * 5)
    wait(lambda: status_of(agent.hooks.told[-1][1]) == "open", agent)
    agent.kill()
    with open(agent.config, "w") as f:
        f.write(whole.replace("[slo.errors]", "[slo.other]").replace("service = chat", "service = nobody"))
    agent.start()
    wait(lambda: status_of(agent.hooks.told[-1][1]) == "resolved", agent)
    agent.stop()
    assert check_told(agent.hooks.told) == 2
    print("withdrawn: 2 incidents ended with their objective, by a reload and by a restart")


def beats(agent):
    try:
        return agent.count("agent_heartbeat") > 0
    except OSError:  # its ports do not open all at once
        return False


def refused_reload(path):
    """Of a configuration that is refused nothing stays, also where the old target has gone meanwhile (root, cgroup2)."""
    with open("/proc/self/mounts") as f:
        mounts = [line.split()[1] for line in f if line.split()[2] == "cgroup2"]
    if os.geteuid() or not mounts:
        print("refused reload: not run, it takes root and a cgroup2 mount")
        return
    name = f"slo-refused-{os.getpid()}"
    target = f"{mounts[0]}/{name}"
    os.mkdir(target)
    agent = Agent(path, f"[targets]\ncgroup = /{name}\n", "libbpf")
    try:
        agent.start()
        wait(lambda: beats(agent), agent, 60)  # in its loop, signals are heard
        os.rmdir(target)
        with open(agent.config) as f:
            whole = f.read()
        with open(agent.config, "w") as f:  # 1 / (1 - .9) is below the factor of a page: it could never fire
            f.write(whole.replace(f"cgroup = /{name}", f"pid = {os.getpid()}").replace("objective = 0.95", "objective = 0.9"))
        agent.process.send_signal(signal.SIGHUP)
        wait(lambda: "reload refused, the old configuration stays: [slo.errors]" in agent.log(), agent)
        assert "the old targets come back when they are there" in agent.log(), agent.log()
        os.mkdir(target)  # what is found again is given to the kernel with the lists that stand beside it
        time.sleep(2)
        assert agent.alive(), agent.log()
        with open(agent.config, "w") as f:
            f.write(whole.replace("0.95", "0.94"))
        agent.process.send_signal(signal.SIGHUP)
        wait(lambda: "reload key=slo.errors.objective" in agent.log() or 'to="0.94"' in agent.log(), agent)
        agent.stop()
    finally:
        if os.path.isdir(target):
            os.rmdir(target)
    print("refused reload: the old targets are followed, and the next reload is taken")


def standard_input(path):
    agent = Logged(path, log="-")
    with open(f"{agent.dir.name}/log", "ab") as log:
        process = subprocess.Popen([path, "--config", agent.config, "--output", "jsonl"], stdin=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL, stderr=log)
    agent.process = process
    process.stdin.write("".join(event(i % 10 == 0) + "\n" for i in range(20000)).encode())
    process.stdin.close()
    wait(lambda: "standard input has ended" in agent.log(), agent)
    wait(lambda: agent.valid() == (20000, 2000), agent)
    agent.stop()
    print("standard input: 20000 events, then its end; the agent goes on")


def main():
    counted_once(sys.argv[1])
    standard_input(sys.argv[1])
    incident(sys.argv[1])
    withdrawn(sys.argv[1])
    refused_reload(sys.argv[1])


if __name__ == "__main__":
    main()
