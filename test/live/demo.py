#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""One real fault after another on this machine, and what the agent says of it: demo.py AGENT PYTHON [--svg FILE].

1: a wrong verdict. --svg: FILE becomes a picture of the first one, as the agent draws it.
"""
import argparse
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import story  # noqa: E402

BOLD, PLAIN = ("\033[1m", "\033[0m") if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else ("", "")


def say(text):
    print(f"{BOLD}{text}{PLAIN}", flush=True)


def draw(s, incident, path):
    """A picture that is not whole must not take the place of one that is."""
    picture = s.sloctl("explain", incident, "--output", "svg")
    if not picture.startswith("<svg") or not picture.endswith("</svg>\n"):
        raise RuntimeError(f"no picture: {picture[:200]}")
    with open(path, "w", encoding="utf-8") as out:
        out.write(picture)
    say(f"    drawn: {path}")


def act(s, title, begin, domain, svg=None):
    """False: another verdict than the fault that was made."""
    seen = len(s.incidents())
    say(f"\n==> {title}")
    begin()
    rows = lambda: s.incidents()[seen:]  # noqa: E731
    named = lambda: [r for r in rows() if r["domain"] == domain and not r["abstained"]]  # noqa: E731
    took = s.wait("an incident", lambda: any(r["status"] == "open" for r in rows()), 60)
    if took is None:
        before = [f"{r['id']} {r['status']} {r['domain']}" for r in s.incidents()[:seen]]
        say("    no incident was opened" + (f"; before the fault: {', '.join(before)}" if before else ""))
        print(s.sloctl("top", "--once"), *s.log().splitlines()[-5:], sep="\n", flush=True)
        return False
    say(f"    the objective burns: incident opened after {took:.0f} s")
    more = s.wait("the verdict", named, 30)
    shown = (named() or rows())[-1]
    print(s.sloctl("explain", shown["id"]), flush=True)
    if svg and more is not None:
        draw(s, shown["id"], svg)
    s.calm()
    if more is None:
        say(f"    WRONG: {shown['domain']} instead of {domain}")
        return False
    say("==> the fault is taken away")
    took = s.wait("the end", lambda: any(r["status"] == "resolved" for r in rows()), 90)
    say(f"    resolved after {took:.0f} s" if took is not None else "    it did not resolve")
    return took is not None


def main():
    args = argparse.ArgumentParser()
    args.add_argument("agent")
    args.add_argument("python")
    args.add_argument("--svg")
    args = args.parse_args()
    if os.geteuid() != 0:
        print("demo: needs root: it measures the kernel, and makes a cgroup", file=sys.stderr)
        return 4
    say("A name server, a streaming provider, an application with the OpenTelemetry SDK, and the agent, on this machine.")
    say("The objective's windows are shortened to seconds (5 s to 12 s instead of 5 min to 3 days): see the configuration.")
    s = story.Story(args.agent, args.python)
    try:
        say("==> healthy for a while: what is normal is learnt")
        s.wait("a healthy start", lambda: False, 16)
        good = act(s, "fault 1: each DNS answer comes 400 ms late", lambda: s.slow_dns(400), "network_dns", args.svg)
        good = act(s, "fault 2: neighbours take the application's CPU", lambda: s.cpu_hogs(2), "cpu_throttle") and good
    finally:
        s.close()
    say("\nBoth faults were named." if good else "\nA verdict was wrong.")
    return 0 if good else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    begin = time.monotonic()
    try:
        code = main()
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
