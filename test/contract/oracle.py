#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The verdict commands on made-up input of the kinds that the earlier design's tools took, held to its rules written a second
time, in Python, from their description alone: oracle.py SLOCTL [ROUNDS [SEED]]. Pairs on and beside each limit, samples on and
beside each threshold, release trees of all shapes, raw requests. Nothing here is measured and no accuracy is meant."""
# needs: python3
import configparser
import csv
import itertools
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta, timezone

SLOCTL = os.path.abspath(sys.argv[1])
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 20
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 1
rng = random.Random(SEED)
MS = 1000000


def run(*args, expect=None, data=None):
    done = subprocess.run([SLOCTL, *map(str, args)], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if expect is not None and done.returncode not in expect:
        sys.exit("sloctl %s: exit %d, expected %s: %s" % (" ".join(map(str, args)), done.returncode, expect, done.stderr[-400:]))
    return done


def same(what, want, got, tolerance=0.0):
    """Of numbers, texts, lists and dicts; a field that only @got has is no difference."""
    if isinstance(want, dict):
        for key, value in want.items():
            if key not in got:
                sys.exit("%s: no %s (seed %d)" % (what, key, SEED))
            same(what + "." + key, value, got[key], tolerance)
    elif isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        for i, (a, b) in enumerate(zip(want, got)):
            same("%s[%d]" % (what, i), a, b, tolerance)
    elif isinstance(want, float) and not isinstance(got, (str, list, dict)):
        if not abs(want - got) <= tolerance * max(1, abs(want)):
            sys.exit("%s: %r, expected %r (seed %d)" % (what, got, want, SEED))
    elif want != got:
        sys.exit("%s: %r, expected %r (seed %d)" % (what, got, want, SEED))


def stamp(ns):
    """RFC 3339, as short or as long as it may be, in any zone."""
    offset = rng.choice([0, 0, 0, 120, -330])
    whole = datetime.fromtimestamp(ns // 10**9, timezone.utc) + timedelta(minutes=offset)
    text = whole.strftime("%Y-%m-%dT%H:%M:%S")
    digits = "%09d" % (ns % 10**9)
    if ns % 10**9 or rng.random() < 0.3:
        text += "." + (digits if rng.random() < 0.5 else digits.rstrip("0") or "0")
    if offset == 0:
        return text + rng.choice(["Z", "Z", "+00:00"])
    return text + "%s%02d:%02d" % ("+" if offset > 0 else "-", abs(offset) // 60, abs(offset) % 60)


# --- pairs -----------------------------------------------------------------------------------------------------------

TIERS = [("trace_id_exact", 1.0, None), ("pod_pid_100ms", 0.9, 100 * MS), ("pod_conn_250ms", 0.8, 250 * MS),
         ("service_node_500ms", 0.65, 500 * MS)]
SIGNALS = ["dns_latency_ms", "tcp_retransmits_total", "runqueue_delay_ms", "connect_latency_ms", "tls_handshake_ms", "cpu_steal_pct",
           "cfs_throttled_ms", "mem_reclaim_latency_ms", "disk_io_latency_ms", "syscall_latency_ms", "connect_errors_total",
           "tls_handshake_fail_total"]


def who():
    fields = {"trace_id": rng.choice(["t1", "t2"]), "service": rng.choice(["a", "b"]), "node": rng.choice(["n1", "n2"]),
              "pod": rng.choice(["p1", "p2"]), "pid": rng.choice([7, 8]),
              "conn_tuple": rng.choice(["10.0.0.1:443->10.0.0.2:5/tcp", "10.0.0.1:443->10.0.0.2:6/tcp"])}
    for key in list(fields):
        kind = rng.random()
        if kind < 0.25:
            del fields[key]
        elif kind < 0.32:
            fields[key] = 0 if key == "pid" else ""
    return fields


def equal(span, signal, *keys):
    return all(span.get(k) and span.get(k) == signal.get(k) for k in keys)


def tier_of(span, signal, distance, window):
    keys = [("trace_id",), ("pod", "pid"), ("pod", "conn_tuple"), ("service", "node")]
    if distance is None or distance > window:
        return None
    for (name, confidence, limit), k in zip(TIERS, keys):
        if equal(span, signal, *k) and (limit is None or distance <= limit):
            return name, confidence
    return None


def make_pair(i, window):
    edge = rng.choice([0, 100 * MS, 250 * MS, 500 * MS, window, rng.randrange(3000 * MS)])
    distance = max(0, edge + rng.choice([-1, 0, 0, 1]) * rng.choice([1, 1000, MS]))
    at = 1771372800 * 10**9 + rng.randrange(10**12)
    span, signal = who(), who()
    span["timestamp"] = stamp(at)
    signal["timestamp"] = stamp(at + rng.choice([-1, 1]) * distance)
    if rng.random() < 0.04:
        rng.choice([span, signal])["timestamp"] = rng.choice(["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"])
        distance = None
    signal.update(signal=rng.choice(SIGNALS), value=rng.choice([0, 3, 140.5, 1e6]))
    pair = {"case_id": "c%d" % i, "span": span, "signal": signal, "expected_match": rng.random() < 0.6}
    expected = rng.choice([t[0] for t in TIERS] + ["svc_node_500ms", "", None])
    if expected is not None:
        pair["expected_tier"] = expected
    return pair, tier_of(span, signal, distance, window)


def judge_pairs(folder):
    window = rng.choice([2000, 2000, 400, 90, 10000])
    threshold = rng.choice([0.7, 0.7, 0.65, 0.6, 0.81, 0.9, 1.0])
    pairs = [make_pair(i, window * MS) for i in range(rng.choice([1, 30, 300]))]
    rows, n, sure, tiers = [], dict(tp=0, fp=0, fn=0, tn=0), [], []
    for pair, tier in pairs:
        expected_tier = pair.get("expected_tier", "").replace("svc_node", "service_node")
        predicted = tier is not None and tier[1] >= threshold
        n[("t" if predicted == pair["expected_match"] else "f") + ("p" if predicted else "n")] += 1
        if predicted:
            sure.append(tier[1])
        if predicted and expected_tier:
            tiers.append(tier[0] == expected_tier)
        rows.append([pair["case_id"], pair["signal"]["signal"], str(pair["expected_match"]).lower(), str(predicted).lower(),
                     "%.4f" % (tier[1] if tier else 0), tier[0] if tier else "", expected_tier,
                     str(predicted == pair["expected_match"]).lower()])
    out, table = folder + "/pairs.json", folder + "/pairs.csv"
    run("correlationeval", "--input", "-", "--out", out, "--predictions-out", table, "--window-ms", window, "--threshold", threshold,
        expect=(0, 1), data="".join(json.dumps(p) + "\n" for p, _ in pairs))
    got_rows = list(csv.reader(open(table)))[1:]
    for want, got, (pair, _) in zip(rows, got_rows, pairs):
        if want != got:
            sys.exit("correlationeval --window-ms %d --threshold %g (seed %d): %s\nexpected %s\nfor %s" %
                     (window, threshold, SEED, got, want, json.dumps(pair)))
    same("rows", len(rows), len(got_rows))
    report = json.load(open(out))
    precision = n["tp"] / (n["tp"] + n["fp"]) if n["tp"] + n["fp"] else 0.0
    recall = n["tp"] / (n["tp"] + n["fn"]) if n["tp"] + n["fn"] else 0.0
    same("correlationeval", {"sample_size": len(pairs), "true_positive": n["tp"], "false_positive": n["fp"], "false_negative": n["fn"],
                             "true_negative": n["tn"]}, report)
    if n["tp"]:
        same("correlationeval", {"precision": float(precision), "recall": float(recall),
                                 "f1": 2 * precision * recall / (precision + recall)}, report, 1e-15)
    if sure:
        same("mean_confidence", math.fsum(sure) / len(sure), report["mean_confidence"], 1e-12)
    if tiers:
        same("tier_accuracy", sum(tiers) / len(tiers), report["tier_accuracy"], 1e-15)


# --- the reference Bayes model ---------------------------------------------------------------------------------------

DOMAINS = ["network_dns", "network_egress", "cpu_throttle", "memory_pressure", "provider_throttle", "provider_error",
           "retrieval_backend", "unknown"]
BAYES = {
    "dns_latency_ms": (40, .95, .70, .10, .10, .10, .10, .15, .10),
    "tcp_retransmits_total": (2, .15, .90, .10, .10, .10, .15, .10, .10),
    "runqueue_delay_ms": (10, .10, .10, .90, .60, .10, .10, .10, .10),
    "connect_latency_ms": (80, .50, .85, .10, .10, .75, .40, .30, .10),
    "tls_handshake_ms": (60, .10, .30, .10, .10, .80, .50, .20, .10),
    "cpu_steal_pct": (2, .10, .10, .90, .20, .10, .10, .10, .10),
    "cfs_throttled_ms": (40, .10, .10, .85, .75, .10, .10, .10, .10),
    "mem_reclaim_latency_ms": (5, .05, .05, .15, .95, .05, .05, .05, .05),
    "disk_io_latency_ms": (10, .05, .05, .10, .85, .05, .05, .30, .05),
    "syscall_latency_ms": (50, .10, .20, .15, .10, .90, .60, .40, .10),
    "connect_errors_total": (1, .10, .80, .05, .05, .60, .85, .15, .10),
    "tls_handshake_fail_total": (1, .05, .70, .05, .05, .30, .60, .10, .05),
}
LABELS = {"dns_latency": "network_dns", "egress_drop": "network_egress", "network_partition": "network_egress",
          "cpu_throttle": "cpu_throttle", "memory_pressure": "memory_pressure", "provider_throttle": "provider_throttle",
          "provider_error": "provider_error", "retrieval_slowdown": "retrieval_backend"}


def posterior(signals):
    log = []
    for d in range(8):
        terms = []
        for name, row in BAYES.items():
            elevated = name in signals and signals[name] >= row[0]
            p = min(max(row[d + 1], 0.01), 0.99)
            terms.append(math.log(p if elevated else 1 - p))
        log.append(math.fsum(terms))
    top = max(log)
    total = math.fsum(math.exp(x - top) for x in log)
    return [math.exp(x - top) / total for x in log]


def make_sample(i):
    signals = {}
    for name in rng.sample(SIGNALS, rng.randrange(1, 13)):
        limit = BAYES[name][0]
        signals[name] = rng.choice([0, limit, math.nextafter(limit, 0), limit * rng.uniform(0.1, 0.9), limit * rng.uniform(1.1, 9)])
    label = rng.choice(list(LABELS) + ["mixed", "never heard of"])
    sample = {"incident_id": "i%d" % i, "timestamp": stamp(1771372800 * 10**9 + i), "cluster": "c", "namespace": "n",
              "service": "s", "fault_label": label, "signals": signals, "confidence": 0.5, "burn_rate": 2, "window_minutes": 5,
              "request_id": "r", "trace_id": "t"}
    if rng.random() < 0.5:
        sample["expected_domain"] = rng.choice(DOMAINS)
    if rng.random() < 0.3:
        sample["expected_domains"] = rng.sample(DOMAINS[:7], rng.randrange(1, 4))
    return sample


def judge_bayes(folder):
    samples = [make_sample(i) for i in range(100)]
    out, table = folder + "/verdicts.jsonl", folder + "/confusion.csv"
    run("attributor", "--attribution-mode", "bayes", "--input", "-", "--out", out, "--confusion-out", table, expect=(0,),
        data="".join(json.dumps(s) + "\n" for s in samples))
    lines = open(out).read().splitlines()
    same("verdicts", len(samples), len(lines))
    confusion = {}
    for sample, line in zip(samples, lines):
        got, p = json.loads(line), posterior(sample["signals"])
        order = sorted(range(8), key=lambda d: -p[d])
        # Equal but for the last bits: either order is right.
        kept = [d for d in order if p[d] >= 0.01]
        hypotheses = {h["domain"]: h for h in got["fault_hypotheses"]}
        same(sample["incident_id"] + " hypotheses", sorted(DOMAINS[d] for d in kept), sorted(hypotheses))
        ps = [h["posterior"] for h in got["fault_hypotheses"]]
        same("descending", sorted(ps, reverse=True), ps)
        for d in kept:
            evidence = sorted(s for s, row in BAYES.items() if sample["signals"].get(s, -1) >= row[0] and row[d + 1] >= 0.5)
            same("%s %s" % (sample["incident_id"], DOMAINS[d]), {"posterior": p[d], "evidence": evidence}, hypotheses[DOMAINS[d]], 1e-12)
        near = [DOMAINS[d] for d in range(8) if p[d] > p[order[0]] - 1e-12]
        if got["predicted_fault_domain"] not in near:
            sys.exit("%s: %s, expected %s" % (sample["incident_id"], got["predicted_fault_domain"], near))
        same("confidence", p[order[0]], got["confidence"], 1e-12)
        actual = sample.get("expected_domain") or LABELS.get(sample["fault_label"], "unknown")
        key = (actual, got["predicted_fault_domain"])
        confusion[key] = confusion.get(key, 0) + 1
    same("confusion", [[a, b, str(n)] for (a, b), n in sorted(confusion.items())], list(csv.reader(open(table)))[1:])
    # A label reaches no predictor: without them, the same verdicts.
    for sample in samples:
        sample.pop("expected_domain", None)
        sample.pop("expected_domains", None)
        sample["fault_label"] = "mixed"
    again = run("attributor", "--attribution-mode", "bayes", "--input", "-", expect=(0,), data="".join(json.dumps(s) + "\n" for s in samples))
    same("verdicts without labels", lines, again.stdout.splitlines())


# --- noisy-or: every set of faults, one by one ------------------------------------------------------------------------

REFERENCE = configparser.ConfigParser(inline_comment_prefixes=(";",))
REFERENCE.read(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../core/engine/reference.ini"))
SETS = list(itertools.product((0, 1), repeat=7))


def density(z, mean, deviation):
    return math.exp(-((z - mean) / deviation) ** 2 / 2) / (deviation * math.sqrt(2 * math.pi))


def log_ratio(z):
    """Raised to normal: what is below the baseline says as little as what lies on it, and what is farther off never less."""
    def at(x):
        raised = sum(density(x, mean, 0.4 * mean) for mean in (4, 8, 16, 32)) / 4
        return math.log(raised / (0.95 * density(x, 0, 1.5) + 0.05 * density(x, 0, 12)))
    if z >= 64:
        return 6.9
    cell = int(max(z, 0) / 0.125)
    ends = [min(max([-4.6] + [at(i * 0.125) for i in range(n + 1)]), 6.9) for n in (cell, cell + 1)]
    return ends[0] + (max(z, 0) / 0.125 - cell) * (ends[1] - ends[0])


def scaled(name, value):
    if name == "cpu_steal_pct":
        share = min(max(value / 100, 0.005), 0.995)
        return math.log(share / (1 - share))
    return math.log1p(value)


def weigh_sets(signals):
    """Probability of each set of SETS; how well each fault alone could be told from none, nats."""
    log = [sum(math.log(float(REFERENCE["prior"][d]) if y else 1 - float(REFERENCE["prior"][d])) for y, d in zip(ys, DOMAINS)) for ys in SETS]
    told = [0.0] * 7
    for name, value in signals.items():
        row = {k: float(v) for k, v in REFERENCE[name].items()}
        log_lr = log_ratio((scaled(name, value) - scaled(name, row["median"])) / row["spread"])
        ratio = math.exp(log_lr if value >= BAYES[name][0] else min(log_lr, 0))  # below its threshold nothing is raised
        quiet = [1 - row.get(d, 0) for d in DOMAINS[:7]]
        for i, ys in enumerate(SETS):
            q = 1 - (1 - row["leak"]) * math.prod(k for y, k in zip(ys, quiet) if y)
            log[i] += math.log(q * ratio + 1 - q)
        for f in range(7):
            q, leak = 1 - (1 - row["leak"]) * quiet[f], row["leak"]
            told[f] += q * math.log(q / leak) + (1 - q) * math.log((1 - q) / (1 - leak)) if q > leak else 0
    top = max(log)
    total = math.fsum(math.exp(x - top) for x in log)
    return [math.exp(x - top) / total for x in log], told


def judge_noisy_or(_folder):
    samples = [make_sample(i) for i in range(30)]
    for sample in samples[::3]:  # beside the threshold, where a value is neither raised nor normal
        for name in sample["signals"]:
            sample["signals"][name] = BAYES[name][0] * rng.uniform(0.99, 1)
    lines = run("attributor", "--model", "reference", "--input", "-", expect=(0,),
                data="".join(json.dumps(s) + "\n" for s in samples)).stdout.splitlines()
    same("verdicts", len(samples), len(lines))
    for sample, line in zip(samples, lines):
        what, got = sample["incident_id"], json.loads(line)
        sets, told = weigh_sets(sample["signals"])
        marginals = dict(zip(DOMAINS, [math.fsum(p for p, ys in zip(sets, SETS) if ys[f]) for f in range(7)] + [sets[0]]))
        for h in got["fault_hypotheses"]:
            same(what + " " + h["domain"], marginals[h["domain"]], h["posterior"], 1e-9)
        listed = [h["domain"] for h in got["fault_hypotheses"]]
        same(what + " left out", [], [d for d in DOMAINS if d not in listed and marginals[d] > 0.0100001])
        of = sets[SETS.index(tuple(int(d in got["fault_set"]) for d in DOMAINS[:7]))]
        same(what + " fault_set", max(sets), of, 1e-9)
        same(what + " fault_set_probability", of, got["fault_set_probability"], 1e-9)
        same(what + " unobservable", sorted(d for d, t in zip(DOMAINS, told) if t < 0.7), sorted(got.get("unobservable_domains", [])))


# --- release gates ---------------------------------------------------------------------------------------------------

def quantile(values, q):
    v = sorted(values)
    at = q * (len(v) - 1)
    low = math.floor(at)
    return v[low] + (v[min(low + 1, len(v) - 1)] - v[low]) * (at - low)


def mann_whitney(x, y):
    both = sorted(x + y)
    n, m, total = len(x), len(y), len(x) + len(y)
    rank, ties, i = {}, 0, 0
    while i < total:
        j = i
        while j < total and both[j] == both[i]:
            j += 1
        rank[both[i]] = (i + 1 + j) / 2
        ties += (j - i) ** 3 - (j - i)
        i = j
    u = sum(rank[v] for v in x) - n * (n + 1) / 2
    mean, variance = n * m / 2, n * m / 12 * ((total + 1) - ties / (total * (total - 1)))
    delta = (2 * u - n * m) / (n * m)
    if u == mean or variance == 0:
        return 1.0, delta
    z = (abs(u - mean) - 0.5) / math.sqrt(variance)
    return min(1.0, math.erfc(z / math.sqrt(2))), delta


def write_tree(root, runs, nodes, scale, spread, size):
    tree = []
    for r in range(runs):
        folder = "%s/s/run-%d" % (root, r + 1)
        os.makedirs(folder)
        samples = [(round(rng.lognormvariate(5.7, spread) * scale, rng.choice([0, 3])), round(rng.gauss(30, 1), 3),
                    rng.choice([0, 0.01, 0.02])) for _ in range(size)]
        cpu = [(rng.choice(nodes), round(rng.uniform(0.5, 4.2), 3)) for _ in range(rng.randrange(1, 20))]
        with open(folder + "/raw_samples.jsonl", "w") as out:
            for i, (ttft, tps, errors) in enumerate(samples):
                out.write(json.dumps({"timestamp": stamp(1771372800 * 10**9 + i * 10**9), "cluster": "c", "namespace": "n", "workload": "w",
                                      "service": "s", "request_id": "r%d" % i, "trace_id": "t", "ttft_ms": ttft,
                                      "request_latency_ms": 2 * ttft, "token_throughput_tps": tps, "error_rate": errors}) + "\n")
        with open(folder + "/collector_overhead.csv", "w") as out:
            out.write("timestamp,node,collector_cpu_pct,collector_memory_mb,events_per_second,dropped_events\n")
            for i, (node, pct) in enumerate(cpu):
                out.write("%s,%s,%.3f,120,900,0\n" % (stamp(1771372800 * 10**9 + i * 10**10), node, pct))
        tree.append((samples, cpu))
    return tree


def judge_gate(folder):
    nodes = ["node-a", "node-b", "node-c"][:rng.randrange(1, 4)]
    runs, size, spread = rng.choice([3, 4, 5]), rng.choice([10, 12, 40, 90]), rng.choice([0.05, 0.25])
    candidate = write_tree(folder + "/cand", runs, nodes, rng.choice([1, 1.03, 1.3]), spread, size)
    baseline = write_tree(folder + "/base", rng.choice([1, 3]), nodes, 1, spread, rng.choice([10, 40, 90]))
    done = run("m5gate", "--candidate-root", folder + "/cand", "--baseline-root", folder + "/base", "--candidate-ref", "main",
               "--candidate-commit", "deadbeef", "--gate", "reference", "--output", "json", expect=(0, 1, 3))
    got = json.loads(done.stdout)
    cpu = [c for _, rows in candidate for c in rows]
    by_node = {n: quantile([p for m, p in cpu if m == n], 0.95) for n in {m for m, _ in cpu}}
    mean = statistics.fmean(p for _, p in cpu)
    b5 = max(by_node.values()) <= 3 and mean <= 3
    same("B5", {"pass": b5, "node_p95_observed": {k: float(v) for k, v in by_node.items()}, "mean_observed_pct": mean,
                "sample_count": len(cpu), "max_node_p95_pct": float(max(by_node.values()))}, got["overhead"], 1e-12)
    columns = {"ttft_p95": [quantile([s[0] for s in r], 0.95) for r, _ in candidate],
               "tokens_p50": [quantile([s[1] for s in r], 0.5) for r, _ in candidate],
               "error_rate_mean": [statistics.fmean(s[2] for s in r) for r, _ in candidate]}
    cv = {k: 100 * statistics.stdev(v) / statistics.fmean(v) if statistics.fmean(v) else 0.0 for k, v in columns.items()}
    d3 = all(v <= 10 for v in cv.values())
    same("D3", {"run_count": runs, "ttft_p95_values": columns["ttft_p95"], "variance_pct": cv["ttft_p95"],
                "tokens_p50_values": columns["tokens_p50"], "tokens_variance_pct": cv["tokens_p50"],
                "error_rate_mean_values": columns["error_rate_mean"], "error_rate_variance_pct": cv["error_rate_mean"], "pass": d3},
         got["variance"]["scenarios"][0], 1e-11)
    x, y = [s[0] for r, _ in candidate for s in r], [s[0] for r, _ in baseline for s in r]
    p, delta = mann_whitney(x, y)
    entry = got["significance"]["scenarios"][0]
    enough = len(x) >= 30 and len(y) >= 30
    p95 = (quantile(x, 0.95), quantile(y, 0.95))
    same("E3", {"candidate_n": len(x), "baseline_n": len(y), "candidate_ttft_p95": p95[0], "baseline_ttft_p95": p95[1],
                "minimum_samples_reached": enough}, entry, 1e-12)
    e3 = entry["pass"]
    if enough:
        regression = 100 * (p95[0] - p95[1]) / p95[1]
        same("E3", {"ttft_regression_pct": regression, "mann_whitney_p_value": p, "cliffs_delta": delta}, entry, 1e-10)
        low = entry["bootstrap_delta_ci95"][0]
        same("E3 pass", not (regression > 5 and p < 0.05 and low > 0 and abs(delta) >= 0.147), e3)
    same("gate", b5 and d3 and e3, got["pass"])
    same("exit", {True: (0,), False: (1, 3)}[got["pass"]].count(done.returncode), 1)


# --- raw samples -----------------------------------------------------------------------------------------------------

SLIS = [("ttft_ms", "ms", 500, 1000), ("request_latency_ms", "ms", 700, 1500), ("token_throughput_tps", "tps", 30, 10),
        ("error_rate", "ratio", 0.02, 0.05)]


def status_of(value, warning, breach):
    if warning > breach:
        return "breach" if value <= breach else "warning" if value <= warning else "ok"
    return "breach" if value >= breach else "warning" if value >= warning else "ok"


def judge_collector(_folder):
    samples, want = [], []
    for i in range(50):
        at = 1771372800 * 10**9 + rng.randrange(10**12)
        s = {"timestamp": stamp(at), "cluster": "c", "namespace": "n", "workload": "w", "service": "s\u00e9\"", "request_id": "r%d" % i,
             "trace_id": rng.choice(["", "t"])}
        for name, _, warning, breach in SLIS:
            top = 1.0 if name == "error_rate" else 1e9
            s[name] = min(top, rng.choice([0, warning, breach, math.nextafter(breach, 0), math.nextafter(warning, 0), breach * 2, warning * 0.5]))
        if rng.random() < 0.5:
            s["node"] = "node-1"
        if rng.random() < 0.3:
            s["fault_label"] = "dns_latency"
        samples.append(s)
        labels = {"source": "unspecified"}
        labels.update({k: s[k] for k in ("node", "fault_label") if k in s})
        for name, unit, warning, breach in SLIS:
            want.append(({"event_id": "r%d-%s" % (i, name), "service": s["service"], "request_id": "r%d" % i, "sli_name": name,
                          "sli_value": float(s[name]), "unit": unit, "status": status_of(s[name], warning, breach)}, labels))
    done = run("collector", "--input", "-", expect=(0,), data="".join(json.dumps(s) + "\n" for s in samples))
    lines = done.stdout.splitlines()
    same("slo-events", len(want), len(lines))
    for (event, labels), line in zip(want, lines):
        got = json.loads(line)
        same("collector", event, got)
        same("labels", labels, got["labels"])
        same("labels", sorted(labels), sorted(got["labels"]))


def main():
    for judge in (judge_pairs, judge_bayes, judge_noisy_or, judge_gate, judge_collector):
        for _ in range(ROUNDS):
            with tempfile.TemporaryDirectory() as folder:
                judge(folder)
        print("%s: %d rounds, as the rule has it (seed %d)" % (judge.__name__, ROUNDS, SEED))


main()
