# SPDX-License-Identifier: Apache-2.0
"""A DNS server whose misbehaviour stands in the name asked for, and a client that knows how long it waited.

The first label of a name is verbs joined by '-': d120 (answer 120 ms late), nx, refused, servfail (that rcode),
big1200 (an answer of about so many bytes), tc (truncated over UDP), drop (never answer), dropone (ignore the first
time the name is asked), split (over TCP: length and body in segments of their own). Others do nothing.
"""
import contextlib
import heapq
import os
import re
import select
import socket
import struct
import threading
import time

import slonet

A, AAAA, TXT, OPT = 1, 28, 16, 41
RCODES = {"nx": 3, "refused": 5, "servfail": 2}
SO_TIMESTAMPNS = 35
TCP_GAP_S = 0.02  # between the two segments of a split message


def query(qid, name, qtype=A, edns=0):
    """A query; edns is the UDP size offered, 0 sends none."""
    labels = b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0"
    msg = struct.pack(">6H", qid, 0x0100, 1, 0, 0, 1 if edns else 0) + labels + struct.pack(">2H", qtype, 1)
    return msg + (struct.pack(">BHHIH", 0, OPT, edns, 0, 0) if edns else b"")


def parse(msg):
    """(id, flags, name, qtype, offset behind the question)."""
    qid, flags = struct.unpack_from(">2H", msg)
    off, labels = 12, []
    while msg[off]:
        labels.append(msg[off + 1:off + 1 + msg[off]].decode())
        off += 1 + msg[off]
    return qid, flags, ".".join(labels), struct.unpack_from(">H", msg, off + 1)[0], off + 5


def answer(msg, tcp):
    """(delay in seconds, bytes) of the answer; bytes None where the name says so."""
    qid, _, name, qtype, end = parse(msg)
    verbs = name.split(".")[0].split("-")
    delay, flags, size = 0.0, 0x8180, 0
    for verb in verbs:
        if verb == "drop":
            return 0.0, None, verbs
        flags |= RCODES.get(verb, 0)
        if m := re.fullmatch(r"d(\d+)", verb):
            delay = int(m[1]) / 1e3
        if m := re.fullmatch(r"big(\d+)", verb):
            size = int(m[1])
    count, body = 0, b""
    if "tc" in verbs and not tcp:
        flags |= 0x0200
    elif flags & 0xf == 0:
        data = {A: bytes([192, 0, 2, 1]), AAAA: socket.inet_pton(socket.AF_INET6, "2001:db8::1")}.get(qtype, b"\0")
        body, count = struct.pack(">3HIH", 0xc00c, qtype, 1, 60, len(data)) + data, 1
        while end + len(body) < size:
            text = b"\xff" + b"x" * 255
            body += struct.pack(">3HIH", 0xc00c, TXT, 1, 60, len(text)) + text
            count += 1
    return delay, struct.pack(">6H", qid, flags, 1, count, 0, 0) + msg[12:end] + body, verbs


def _take(sock, size):
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            raise ConnectionError("closed")
        data += part
    return data


def _serve_tcp(conn):
    with conn, contextlib.suppress(OSError):
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            msg = _take(conn, struct.unpack(">H", _take(conn, 2))[0])
            delay, reply, verbs = answer(msg, True)
            if reply is None:
                continue
            time.sleep(delay)
            parts = [struct.pack(">H", len(reply)), reply]
            if "split" not in verbs:
                parts = [b"".join(parts)]
            for i, part in enumerate(parts):
                time.sleep(TCP_GAP_S if i else 0)
                conn.sendall(part)


def _serve(udp, tcp):
    late, serial, seen = [], 0, set()
    for listener in tcp:
        listener.settimeout(None)
    while True:
        left = max(0.0, late[0][0] - time.monotonic()) if late else None
        for sock in select.select(udp + tcp, [], [], left)[0]:
            if sock in tcp:
                threading.Thread(target=_serve_tcp, args=(sock.accept()[0],), daemon=True).start()
                continue
            msg, peer = sock.recvfrom(4096)
            delay, reply, verbs = answer(msg, False)
            first = msg[12:] not in seen
            seen.add(msg[12:])
            if reply is not None and not ("dropone" in verbs and first):
                serial += 1
                heapq.heappush(late, (time.monotonic() + delay, serial, sock, peer, reply))
        while late and late[0][0] <= time.monotonic():
            _, _, sock, peer, reply = heapq.heappop(late)
            with contextlib.suppress(OSError):
                sock.sendto(reply, peer)


