#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A bundle of sloctl benchgen, looked at from outside: its figures computed anew from predictions and labels, and its
page read by an HTML parser. benchgen_check.py BUNDLE INPUT [--synthetic]"""
import html.parser
import json
import math
import re
import sys

FAULTS = ["network_dns", "network_egress", "cpu_throttle", "memory_pressure", "provider_throttle", "provider_error",
          "retrieval_backend"]
VOID = {"meta", "br", "link", "img", "hr", "input", "col"}
bad = []


def check(ok, text):
    if not ok:
        bad.append(text)


def near(name, got, want, limit=1e-9):
    """Both absent, or both there and equal."""
    if got is None and want is None:
        return
    check(got is not None and want is not None and math.isclose(got, want, rel_tol=limit, abs_tol=limit),
          f"{name}: {got} in the bundle, {want} from its predictions")


def div(a, b):
    return a / b if b else None


# --- figures ---------------------------------------------------------------------------------------------------------

def read_cases(bundle, source):
    """Predictions with labels joined by id; the labels come from the input, never from the bundle."""
    truth = {}
    for line in open(source):
        sample = json.loads(line)
        if "expected_domains" in sample:
            truth[sample["incident_id"]] = {d for d in sample["expected_domains"] if d != "unknown"}
    cases = []
    for line in open(f"{bundle}/predictions.jsonl"):
        p = json.loads(line)
        check("fault_label" not in p and "expected" not in line, f"{p['incident_id']}: a label among the predictions")
        if p["incident_id"] not in truth:
            continue
        post = {h["domain"]: h["posterior"] for h in p["fault_hypotheses"]}
        top = p["predicted_fault_domain"]
        likely = max(post, key=post.get, default="unknown") if p["abstained"] else top
        # The reference model has one domain and no sets.
        cases.append(dict(truth=truth[p["incident_id"]], set=set(p.get("fault_set", [top])) - {"unknown"}, post=post,
                          top=top, likely=likely, abstained=p["abstained"],
                          asserted=set(p.get("asserted_domains", [top])) - {"unknown"}))
    return cases


def right(domain, truth):
    return not truth if domain == "unknown" else domain in truth


def check_sets(method, cases):
    got = method["most_probable_set"]
    tp = fp = fn = 0
    f1 = []
    for fault in FAULTS:
        t = sum(fault in c["set"] and fault in c["truth"] for c in cases)
        p = sum(fault in c["set"] and fault not in c["truth"] for c in cases)
        n = sum(fault not in c["set"] and fault in c["truth"] for c in cases)
        row = got["per_fault"][fault]
        check((row["tp"], row["fp"], row["fn"]) == (t, p, n), f"{fault}: {row}, not {t} {p} {n}")
        check(row["tp"] + row["fp"] + row["fn"] + row["tn"] == len(cases), f"{fault}: not all cases counted")
        if t + p + n:
            f1.append(2 * t / (2 * t + p + n))
        tp, fp, fn = tp + t, fp + p, fn + n
    near("micro F1", got["micro"].get("f1"), div(2 * tp, 2 * tp + fp + fn))
    near("macro F1", got["macro"].get("f1"), div(sum(f1), len(f1)))
    near("exact set", got["exact_set"]["share"], sum(c["set"] == c["truth"] for c in cases) / len(cases))
    asserted = sum((set() if c["abstained"] else c["asserted"]) == c["truth"] for c in cases)
    near("exact set asserted", method["asserted"]["exact_set"]["share"], asserted / len(cases))


def check_shares(method, cases):
    kept = [c for c in cases if not c["abstained"]]
    faulty = [c for c in cases if c["truth"]]
    healthy = [c for c in cases if not c["truth"]]
    near("partial accuracy", method["partial_accuracy"], sum(right(c["top"], c["truth"]) for c in cases) / len(cases))
    near("selective accuracy", method.get("selective_accuracy"),
         div(sum(right(c["top"], c["truth"]) for c in kept), len(kept)))
    near("abstain rate", method.get("abstain_rate"), div(sum(c["abstained"] for c in faulty), len(faulty)))
    near("false attribution", method.get("false_attribution_rate"),
         div(sum(not c["abstained"] and bool(c["asserted"]) for c in healthy), len(healthy)))
    cover = 0
    for c in cases:
        expected = c["truth"] or {"unknown"}
        cover += sum(d == c["top"] or c["post"].get(d, 0) >= 0.1 for d in expected) / len(expected)
    near("coverage", method["coverage_accuracy_at_0.10"], cover / len(cases))


def equal_mass(pairs):
    """Bins as the engine's header has them: equal shares of what is left, equal forecasts never parted."""
    pairs = sorted(pairs)
    want, bins, i = max(1, min(10, len(pairs) // 5)), [], 0
    while i < len(pairs):
        share, j = -(-(len(pairs) - i) // (want - len(bins))), i
        while j < len(pairs) and (j - i < share or pairs[j][0] == pairs[j - 1][0]):
            j += 1
        bins.append(pairs[i:j])
        i = j
    return bins


def check_probabilities(method, cases):
    pairs = [(c["post"].get(c["likely"], 0), right(c["likely"], c["truth"])) for c in cases]
    ece = sum(abs(sum(p for p, _ in b) - sum(h for _, h in b)) for b in equal_mass(pairs)) / len(pairs)
    near("ECE", method["likeliest_domain"]["ece"], ece)
    # Hypotheses below 0.01 are not printed.
    brier = sum((c["post"].get(f, 0) - (f in c["truth"])) ** 2 for c in cases for f in FAULTS) / len(cases) / 7
    near("Brier", method["fault_marginals"]["brier"], brier, 1e-3)
    for part in ("likeliest_domain", "fault_marginals"):
        m = method[part]
        near(f"{part} decomposition", m["brier"],
             m["reliability"] - m["resolution"] + m["uncertainty"] + m["within_bin"])
    pairs.sort(key=lambda x: -x[0])
    errors, area, i = 0, 0, 0
    while i < len(pairs):
        j = i
        while j < len(pairs) and pairs[j][0] == pairs[i][0]:
            j += 1
        e = sum(not h for _, h in pairs[i:j])
        area += sum((errors + e * (k - i + 1) / (j - i)) / (k + 1) for k in range(i, j))
        errors, i = errors + e, j
    near("AURC", method["risk_coverage"]["aurc"], area / len(pairs))


def check_confusion(bundle, source, cases):
    rows = [line.strip().split(",") for line in open(f"{bundle}/confusion.csv")]
    check(rows[0] == ["actual", "predicted", "count"] and rows[1:] == sorted(rows[1:]), "confusion.csv is not sorted")
    check(sum(int(r[2]) for r in rows[1:]) == len(cases), "confusion.csv does not count every labelled sample")
    abstained = sum(int(r[2]) for r in rows[1:] if r[1] == "abstained")
    check(abstained == sum(c["abstained"] for c in cases), "confusion.csv: abstentions")


# --- the page --------------------------------------------------------------------------------------------------------

class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.seen, self.text = [], set(), {}, []
        self.svg = None

    def handle_starttag(self, tag, attrs):
        self.start(tag, dict(attrs), tag not in VOID)

    def handle_startendtag(self, tag, attrs):
        self.start(tag, dict(attrs), False)

    def start(self, tag, attrs, opens):
        self.seen[tag] = self.seen.get(tag, 0) + 1
        check(tag not in ("script", "iframe", "object", "embed", "link", "img", "base", "form"), f"<{tag}> in the page")
        for name, value in attrs.items():
            check(not name.startswith("on"), f"handler {name}")
            check(name not in ("src", "href", "xlink:href", "srcset", "action", "data"), f"reference {name}={value}")
            check("url(" not in (value or ""), f"url() in {name}")
        if "id" in attrs:
            check(attrs["id"] not in self.ids, f"id {attrs['id']} twice")
            self.ids.add(attrs["id"])
        if tag == "svg":
            check(attrs.get("role") == "img" and "viewbox" in attrs, "an SVG without role or viewBox")
            self.svg = attrs.get("aria-labelledby", "").split()
            check(len(self.svg) == 2, "an SVG without title and description")
        if tag == "meta" and attrs.get("name") == "viewport":
            self.seen["viewport"] = 1
        if opens:
            self.open.append(tag)

    def handle_endtag(self, tag):
        check(bool(self.open) and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}")
        if self.open:
            self.open.pop()
        if tag == "svg":
            check(all(i in self.ids for i in self.svg), "an SVG names a text that is not there")

    def handle_data(self, data):
        self.text.append(data)


def check_page(bundle, synthetic):
    raw = open(f"{bundle}/report.html", encoding="utf-8").read()
    page = Page()
    page.feed(raw)
    page.close()
    check(not page.open, f"not closed: {page.open}")
    check(raw.startswith("<!DOCTYPE html>") and "viewport" in page.seen and 'lang="en"' in raw, "no doctype, viewport or lang")
    check(not re.search(r"@import|https?://|url\(", raw), "something outside is referred to")
    check(page.seen.get("main") == 1 and page.seen.get("h1") == 1, "not one main and one h1")
    check("prefers-color-scheme:dark" in raw and "@media print" in raw, "no dark mode or no print style")
    check(not re.search(r"\b(nan|inf)\b", raw, re.I), "a number that is none")
    text = " ".join(page.text)
    check(("Synthetic input." in text) == synthetic, "the page does not say rightly whether the input is synthetic")
    check(("Synthetic input." in open(f"{bundle}/report.md").read()) == synthetic, "nor does the Markdown")
    return page


def main():
    bundle, source, synthetic = sys.argv[1], sys.argv[2], "--synthetic" in sys.argv
    metrics = json.load(open(f"{bundle}/metrics.json"))
    for name in ("summary", "provenance", "metrics"):
        check(json.load(open(f"{bundle}/{name}.json"))["synthetic"] == synthetic, f"{name}.json: synthetic")
    page = check_page(bundle, synthetic)
    if metrics.get("methods"):
        cases = read_cases(bundle, source)
        method = metrics["methods"][0]
        check(len(cases) == metrics["labelled"], "labelled samples")
        check_sets(method, cases)
        check_shares(method, cases)
        check_probabilities(method, cases)
        check_confusion(bundle, source, cases)
        check(page.seen.get("svg", 0) >= 3, "figures are missing")
    else:
        check("svg" not in page.seen, "a figure of what was not measured")
        check("not_measured" in metrics, "no reason why nothing was measured")
    for text in bad:
        print(f"{bundle}: {text}")
    print(f"{bundle}: {'FAILED' if bad else 'ok'}")
    return 1 if bad else 0


sys.exit(main())
