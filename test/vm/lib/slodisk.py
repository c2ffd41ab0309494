# SPDX-License-Identifier: Apache-2.0
"""Slow disks of our own (null_blk), the kernel's account of a disk, and fio as the one who waits."""
# needs: fio dmsetup
import atexit
import contextlib
import json
import mmap
import os
import re
import stat
import subprocess
import tempfile

import slonet
import slotest

CONFIGFS = "/sys/kernel/config"
_disks = []


def _node(name):
    """A device file of ours for /sys/block/NAME: (path, (major, minor))."""
    with open(f"/sys/block/{name}/dev") as f:
        numbers = tuple(map(int, f.read().split(":")))
    path = os.path.join(slotest.tmp, name)
    os.mknod(path, stat.S_IFBLK | 0o600, os.makedev(*numbers))
    return path, numbers


def _write(path, value):
    with open(path, "w") as f:
        f.write(str(value))


def or_none(make, *args, **options):
    """What @make makes, NullDisk or Store, or None where this kernel makes no disk: for tests of which it is a part only."""
    try:
        return make(*args, **options)
    except slotest.Skip as why:
        print(f"  no disk of our own: {why}", flush=True)
        return None


class NullDisk:
    """A disk that completes each request delay_ms after it got it; closed with the test."""

    def __init__(self, delay_ms, size_mb=64, **options):
        if not slonet.modprobe("null_blk"):
            slotest.skip("no null_blk here: no disk whose delay is known")
        if not os.path.isdir(f"{CONFIGFS}/nullb"):
            slonet.sh("mount", "-t", "configfs", "none", CONFIGFS, check=False)
        if not os.path.isdir(f"{CONFIGFS}/nullb"):
            slotest.skip("this null_blk is not made through configfs")
        self.path = f"{CONFIGFS}/nullb/slo{os.getpid()}x{len(_disks)}"
        before = set(os.listdir("/sys/block"))
        os.mkdir(self.path)
        _disks.append(self)
        atexit.register(self.close)
        settings = {"size": size_mb, "blocksize": 512, "queue_mode": 2, "submit_queues": 1, "irqmode": 2 if delay_ms else 0,
                    "completion_nsec": int(delay_ms * 1e6), "memory_backed": 0, **options}
        for key, value in settings.items():
            _write(f"{self.path}/{key}", value)
        _write(f"{self.path}/power", 1)
        self.name = (set(os.listdir("/sys/block")) - before).pop()
        self.dev, self.numbers = _node(self.name)

    def queue(self, key, value=None):
        """Reads, or sets, /sys/block/X/queue/KEY; None where there is no such key."""
        path = f"/sys/block/{self.name}/queue/{key}"
        with contextlib.suppress(OSError):
            if value is not None:
                _write(path, value)
            with open(path) as f:
                return f.read().strip()
        return None

    def close(self):
        with contextlib.suppress(OSError):
            _write(f"{self.path}/power", 0)
            os.rmdir(self.path)


class Store:
    """A path that leads to one of some disks, at first to the first."""

    def __init__(self, *delays_ms):
        self.disks = [NullDisk(ms) for ms in delays_ms]
        self.path = os.path.join(slotest.tmp, "store")
        self.lead_to(0)

    def lead_to(self, n):
        os.symlink(self.disks[n].dev, self.path + ".new")
        os.rename(self.path + ".new", self.path)