def start_server(net, side="s", ports=(53,), addrs=None):
    """The server as a process of its own; ready on return."""
    udp, tcp = [], []
    for port in ports:
        for family in (4, 6):
            addr = addrs[family] if addrs else net.addr(side, family)
            sock = net.socket(side, family, socket.SOCK_DGRAM)
            sock.bind((addr, port))
            udp.append(sock)
            tcp.append(net.listen(side, family, port, addr=addr))
    child = slonet.spawn(_serve, udp, tcp, comm="slodnsd")
    for sock in udp + tcp:
        sock.close()
    return child


# --- client -------------------------------------------------------------------------------------------------------


class Timed:
    """What the application and the kernel's receive stamp say about one lookup, CLOCK_REALTIME in ns.

    The query left between begin and sent, the answer came between stamp (the packet entered the stack) and end
    (it had been read): so the true latency lies in [low_ms, high_ms], whatever the machine's speed.
    """

    CLOCK_MS = 0.3  # REALTIME is slewed, MONOTONIC too, but they are read at different moments

    def __init__(self, begin, sent, stamp, end, sock, server, pid):
        self.begin, self.sent, self.stamp, self.end = begin, sent, stamp or sent, end
        self.low_ms = (self.stamp - sent) / 1e6 - self.CLOCK_MS
        self.high_ms = (end - begin) / 1e6 + self.CLOCK_MS
        self.sock_name, self.server, self.pid = sock, server, pid


def timestamped(sock):
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    return sock


def receive(sock):
    """(message, kernel receive stamp or None, time after reading)."""
    msg, anc, _, _ = sock.recvmsg(65535, 256)
    end = time.time_ns()
    for level, kind, data in anc:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            sec, nsec = struct.unpack("qq", data[:16])
            return msg, sec * 10**9 + nsec, end
    return msg, None, end


def send(sock, msg, server, connected):
    """Times before and after the send."""
    begin = time.time_ns()
    if connected:
        sock.send(msg)
    else:
        sock.sendto(msg, server)
    return begin, time.time_ns()


def udp_client(net, family, connected, server=None, side="c"):
    """A stamped socket with its address set: the tuple is known before the first query."""
    sock = timestamped(net.socket(side, family, socket.SOCK_DGRAM))
    sock.settimeout(20)
    server = server or (net.addr("s", family), 53)
    if connected:
        sock.connect(server)
    else:
        sock.bind((net.addr(side, family), 0))
    return sock, server


def ask_udp(net, family, name, qid, qtype=A, connected=True, edns=0, server=None):
    sock, server = udp_client(net, family, connected, server)
    with sock:
        begin, sent = send(sock, query(qid, name, qtype, edns), server, connected)
        msg, stamp, end = receive(sock)
        assert parse(msg)[0] == qid
        return Timed(begin, sent, stamp, end, sock.getsockname()[:2], server[:2], os.getpid()), msg


def ask_tcp(net, family, name, qid, split, server=None):
    """Over TCP; split sends length and body as segments of their own. The latency counts from the body."""
    server = server or (net.addr("s", family), 53)
    with net.socket("c", family) as sock:
        sock.settimeout(20)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect(server)
        msg = query(qid, name)
        prefix = struct.pack(">H", len(msg))
        if split:
            sock.sendall(prefix)
            time.sleep(TCP_GAP_S)
            prefix = b""
        begin = time.time_ns()
        sock.sendall(prefix + msg)
        sent = time.time_ns()
        reply = _take(sock, struct.unpack(">H", _take(sock, 2))[0])
        end = time.time_ns()
        return Timed(begin, sent, None, end, sock.getsockname()[:2], server[:2], os.getpid()), reply
