#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a bundle for an OCI runtime out of the DaemonSet as a kubelet would: pod_bundle.py MANIFESTS BUNDLE SECCOMP ARG...

MANIFESTS is what kubectl kustomize printed. Capabilities, user, no_new_privs, read-only root, pids of the host, mounts and
environment are the manifest's; BUNDLE/create names the host's folders that a kubelet would make first. Other ARGs replace its own.
SLO_NODE is where the node's / lies while the bundle is made, if not at /.
"""
import json
import os
import sys
import yaml

NODE = os.environ.get("SLO_NODE", "")
MASKED = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"]


def container_of(documents):
    pod = next(d for d in documents if d["kind"] == "DaemonSet")["spec"]["template"]["spec"]
    return pod, pod["containers"][0]


def config_map(documents, name, folder):
    data = next(d for d in documents if d["kind"] == "ConfigMap" and d["metadata"]["name"] == name)["data"]
    os.makedirs(folder, exist_ok=True)
    for key, text in data.items():
        with open(os.path.join(folder, key), "w", encoding="utf-8") as file:
            file.write(text)
    return folder


def source_of(volume, documents, bundle):
    if "configMap" in volume:
        return config_map(documents, volume["configMap"]["name"], os.path.join(bundle, "config"))
    if "emptyDir" in volume:
        made = os.path.join(bundle, "empty", volume["name"])
        os.makedirs(made, exist_ok=True)
        return made
    if volume["hostPath"].get("type") == "DirectoryOrCreate":
        with open(os.path.join(bundle, "create"), "a", encoding="utf-8") as out:
            out.write(volume["hostPath"]["path"] + "\n")
    return volume["hostPath"]["path"]


def mounts_of(pod, container, documents, bundle):
    volumes = {v["name"]: v for v in pod["volumes"]}
    mounts = [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
    ]
    for m in container["volumeMounts"]:
        mode = "ro" if m.get("readOnly") else "rw"
        mounts.append(
            {
                "destination": m["mountPath"],
                "type": "bind",
                "source": source_of(volumes[m["name"]], documents, bundle).removeprefix(NODE),
                "options": ["rbind", "rprivate", mode],
            }
        )
    return mounts


def seccomp(path):
    with open(path, encoding="utf-8") as file:
        profile = json.load(file)
    return {
        "defaultAction": profile["defaultAction"],
        "defaultErrnoRet": profile["defaultErrnoRet"],
        "architectures": [a for m in profile["archMap"] for a in [m["architecture"], *m["subArchitectures"]]],
        "syscalls": [{"names": s["names"], "action": s["action"]} for s in profile["syscalls"]],
    }


def runtime_config(documents, bundle, profile, args):
    pod, container = container_of(documents)
    context = container["securityContext"]
    caps = ["CAP_" + c for c in context["capabilities"]["add"]]
    assert context["capabilities"]["drop"] == ["ALL"] and not context["privileged"]
    namespaces = ["mount", "ipc", "uts", "network"] + ([] if pod.get("hostPID") else ["pid"])
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": context["runAsUser"], "gid": context["runAsGroup"]},
            "args": args,
            "env": ["PATH=/usr/bin:/bin", "SLO_AGENT_NODE=node-1"],
            "cwd": "/",
            "capabilities": {k: caps for k in ("bounding", "effective", "permitted")},
            "noNewPrivileges": not context["allowPrivilegeEscalation"],
        },
        "root": {"path": "rootfs", "readonly": context["readOnlyRootFilesystem"]},
        "mounts": mounts_of(pod, container, documents, bundle),
        "linux": {"namespaces": [{"type": n} for n in namespaces], "maskedPaths": MASKED, "seccomp": seccomp(profile)},
    }


def main():
    manifests, bundle, profile, *args = sys.argv[1:]
    with open(manifests, encoding="utf-8") as file:
        documents = list(yaml.safe_load_all(file))
    if not args:
        args = ["/usr/bin/llm-slo-agent", *container_of(documents)[1]["args"]]
    with open(os.path.join(bundle, "config.json"), "w", encoding="utf-8") as out:
        json.dump(runtime_config(documents, bundle, profile, args), out, indent=1)


main()