class DelayedDisk:
    """The device mapper's, over a disk: a bio is given to that disk delay_ms after it came. It makes no requests itself."""

    def __init__(self, disk, delay_ms):
        if not slonet.modprobe("dm-delay"):
            slotest.skip("no dm-delay here: nothing that holds bios back above a disk")
        self._label = f"slo{os.getpid()}x{len(_disks)}"
        with open(f"/sys/block/{disk.name}/size") as f:
            sectors = int(f.read())
        self._dmsetup("create", self._label, "--table",
                      f"0 {sectors} delay {disk.numbers[0]}:{disk.numbers[1]} 0 {delay_ms}")
        _disks.append(self)
        atexit.register(self.close)  # before the disk's own: the last one registered is the first
        self.name = next(n for n in os.listdir("/sys/block") if n.startswith("dm-") and
                         read(f"/sys/block/{n}/dm/name").strip() == self._label)
        self.dev, self.numbers = _node(self.name)

    @staticmethod
    def _dmsetup(*args, check=True):
        # nobody makes device files in a guest, and nobody is to be waited for
        slonet.sh("env", "DM_DISABLE_UDEV=1", "dmsetup", "--noudevsync", *args, check=check)

    def close(self):
        self._dmsetup("remove", "--force", self._label, check=False)


def account(name):
    """{operation: requests finished} by /sys/block/X/stat; a lone flush is one of the writes there."""
    with open(f"/sys/block/{name}/stat") as f:
        fields = [int(word) for word in f.read().split()]
    return {"read": fields[0], "write": fields[4], "discard": fields[11] if len(fields) > 11 else 0}


def tells_discards(name):
    """Before 4.19 they count as writes."""
    return len(read(f"/sys/block/{name}/stat").split()) > 11


def delta(before, after):
    return {key: after[key] - before[key] for key in before}


class Fio:
    """One fio job, run to its end. ns of its own timers per operation."""

    def __init__(self, target, rw, ios, *options, cgroup=None, engine="psync"):
        with tempfile.NamedTemporaryFile(dir=slotest.tmp, suffix=".json") as out:
            argv = ["fio", "--name=slofio", f"--filename={target}", f"--rw={rw}", "--bs=4k", "--direct=1", "--thread=0",
                    f"--ioengine={engine}", f"--number_ios={ios}", "--size=16m", "--norandommap", "--random_generator=tausworthe64",
                    "--output-format=json", f"--output={out.name}", "--percentile_list=50:95:99:100", *options]
            prepare = (lambda: cgroup.add(os.getpid())) if cgroup else None
            run = subprocess.run(argv, preexec_fn=prepare, capture_output=True, text=True, timeout=100, check=False)
            with open(out.name) as f:
                text = f.read()
        if run.returncode:
            raise RuntimeError(f"fio: {run.stderr or text}")
        job = json.loads(text[text.index("{"):])["jobs"][0]
        self.jobs = {"read": job["read"], "write": job["write"], "discard": job["trim"], "sync": job.get("sync", {})}

    def ios(self, op):
        return self.jobs[op]["total_ios"]

    def latency(self, op):
        """(p50, p99, mean, largest) of the completion latencies, ms; of all waits where fio has no more (sync)."""
        lat = self.jobs[op].get("clat_ns") or self.jobs[op]["lat_ns"]
        at = {float(k): v for k, v in lat["percentile"].items()}
        return at[50.0] / 1e6, at[99.0] / 1e6, lat["mean"] / 1e6, lat["max"] / 1e6


def quantile(values, q):
    """The value that fio means: the smallest below or at which lies the share q."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(q * 1000) * len(ordered) // 1000) - 1))]


def disk_of(path):
    """The disk that holds path, or None: a filesystem without one."""
    number = os.stat(path).st_dev
    link = f"/sys/dev/block/{os.major(number)}:{os.minor(number)}"
    if not os.path.exists(link):
        return None
    real = os.path.realpath(link)
    return os.path.basename(real if os.path.exists(f"{real}/queue") else os.path.dirname(real))


def scheduler(disk):
    return re.search(r"\[(.*?)\]", disk.queue("scheduler") or "[none]")[1]


def page():
    """Memory as direct I/O wants it."""
    return mmap.mmap(-1, 4096)


def make_file(path, size):
    """A file whose blocks are on the disk, removed with the test."""
    with open(path, "wb") as f:
        f.write(os.urandom(size))
        f.flush()
        os.fsync(f.fileno())
    atexit.register(os.unlink, path)


def read(path):
    with open(path) as f:
        return f.read()
