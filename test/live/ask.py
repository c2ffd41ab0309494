#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What sloctl asks a running agent, with an incident open: top, incidents, explain, cdgate check --explain, support-bundle.

usage: ask.py AGENT SLOCTL
"""
import json
import os
import re
import subprocess
import sys
import tarfile

from input import burn, event
from surroundings import id_of

RESPONSES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../golden/cdgate/fail/r.json")


def failed():
    return event(True, namespace="prod")


class Asker:
    def __init__(self, sloctl, socket):
        self.sloctl, self.socket = sloctl, socket

    def __call__(self, *words, code=0, env=None):
        done = subprocess.run([self.sloctl, *words, "--control", self.socket], capture_output=True, text=True, timeout=60,
                              env=env)
        assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
        return done.stdout, done.stderr


def row(text, *words):
    """The one line that has all of @words."""
    lines = [line for line in text.splitlines() if all(w in line for w in words)]
    assert len(lines) == 1, (words, text)
    return lines[0]


def tables(ask, incident):
    top, _ = ask("top", "--once")
    assert re.match(r"llm-slo-agent \S+ on \S+, mode null, up \d+ s\n", top), top
    line = row(top, "errors", "prod/chat", "page")
    assert re.search(r"budget -\d+\.\d %  burn 5s=\d+\.\d\d ", line) and "(shortened windows)" in line, line
    since = re.search(r"^open: " + incident + r"  prod/chat  \S+ \(0\.\d\d\)  since (20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ)$", top,
                      re.M)
    assert since, top
    listed, _ = ask("incidents")
    head, line = listed.splitlines()[0], row(listed, incident)
    assert head.split() == ["state", "time", "service", "sli", "burn", "id", "domain"], head
    state, stamp, service, sli, burn, name, domain = line.split()[:7]
    assert (state, service, sli, name) == ("open", "prod/chat", "error_rate", incident), line
    assert stamp >= since.group(1) and len(stamp) == 20 and float(burn) > 3, line
    assert all(line[head.index(w) - 1] == " " and line[head.index(w)] != " " for w in ("time", "service", "sli", "id", "domain"))
    assert ask("incidents", "--open")[0].count(incident) == 1
    ask("incidents", "--service", "nobody", code=3)
    record = json.loads(ask("incidents", "--output", "json")[0])
    assert record["incident_id"] == incident and record["predicted_fault_domain"] == domain
    page, _ = ask("explain", incident)
    assert incident in page and "chat" in page and domain in page, page
    said = json.loads(ask("explain", incident, "--output", "json")[0])
    assert json.dumps(said).find(incident) >= 0
    ask("explain", "inc-none", code=3)
    return domain


def gate(ask, incident, domain):
    asked = ("cdgate", "check", "--responses", RESPONSES, "--explain")
    text, _ = ask(*asked, code=1)
    assert "fail" in row(text, "ttft_p95_ms") and incident in row(text, domain, incident), text
    assert incident in ask(*asked, "--output", "json", code=1)[0]
    assert incident in ask(*asked, "--output", "junit", code=1)[0]
    assert incident in ask(*asked, "--service", "chat", code=1)[0]
    other, _ = ask(*asked, "--service", "other", code=1)
    assert incident not in other and "no open incident of service other" in other, other


def bundle(ask, agent, incident):
    out = f"{agent.dir.name}/bundle.tar"
    ask("support-bundle", "--out", out, "--config", agent.config, "--log", f"{agent.dir.name}/log")
    with tarfile.open(out) as tar:
        parts = {os.path.basename(m.name): tar.extractfile(m).read().decode() for m in tar.getmembers()}
    assert {"versions.txt", "prereq.json", "config.ini", "status.json", "top.json", "incidents.json",
            "log.txt"} == set(parts), set(parts)
    assert incident in parts["incidents.json"] and f"id={incident}" in parts["log.txt"]
    assert "c2VjcmV0" not in "".join(parts.values()), "a secret went along"
    # Without a journal the way to the log is told. (journalctl is looked for in PATH.)
    _, err = ask("support-bundle", "--out", out, "--config", agent.config, code=5, env={"PATH": agent.dir.name})
    line = row(err, "log.txt: ")
    assert "there is no such program here" in line and "kubectl logs" in line and "--log FILE" in line, err


def main():
    agent = burn(sys.argv[1], namespace="prod")
    ask = Asker(sys.argv[2], agent.socket)
    incident = id_of(agent.hooks.told[0][1])
    agent.write(*[failed()] * 50)  # it stays open meanwhile
    domain = tables(ask, incident)
    gate(ask, incident, domain)
    agent.write(*[failed()] * 50)
    bundle(ask, agent, incident)
    agent.stop()
    _, err = ask("top", "--once", code=4)
    assert "no agent answers" in err
    print(f"asked: top, incidents, explain, cdgate --explain ({domain}), support-bundle of {incident}")


if __name__ == "__main__":
    main()
