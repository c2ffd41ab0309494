#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the bill of materials (SPDX 2.3, JSON) of the static binaries: sbom.py VERSION ARCH SOURCE_DATE_EPOCH BINARY... <rows.

The rows on standard input are those of packaging/static/sources.lock that are linked: NAME VERSION LICENCE FILE=SHA256...
"""
import datetime
import hashlib
import json
import os
import re
import sys


def licence(text):
    """The lock writes alternatives as A/B, SPDX as A OR B."""
    return " OR ".join(text.split("/"))


def spdx_id(*parts):
    return "SPDXRef-" + "-".join(re.sub(r"[^A-Za-z0-9.-]", "-", p) for p in parts)


def package(name, version, licence_text, **more):
    return {
        "SPDXID": spdx_id("Package", name),
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": licence_text,
        "licenseDeclared": licence_text,
        "copyrightText": "NOASSERTION",
        **more,
    }


def source_package(row):
    name, version, licence_text, *files = row.split()
    pins = [f.rsplit("=", 1) for f in files]
    purl = f"pkg:deb/debian/{name}@{version.replace(':', '%3A').replace('+', '%2B').replace('~', '%7E')}?arch=source"
    main = next((sha for file, sha in pins if ".orig.tar" in file and not file.endswith(".asc")), pins[0][1])
    return package(
        name,
        version,
        licence(licence_text),
        checksums=[{"algorithm": "SHA256", "checksumValue": main}],
        externalRefs=[{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}],
        comment="Debian source package; its files: " + " ".join(f"{f} sha256:{s}" for f, s in pins),
    )


def digest(path, kind):
    with open(path, "rb") as data:
        return hashlib.new(kind, data.read()).hexdigest()


def binary_file(path):
    name = os.path.basename(path)
    return {
        "SPDXID": spdx_id("File", name),
        "fileName": f"./{name}",
        "fileTypes": ["BINARY"],
        "checksums": [{"algorithm": k.upper(), "checksumValue": digest(path, k)} for k in ("sha1", "sha256")],
        "licenseConcluded": "NOASSERTION",
        "licenseInfoInFiles": ["NOASSERTION"],
        "copyrightText": "NOASSERTION",
    }


def relation(a, kind, b):
    return {"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b}


def document(version, arch, epoch, binaries, rows):
    sources = [source_package(row) for row in rows]
    files = [binary_file(b) for b in binaries]
    own = package("llm-slo", version, "Apache-2.0", primaryPackagePurpose="APPLICATION")
    bpf = package(
        "llm-slo-bpf-programs", version, "GPL-2.0-only OR BSD-2-Clause", comment="embedded, loaded into the kernel"
    )
    relations = [relation("SPDXRef-DOCUMENT", "DESCRIBES", own["SPDXID"])]
    for file in files:
        relations.append(relation(own["SPDXID"], "CONTAINS", file["SPDXID"]))
        relations += [relation(file["SPDXID"], "STATIC_LINK", p["SPDXID"]) for p in sources]
        relations.append(relation(file["SPDXID"], "CONTAINS", bpf["SPDXID"]))
    seal = hashlib.sha256("".join(f["checksums"][1]["checksumValue"] for f in files).encode()).hexdigest()[:32]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"llm-slo-{version}-linux-{arch}",
        "documentNamespace": f"https://llm-slo.dev/spdx/{version}-{arch}-{seal}",
        "creationInfo": {
            "created": datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: llm-slo-packaging/sbom.py"],
        },
        "packages": [own, bpf, *sources],
        "files": files,
        "relationships": relations,
    }


def main():
    version, arch, epoch, *binaries = sys.argv[1:]
    rows = [line for line in sys.stdin.read().splitlines() if line.strip()]
    if not binaries or not rows:
        sys.exit("sbom.py: no binary, or no row of the lock")
    json.dump(document(version, arch, int(epoch), binaries, rows), sys.stdout, indent=1)
    print()


main()
