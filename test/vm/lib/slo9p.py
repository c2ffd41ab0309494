# SPDX-License-Identifier: Apache-2.0
"""A 9p2000.L server of one file, which the kernel mounts over a pair of sockets: a filesystem that answers writes with an error."""
import contextlib
import ctypes
import os
import socket
import struct
import tempfile

import slonet
import slotest

MSIZE = 65536
SIZE = 64 * 4096
ERROR, UNSUPPORTED, WRITE = 7, 95, 118
ROOT, FILE = 0, 1
NAME = "file"

_libc = ctypes.CDLL(None, use_errno=True)


def _qid(path):
    return struct.pack("<BIQ", 0x80 if path == ROOT else 0, 0, path)


def _attributes(path):
    mode, size = (0o40777, 0) if path == ROOT else (0o100666, SIZE)
    return struct.pack("<Q13sIIIQQQQQ10Q", 0x7ff, _qid(path), mode, 0, 0, 1, 0, size, 4096, size // 512, *[0] * 10)


class _Server:
    def __init__(self, sock, write_error):
        self.sock, self.write_error, self.fids = sock, write_error, {}

    def _exactly(self, count):
        got = b""
        while len(got) < count:
            part = self.sock.recv(count - len(got))
            if not part:
                raise EOFError
            got += part
        return got

    def serve(self):
        with contextlib.suppress(EOFError, ConnectionResetError):
            while True:
                size, kind, tag = struct.unpack("<IBH", self._exactly(7))
                error, answer = self._answer(kind, self._exactly(size - 7))
                kind, answer = (ERROR, struct.pack("<I", error)) if error else (kind + 1, answer)
                self.sock.sendall(struct.pack("<IBH", 7 + len(answer), kind, tag) + answer)

    def _walk(self, body):
        fid, new, count = struct.unpack_from("<IIH", body)
        at, path, qids = 10, self.fids[fid], b""
        for _ in range(count):
            length = struct.unpack_from("<H", body, at)[0]
            if path != ROOT or body[at + 2:at + 2 + length] != NAME.encode():
                return 2, b""
            at, path = at + 2 + length, FILE
            qids += _qid(path)
        self.fids[new] = path
        return 0, struct.pack("<H", count) + qids

    def _answer(self, kind, body):
        """(errno, the answer's body)"""
        fid = struct.unpack_from("<I", body)[0]
        if kind == 104:  # attach
            self.fids[fid] = ROOT
        if kind == 110:
            return self._walk(body)
        if kind == WRITE:
            return self.write_error, b""
        if kind == 116:  # read
            count = struct.unpack_from("<I", body, 12)[0]
            return 0, struct.pack("<I", count) + bytes(count)
        answers = {
            100: lambda: struct.pack("<I", MSIZE) + body[4:],  # version
            104: lambda: _qid(ROOT),
            24: lambda: _attributes(self.fids[fid]),
            12: lambda: _qid(self.fids[fid]) + struct.pack("<I", 0),  # open
            120: lambda: b"", 26: lambda: b"", 50: lambda: b"", 108: lambda: b"",  # clunk, setattr, fsync, flush
        }
        return (0, answers[kind]()) if kind in answers else (UNSUPPORTED, b"")


@contextlib.contextmanager
def mounted(write_error):
    """The path of a file of SIZE bytes whose pages are cached, and whose writes to the server fail with @write_error."""
    for module in ("9p", "9pnet_fd"):
        slonet.modprobe(module)
    ours, theirs = socket.socketpair()
    server = slonet.spawn(_Server(theirs, write_error).serve, comm="slo9pserver")
    theirs.close()
    with tempfile.TemporaryDirectory(dir=slotest.tmp) as folder:
        options = f"trans=fd,rfdno={ours.fileno()},wfdno={ours.fileno()},version=9p2000.L,cache=loose"
        if _libc.mount(b"slo", folder.encode(), b"9p", 0, options.encode()):
            slotest.skip(f"no 9p over sockets here: {os.strerror(ctypes.get_errno())}")
        try:
            yield f"{folder}/{NAME}"
        finally:
            _libc.umount2(folder.encode(), 2)  # MNT_DETACH
            ours.close()
            server.kill()
