#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pictures are well-formed XML that stands by itself, and nothing in them lies outside: svg.py SLOCTL FILE...

The last words of the message say what is wrong. A picture in deploy/docs/ must also have the style that SLOCTL writes now.
"""
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as xml

SVG = "{http://www.w3.org/2000/svg}"
ELEMENTS = {"svg", "title", "desc", "style", "rect", "line", "text"}
WIDTHS = {"": 7.3, "dim": 7.3, "head": 8.5, "big": 11}  # of a letter, by class
SAMPLE = "test/golden/attributor/own.jsonl"


def left_and_right(e, text_of):
    x = float(e.get("x", e.get("x1", 0)))
    if e.tag == SVG + "rect":
        return x, x + float(e.get("width"))
    if e.tag == SVG + "text":
        width = WIDTHS[e.get("class", "")] * len(text_of)
        anchor = {"start": 0, "middle": 0.5, "end": 1}[e.get("text-anchor", "start")]
        return x - anchor * width, x + (1 - anchor) * width
    return x, x


def faults(path):
    with open(path, "rb") as file:
        data = file.read()
    try:
        root = xml.fromstring(data)
    except xml.ParseError as e:
        return [f"not well-formed: {e}"]
    if root.tag != SVG + "svg" or not root.get("viewBox"):
        return ["no <svg> with a viewBox"]
    found = []
    _, _, width, height = map(float, root.get("viewBox").split())
    for e in root.iter():
        name, text = e.tag.replace(SVG, ""), "".join(e.itertext())
        if name not in ELEMENTS:
            found.append(f"<{name}> has no place in a picture")
            continue
        if any(k.startswith("on") or k.endswith("href") or "url(" in v for k, v in e.attrib.items()):
            found.append(f"<{name}> refers to something: {e.attrib}")
        if name in ("rect", "line", "text"):
            left, right = left_and_right(e, text)
            top = float(e.get("y", e.get("y1", 0)))
            if left < 0 or right > width or not 0 <= top <= height:
                found.append(f"<{name}> from {left:g} to {right:g} at {top:g} leaves {width:g} x {height:g}: {text}")
    style = "".join(e.text for e in root.iter(SVG + "style"))
    if re.search(r"url\(|@import|@font-face", style):
        found.append("its style loads something")
    if "prefers-color-scheme:dark" not in style:
        found.append("no dark scheme")
    return found


def style_of(text):
    return text[text.index("<style>"):text.index("</style>")]


def main():
    sloctl, *paths = sys.argv[1:]
    now = subprocess.run([sloctl, "explain", "--input", SAMPLE, "--output", "svg"], capture_output=True, text=True, check=True)
    bad = 0 if paths else 1
    for path in paths:
        found = faults(path)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if path.startswith("deploy/docs/"):
            if style_of(text) != style_of(now.stdout):
                found.append("drawn by an earlier sloctl: ./build.sh demo --svg " + path)
            if "synthetic" in text:
                found.append("not of a real incident")
        for f in found:
            print(f"{path}: {f}")
        bad += len(found)
    return 1 if bad else 0


os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
sys.exit(main())
