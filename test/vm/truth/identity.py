#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Container and pod of a record, from cgroups named as the container runtimes name them."""
# timeout: 120
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import slolimit
import slonet
import slotest
from slotest import ends, equal, holds, one, samples, test

SIGNAL = "connect_latency_ms"
net = None
_port = iter(range(7400, 7499))
TAG = f"{os.getpid():08x}"


def hexid(n):
    return (f"{n:04x}{TAG}" * 6)[:64]


def uid(n):
    return f"{n:08x}-1234-4567-89ab-{TAG:0>12}"


def _connect(family, port):
    with socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6) as sock:
        sock.connect((net.addr("s", family), port))


# name of the test: (path of the cgroup, container, pod)
LAYOUTS = {
    "containerd_with_the_systemd_driver": (
        f"kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{uid(1).replace('-', '_')}.slice/"
        f"cri-containerd-{hexid(1)}.scope", hexid(1), uid(1)),
    "containerd_with_the_cgroupfs_driver": (f"kubepods/besteffort/pod{uid(2)}/{hexid(2)}", hexid(2), uid(2)),
    "guaranteed_pod": (
        f"kubepods.slice/kubepods-pod{uid(3).replace('-', '_')}.slice/cri-containerd-{hexid(3)}.scope",
        hexid(3), uid(3)),
    "crio_with_the_sub_cgroup_of_crun": (
        f"kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{uid(4).replace('-', '_')}.slice/"
        f"crio-{hexid(4)}.scope/container", hexid(4), uid(4)),
    "docker_without_a_pod": (f"system.slice/docker-{hexid(5)}.scope", hexid(5), None),
    # kind runs a whole node in a container: the innermost one is the process's own
    "kind_node_nested_below_another_container": (
        f"system.slice/docker-{hexid(6)}.scope/kubelet.slice/kubelet-kubepods.slice/"
        f"kubelet-kubepods-pod{uid(6).replace('-', '_')}.slice/cri-containerd-{hexid(7)}.scope", hexid(7), uid(6)),
    "ordinary_service_has_neither": (f"system.slice/slo-truth-{os.getpid()}.service", None, None),
}


def connects(cgroup, count):
    """One process for each connect, gone right after it; families in turn. The ports."""
    ports = []
    for n in range(count):
        family = 6 if n % 2 else 4
        ports.append(next(_port))
        with net.listen("s", family, ports[-1]):
            slonet.spawn(_connect, family, ports[-1], ns=net.c, cgroup=cgroup, comm="slopod").result()
    return ports


def verify(records, ports, cgroup_id, container, pod):
    # Else by the process, and that is gone.
    slotest.needs("cgroup_id")
    for port in ports:
        record = one(f"port {port}", samples(records, SIGNAL, lambda r: net.owns(r) and ends(r)[3] == port))
        if record:
            equal("cgroup_id", record.get("cgroup_id"), cgroup_id)
            equal("container_id", record.get("container_id") or None, container)
            equal("pod_uid", record.get("pod_uid") or None, pod)


def older_than_the_agent(name):
    def run():
        ports = connects(cgroups[name], 2)
        records = yield
        verify(records, ports, cgroups[name].id, *LAYOUTS[name][1:])
    run.__name__ = name
    return run


for _name in LAYOUTS:
    test(older_than_the_agent(_name))


def pod_path(n):
    return f"kubepods.slice/kubepods-pod{uid(n).replace('-', '_')}.slice/cri-containerd-{hexid(n)}.scope"


@test
def a_container_at_its_limits():
    """What is measured without a connection: stalls of its processes, and its quota."""
    cgroup = limited
    slonet.spawn(slolimit.compact, cgroup=cgroup, comm="slopod").result()
    slonet.spawn(slonet.spin, 1.5, cgroup=cgroup, comm="slopod").result()
    records = yield
    for name in ("mem_reclaim_latency_ms", "cfs_throttled_ms"):
        if name == "mem_reclaim_latency_ms" and "cgroup_id" in slotest.UNTOLD:
            print(f"  --   {name}: not told by {slotest.BACKEND}")
            continue
        mine = [r for r in records if r["signal"] == name and r.get("cgroup_id") == cgroup.id]
        holds(f"{name}: records of the container", mine, len(mine))
        equal(f"{name}: container_id", {r.get("container_id") for r in mine}, {hexid(11)})
        equal(f"{name}: pod_uid", {r.get("pod_uid") for r in mine}, {uid(11)})


@test
def container_that_starts_while_the_agent_runs():
    cgroup = slonet.Cgroup(pod_path(8))
    yield 2.5
    ports = connects(cgroup, 2)
    records = yield
    verify(records, ports, cgroup.id, hexid(8), uid(8))


@test
def first_moment_of_a_new_container():
    """An image pull, a sidecar's first connect: what a container does first is what goes wrong most."""
    cgroup = slonet.Cgroup(pod_path(9))
    ports = connects(cgroup, 8)
    records = yield
    verify(records, ports, cgroup.id, hexid(9), uid(9))


@test
def container_that_ends_before_the_agent():
    cgroup = slonet.Cgroup(pod_path(10))
    yield 2.5
    ports = connects(cgroup, 2)
    yield 1.5  # an interval of the agent and a half: a container is not removed the moment its process ends
    cgroup_id = cgroup.id
    cgroup.close()
    yield 1
    records = yield
    verify(records, ports, cgroup_id, hexid(10), uid(10))


cgroups = {}
limited = None


def make():
    global net, limited
    if not slonet.cgroup2_root():
        slotest.skip("no cgroup2 mounted")
    net = slonet.Net()
    for name, (path, *_) in LAYOUTS.items():
        cgroups[name] = slonet.Cgroup(path)
    limited = slolimit.Limit(pod_path(11), "cpu")
    limited.quota(20)


slotest.main({"signals": f"{SIGNAL},mem_reclaim_latency_ms,cfs_throttled_ms", "backend": "auto"}, setup=make)
