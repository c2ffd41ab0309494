#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""JSON lines on stdin against a JSON Schema: schema_valid.py SCHEMA_FILE < LINES

Exit status: 0 all valid, 1 the first line that is not (told on stderr), 2 usage or the schema itself, 3 no line read,
77 the jsonschema module is missing (ctest: skipped). A blank line is no record, so it is not valid either.
"""
import json
import math
import sys


def no_constant(name):
    raise ValueError(f"{name} is not JSON")


def no_duplicates(pairs):
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"key {key!r} stands twice")
    return dict(pairs)


def finite_float(text):
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} is beyond a double")
    return value


def reason_against(validator, line):
    """None, or why the line is not a record of the schema."""
    try:
        record = json.loads(line.decode("utf-8"), parse_constant=no_constant,
                            object_pairs_hook=no_duplicates, parse_float=finite_float)
    except ValueError as bad:
        return f"not JSON: {bad}"
    errors = sorted(validator.iter_errors(record), key=lambda e: [str(p) for p in e.absolute_path])
    if not errors:
        return None
    where = "/".join(str(part) for part in errors[0].absolute_path) or "the record"
    return f"{where}: {errors[0].message}"


def main():
    if len(sys.argv) != 2:
        print("usage: schema_valid.py SCHEMA_FILE < LINES", file=sys.stderr)
        return 2
    try:
        import jsonschema
    except ImportError:
        print("skipped: python3-jsonschema is not installed", file=sys.stderr)
        return 77
    try:
        with open(sys.argv[1], encoding="utf-8") as file:
            schema = json.load(file)
        jsonschema.Draft202012Validator.check_schema(schema)
    except (OSError, ValueError, jsonschema.SchemaError) as bad:
        print(f"{sys.argv[1]}: {bad}", file=sys.stderr)
        return 2

    validator = jsonschema.Draft202012Validator(schema)
    number = 0
    for number, line in enumerate(sys.stdin.buffer, 1):
        reason = "the last line has no newline" if not line.endswith(b"\n") else reason_against(validator, line)
        if reason:
            print(f"line {number}: {reason}", file=sys.stderr)
            return 1
    if number == 0:
        print("no line on stdin", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
