#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Verdicts of `sloctl schemavalidate` and of the jsonschema module on the same values: schema_peer.py SLOCTL SEED

Exit status: 0 all the same, 1 a difference (printed), 77 the jsonschema module is missing.
"""
import copy
import json
import random
import re
import subprocess
import sys
import tempfile

try:
    import jsonschema
except ImportError:
    print("the jsonschema module is missing (python3-jsonschema)")
    sys.exit(77)

VALUES_PER_EMBEDDED = 1500
RANDOM_SCHEMAS = 150
VALUES_PER_RANDOM = 40
RFC3339 = re.compile(r"^\d{4}-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$")

checker = jsonschema.FormatChecker(formats=[])


@checker.checks("date-time")
def is_date_time(value):
    """The texts that this test makes are either good ones or far from it."""
    return not isinstance(value, str) or RFC3339.match(value) is not None


def ours(sloctl, schema, values, folder):
    """For each value whether sloctl calls it valid; each stands in an object, as lines have to be objects."""
    with open(f"{folder}/schema.json", "w", encoding="utf-8") as out:
        json.dump(schema, out)
    with open(f"{folder}/values.jsonl", "w", encoding="utf-8") as out:
        for value in values:
            out.write(json.dumps(value) + "\n")
    run = subprocess.run([sloctl, "schemavalidate", "--schema", f"{folder}/schema.json", "--input", f"{folder}/values.jsonl",
                          "--findings", "1000000", "--output", "json"], capture_output=True, text=True, check=False)
    if run.returncode not in (0, 1):
        raise SystemExit(f"sloctl refused {json.dumps(schema)}: {run.stderr}")
    report = json.loads(run.stdout)
    if report["records"] != len(values):
        raise SystemExit(f"{report['records']} of {len(values)} values were looked at")
    bad = {int(re.match(r".*values\.jsonl:(\d+): ", finding).group(1)): finding for finding in report["findings"]}
    return [bad.get(i + 1) for i in range(len(values))]


def compare(sloctl, schema, values, folder):
    validator = jsonschema.Draft202012Validator(schema, format_checker=checker)
    invalid = 0
    for value, finding in zip(values, ours(sloctl, schema, values, folder)):
        theirs = next(iter(validator.iter_errors(value)), None)
        invalid += theirs is not None
        if (theirs is None) != (finding is None):
            raise SystemExit(f"differ on {json.dumps(value)}\nschema {json.dumps(schema)}\n"
                             f"jsonschema: {theirs.message if theirs else 'valid'}\nsloctl: {finding or 'valid'}")
    return invalid


# --- values ------------------------------------------------------------------------------------------------------

SCALARS = [None, True, False, 0, 1, -1, 1.0, 2.5, -0.5, 3, 65535, 65536, 1e300, 9007199254740993, "", "a", "ab", "ttft_ms",
           "ok", "ms", "ä", "2026-01-02T03:04:05Z", "not a time", "dns_latency_ms", "30s", "http://x", "all"]


def scalar(rng):
    return rng.choice(SCALARS)


def sample(rng, schema, top, depth=0):
    """A value that mostly fits."""
    if schema is True or schema is False or depth > 8:
        return scalar(rng)
    if "$ref" in schema:
        return sample(rng, top["$defs"][schema["$ref"].rsplit("/", 1)[1]] if "/" in schema["$ref"] else top, top, depth + 1)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return sample(rng, rng.choice(schema[key]), top, depth + 1)
    if "const" in schema:
        return copy.deepcopy(schema["const"])
    if "enum" in schema:
        return copy.deepcopy(rng.choice(schema["enum"]))
    kind = schema.get("type", rng.choice(["object", "string", "integer"]))
    kind = rng.choice(kind) if isinstance(kind, list) else kind
    if kind == "object":
        value = {k: sample(rng, s, top, depth + 1) for k, s in schema.get("properties", {}).items()
                 if k in schema.get("required", []) or rng.random() < 0.5}
        if isinstance(schema.get("additionalProperties"), dict):
            value["more"] = sample(rng, schema["additionalProperties"], top, depth + 1)
        return value
    if kind == "array":
        return [sample(rng, schema.get("items", True), top, depth + 1) for _ in range(rng.randint(0, 3))]
    if kind == "string":
        if schema.get("format") == "date-time":
            return "2026-01-02T03:04:05.5Z"
        return rng.choice(["a" * max(1, schema.get("minLength", 1)), "http://x", "30s", ""])
    if kind in ("integer", "number"):
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        return rng.choice([low, low + 1, schema.get("maximum", 7), low + (0.5 if kind == "number" else 2)])
    return {"boolean": True, "null": None}[kind]


def mutate(rng, value):
    """Changes one thing anywhere in a copy."""
    value = copy.deepcopy(value)
    at, way = value, []
    while isinstance(at, (dict, list)) and at and (not way or rng.random() < 0.6):
        key = rng.choice(sorted(at)) if isinstance(at, dict) else rng.randrange(len(at))
        way.append((at, key))
        at = at[key]
    if not way:
        return {"x": scalar(rng)} if isinstance(value, dict) else value
    parent, key = way[-1]
    what = rng.randrange(5)
    if what == 0:
        del parent[key]
    elif what == 1 and isinstance(parent, dict):
        parent[rng.choice(["extra", "a", "ä", "a/b"])] = scalar(rng)
    elif what == 2 and isinstance(parent, list):
        parent.append(copy.deepcopy(parent[key]))
    elif what == 3 and isinstance(parent[key], (int, float)) and not isinstance(parent[key], bool):
        parent[key] = parent[key] * rng.choice([-1, 1000000, 0.5]) if abs(parent[key]) < 1e12 else -1
    else:
        parent[key] = rng.choice([scalar(rng), [], {}, [1, 1.0], {"a": 1}])
    return value


def values_for(rng, schema, count):
    values = []
    while len(values) < count:
        value = sample(rng, schema, schema)
        for _ in range(rng.randint(0, 3)):
            value = mutate(rng, value)
        if isinstance(value, dict):
            values.append(value)
        else:
            values.append({"a": value})
    return values


# --- schemas -----------------------------------------------------------------------------------------------------

def random_schema(rng, depth=0):
    if depth > 3 or rng.random() < 0.1:
        return rng.choice([True, False, {"$ref": "#/$defs/d"}, {"type": "integer"}])
    schema = {}
    for _ in range(rng.randint(1, 3)):
        part = rng.randrange(12)
        if part == 0:
            schema["type"] = rng.choice(["object", "string", "integer", "number", ["null", "array"], ["boolean", "integer"]])
        elif part == 1:
            schema["properties"] = {k: random_schema(rng, depth + 1) for k in rng.sample(["a", "b", "x", "extra"], 2)}
        elif part == 2:
            schema["required"] = rng.sample(["a", "b", "x"], rng.randint(1, 2))
        elif part == 3:
            schema["additionalProperties"] = random_schema(rng, depth + 1)
        elif part == 4:
            schema[rng.choice(["allOf", "anyOf", "oneOf"])] = [random_schema(rng, depth + 1) for _ in range(rng.randint(1, 3))]
        elif part == 5:
            schema["not"] = random_schema(rng, depth + 1)
        elif part == 6:
            schema.update({"if": random_schema(rng, depth + 1), rng.choice(["then", "else"]): random_schema(rng, depth + 1)})
        elif part == 7:
            schema["items"] = random_schema(rng, depth + 1)
        elif part == 8:
            schema["enum"] = [copy.deepcopy(scalar(rng)) for _ in range(3)] + [[1, 1.0], {"a": 1}]
        elif part == 9:
            schema[rng.choice(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"])] = rng.choice([0, 1, 2.5, 65535])
        elif part == 10:
            schema[rng.choice(["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"])] = rng.randint(0, 2)
        else:
            schema.update(rng.choice([{"const": 1}, {"uniqueItems": True}, {"pattern": "^a+b?$"}, {"format": "date-time"},
                                      {"prefixItems": [random_schema(rng, depth + 1)]}]))
    return schema


def main():
    sloctl, seed = sys.argv[1], int(sys.argv[2])
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        names = [line.split()[0] for line in subprocess.check_output([sloctl, "schema", "list"], text=True).splitlines()]
        for name in names:
            schema = json.loads(subprocess.check_output([sloctl, "schema", "print", name], text=True))
            jsonschema.Draft202012Validator.check_schema(schema)
            invalid = compare(sloctl, schema, values_for(rng, schema, VALUES_PER_EMBEDDED), folder)
            if not 0 < invalid < VALUES_PER_EMBEDDED:
                raise SystemExit(f"{name}: {invalid} of {VALUES_PER_EMBEDDED} values are invalid: a test of nothing")
            print(f"{name}: {VALUES_PER_EMBEDDED} values, {invalid} invalid, the same verdicts")
        total = 0
        for _ in range(RANDOM_SCHEMAS):
            schema = random_schema(rng)
            schema = schema if isinstance(schema, dict) else {"not": schema}
            schema["$defs"] = {"d": {"type": ["object", "integer"], "additionalProperties": {"$ref": "#/$defs/d"}}}
            total += compare(sloctl, schema, values_for(rng, schema, VALUES_PER_RANDOM), folder)
        print(f"{RANDOM_SCHEMAS} random schemas, {RANDOM_SCHEMAS * VALUES_PER_RANDOM} values, {total} invalid, the same verdicts")


main()
