#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `sloctl prereq check` says of this kernel is kept for the table in backends/libbpf/README.md."""
# timeout: 120
import json
import os
import subprocess
import sys

run = subprocess.run([os.environ["SLO_CTL"], "prereq", "check", "--output", "json"], capture_output=True, text=True, check=False)
try:
    report = json.loads(run.stdout)
except ValueError:
    sys.exit(f"exit code {run.returncode}, no JSON: {run.stdout[:200]} {run.stderr[:400]}")
with open(os.path.join(os.environ["SLO_SHARE"], "02_prereq.json"), "w", encoding="utf-8") as out:
    json.dump({"release": os.uname().release, **report}, out)
