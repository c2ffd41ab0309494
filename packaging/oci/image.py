#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes an OCI image layout without a daemon: image.py OUT NAME VERSION EPOCH REVISION ARCH=ROOT[,ROOT]...

Each ROOT becomes a layer. The same files give the same digest: sorted entries, one time, no names of owners. Prints the
digest of the index.
"""
import gzip
import hashlib
import io
import json
import os
import sys
import tarfile
import datetime


def layer_tar(root, epoch):
    """An uncompressed layer of all below root, owned by root, in order."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for folder, folders, files in os.walk(root):
            folders.sort()
            links = [d for d in folders if os.path.islink(os.path.join(folder, d))]
            for name in sorted(files + [d for d in folders]):
                path = os.path.join(folder, name)
                entry = tar.gettarinfo(path, os.path.relpath(path, root))
                entry.uid = entry.gid = 0
                entry.uname = entry.gname = ""
                entry.mtime = epoch
                if entry.isreg():
                    with open(path, "rb") as data:
                        tar.addfile(entry, data)
                else:
                    tar.addfile(entry)
            folders[:] = [d for d in folders if d not in links]
    return out.getvalue()


class Layout:
    def __init__(self, out):
        self.out = out
        os.makedirs(os.path.join(out, "blobs", "sha256"))
        with open(os.path.join(out, "oci-layout"), "w", encoding="ascii") as marker:
            json.dump({"imageLayoutVersion": "1.0.0"}, marker)

    def put(self, data, media):
        digest = hashlib.sha256(data).hexdigest()
        with open(os.path.join(self.out, "blobs", "sha256", digest), "wb") as blob:
            blob.write(data)
        return {"mediaType": f"application/vnd.oci.image.{media}", "digest": f"sha256:{digest}", "size": len(data)}

    def put_json(self, value, media):
        return self.put(json.dumps(value, sort_keys=True, separators=(",", ":")).encode(), media)


def image(layout, arch, roots, labels, created):
    epoch = int(created.timestamp())
    plain = [layer_tar(root, epoch) for root in roots]
    layers = [layout.put(gzip.compress(p, 9, mtime=0), "layer.v1.tar+gzip") for p in plain]
    stamp = created.strftime("%Y-%m-%dT%H:%M:%SZ")
    config = {
        "created": stamp,
        "architecture": arch,
        "os": "linux",
        "config": {
            "User": "0:0",
            "Entrypoint": ["/usr/bin/llm-slo-agent"],
            "Env": ["PATH=/usr/bin:/bin"],
            "Labels": labels,
        },
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(p).hexdigest() for p in plain]},
        "history": [{"created": stamp, "created_by": "packaging/oci/image.py"} for _ in plain],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": layout.put_json(config, "config.v1+json"),
        "layers": layers,
        "annotations": labels,
    }
    return {**layout.put_json(manifest, "manifest.v1+json"), "platform": {"architecture": arch, "os": "linux"}}


def main():
    out, name, version, epoch, revision, *images = sys.argv[1:]
    created = datetime.datetime.fromtimestamp(int(epoch), datetime.timezone.utc)
    labels = {
        "org.opencontainers.image.title": name,
        "org.opencontainers.image.description": "Tells which infrastructure fault broke an LLM service's SLO",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.revision": revision,
        "org.opencontainers.image.created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.vendor": "llm-slo",
    }
    layout = Layout(out)
    manifests = []
    for item in sorted(images):
        arch, roots = item.split("=", 1)
        manifests.append(image(layout, arch, roots.split(","), labels, created))
    index = layout.put_json(
        {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests}, "index.v1+json"
    )
    index["annotations"] = {"org.opencontainers.image.ref.name": version}
    with open(os.path.join(out, "index.json"), "w", encoding="ascii") as file:
        json.dump({"schemaVersion": 2, "manifests": [index]}, file, sort_keys=True, separators=(",", ":"))
    print(index["digest"])


main()
