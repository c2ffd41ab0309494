#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an operator's terminal gets: names that others chose do not drive it, and what is redrawn keeps to the window.

An agent that answers with such names stands in for a real one.

usage: terminal.py SLOCTL
"""
import fcntl
import json
import os
import pty
import re
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

EVIL = "\x1b[2J\x9b31m\r\nx"
SIGNALS = ("dns_latency_ms", "tcp_retransmits_total", "runqueue_delay_ms", "connect_latency_ms", "disk_io_latency_ms")


def answer():
    incident = {"incident_id": "inc-1", "service": EVIL, "namespace": "prod", "predicted_fault_domain": "network_dns",
                "confidence": 0.9, "timestamp": "2026-01-02T03:04:05Z", "started_at": "2026-01-02T03:04:05Z",
                "slo_impact": {"sli": "ttft_ms", "burn_rate": 20}}
    return {"agent": {"version": "1", "node": EVIL, "mode": "core_full", "uptime_s": 5, "overhead_pct": 0.1},
            "signals": [{"name": n, "status": "measured", "mechanism": "tp_btf", "rate": 1, "p50": 1, "p95": 2, "p99": 3,
                         "worst": {"value": 9, "pid": 7, "comm": EVIL, "container": "pod " + EVIL + "y" * 60}} for n in SIGNALS],
            "slos": [{"name": "ttft", "service": EVIL, "state": "page", "budget_remaining": 0.5, "windows": []}] * 9,
            "incidents": [{"state": "open", "incident": incident}]}


def serve(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()

    def loop():
        while True:
            with listener.accept()[0] as c:
                c.makefile().readline()
                c.sendall(json.dumps(answer()).encode())

    threading.Thread(target=loop, daemon=True).start()


def on_terminal(words, rows, columns, seconds, no_color=None):
    """What @words writes to a window of that size until it ends, at most in so many seconds."""
    env = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | ({} if no_color is None else {"NO_COLOR": no_color})
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(words, stdout=child, stderr=child, stdin=child, close_fds=True, env=env)
    os.close(child)
    os.set_blocking(parent, False)
    out, until = b"", time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            out += os.read(parent, 65536)
        except BlockingIOError:
            time.sleep(0.05)
        except OSError:
            break  # nobody has the other end
    process.terminate()
    process.wait()
    os.close(parent)
    return out.decode()


def check_plain(words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, (words, done.returncode, done.stderr)
    assert re.search(r"[^\x20-\x7e\n]", done.stdout) is None, (words, done.stdout)
    assert "?[2J" in done.stdout, (words, done.stdout)
    return done.stdout


def check_screen(sloctl, path):
    text = on_terminal([sloctl, "top", "--control", path], 10, 40, 2.5)
    screens = text.split("\x1b[H")
    assert screens[0] == "\x1b[2J", screens[0]
    assert len(screens) >= 3, text
    for screen in screens[1:-1]:
        lines = screen.split("\r\n")
        assert lines[0].startswith("\x1b[?7l") and lines[-1] == "\x1b[?7h\x1b[J", lines
        assert len(lines) - 1 <= 9, lines
        assert lines[1].startswith("open: inc-1"), lines
        assert re.match(r"\(\d+ more lines", lines[-2]), lines
        rest = re.sub(r"\x1b\[(\?7[lh]|K|J)", "", screen)
        assert re.search(r"[^\x20-\x7e\r\n]", rest) is None, rest


def check_colour(words):
    """https://no-color.org: an empty NO_COLOR is none."""
    for no_color, coloured in ((None, True), ("", True), ("1", False)):
        text = on_terminal(words, 50, 200, 60, no_color)
        assert ("\x1b[" in text) == coloured, (words, no_color, text)
    assert "\x1b[" not in subprocess.run(words, capture_output=True, text=True, timeout=60).stdout, words


def main():
    sloctl = os.path.realpath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "control")
        serve(path)
        top = check_plain([sloctl, "top", "--control", path])
        assert top.count("\n") == 1 + 1 + 1 + len(SIGNALS) + 9, top
        check_plain([sloctl, "incidents", "--control", path])
        check_screen(sloctl, path)
        sample = {"incident_id": EVIL, "timestamp": "2026-01-02T03:04:05Z", "cluster": EVIL, "namespace": EVIL, "service": EVIL,
                  "sli": EVIL, "burn_rate": 2, "window_minutes": 5, "signals": {"dns_latency_ms": 100}}
        samples = os.path.join(folder, "samples")
        with open(samples, "w") as f:
            f.write(json.dumps(sample) + "\n")
        check_plain([sloctl, "explain", "--input", samples])
        check_colour([sloctl, "explain", "--input", samples])
        check_colour([sloctl, "prereq", "check"])
    print("terminal: names of others drive nothing, a window is kept to")


if __name__ == "__main__":
    main()
