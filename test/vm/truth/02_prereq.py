#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `sloctl prereq check` says of this kernel is kept for the table in backends/libbpf/README.md, and is as its row expects."""
# timeout: 120
import json
import os
import subprocess
import sys

# Columns of kernels/matrix.tsv and the signals that they speak of.
COLUMNS = {"DNS": ["dns_latency_ms"], "RETRANSMIT": ["tcp_retransmits_total"], "RUNQUEUE": ["runqueue_delay_ms"],
           "CONNECT": ["connect_latency_ms", "connect_errors_total"], "RECLAIM": ["mem_reclaim_latency_ms"],
           "TLS": ["tls_handshake_ms", "tls_handshake_fail_total"], "DISK": ["disk_io_latency_ms"],
           "SYSCALL": ["syscall_latency_ms"]}

run = subprocess.run([os.environ["SLO_CTL"], "prereq", "check", "--output", "json"], capture_output=True, text=True, check=False)
try:
    report = json.loads(run.stdout)
except ValueError:
    sys.exit(f"exit code {run.returncode}, no JSON: {run.stdout[:200]} {run.stderr[:400]}")
with open(os.path.join(os.environ["SLO_SHARE"], "prereq.json"), "w", encoding="utf-8") as out:
    json.dump({"release": os.uname().release, **report}, out)

served = {}
for backend in report["backends"]:
    for row in backend["signals"]:
        if row["serves"] and row["signal"] not in served:
            served[row["signal"]] = row["source"]
print(served)
wrong = [f"{signal}: {served.get(signal, 'not served')}, not {os.environ[f'SLO_ROW_{column}']}"
         for column, signals in COLUMNS.items() for signal in signals
         if os.environ.get(f"SLO_ROW_{column}", "-") not in ("-", served.get(signal, "not served"))]
sys.exit("\n".join(wrong) or 0)
