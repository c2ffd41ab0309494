# SPDX-License-Identifier: Apache-2.0
"""TLS servers, clients that know how long their handshake took, and proxies that cut or join what they pass on."""
import contextlib
import os
import select
import signal
import socket
import ssl
import subprocess
import threading
import time

import slonet
import slotest

GAP_S = 0.002  # between two pieces of a cut stream: a segment each
JOIN_S = 0.03  # in which a joining proxy waits for more


def make_certs(folder):
    """server, client and stranger: .pem and .key, each its own authority."""
    for name in ("server", "client", "stranger"):
        slonet.sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                  "-days", "30", "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem", "-subj",
                  f"/CN={name}", "-addext", "subjectAltName=DNS:*.tls.test,DNS:localhost")


def server_context(folder, version, curve=None, ask=None, tickets=None):
    """ask: name of the certificate that a client must have."""
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(f"{folder}/server.pem", f"{folder}/server.key")
    ctx.minimum_version = ctx.maximum_version = version
    if curve:
        ctx.set_ecdh_curve(curve)
    if ask:
        ctx.verify_mode = ssl.CERT_REQUIRED
        ctx.load_verify_locations(f"{folder}/{ask}.pem")
    if tickets is not None:
        ctx.num_tickets = tickets
    return ctx


def client_context(folder, trust="server", cert=None, alpn=None):
    ctx = ssl.create_default_context(cafile=f"{folder}/{trust}.pem")
    if cert:
        ctx.load_cert_chain(f"{folder}/{cert}.pem", f"{folder}/{cert}.key")
    if alpn:
        ctx.set_alpn_protocols(alpn)
    return ctx


def _echo(conn, ctx):
    with contextlib.suppress(OSError), conn:
        conn.settimeout(60)
        with ctx.wrap_socket(conn, server_side=True) as tls:
            while data := tls.recv(4096):
                tls.sendall(data)


def _accept(listeners, handle, *args):
    for listener in listeners:
        listener.settimeout(None)
    while True:
        for listener in select.select(listeners, [], [])[0]:
            threading.Thread(target=handle, args=(listener.accept()[0], *args), daemon=True).start()


def serve(net, port, handle, *args, side="s", addrs=None):
    """A process that calls handle(connection, *args) in a thread for each connection, IPv4 and IPv6."""
    listeners = [net.listen(side, f, port, addr=addrs and addrs[f]) for f in (4, 6)]
    child = slonet.spawn(_accept, listeners, handle, *args, comm="slotlsd", ns=net.c if side == "c" else net.s)
    for listener in listeners:
        listener.close()
    return child


def serve_tls(net, port, ctx, **kwargs):
    return serve(net, port, _echo, ctx, **kwargs)


# --- peers that misbehave -----------------------------------------------------------------------------------------


def after_hello(conn, how):
    """Takes the ClientHello, then: reset, close, http (an answer that is no TLS, and waits), silent."""
    with contextlib.suppress(OSError):
        conn.recv(16384)
        if how == "reset":
            slonet.reset(conn)
        elif how == "http":
            conn.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
            time.sleep(10)
        elif how == "close":
            conn.close()
        else:
            time.sleep(120)


def _pump(src, dst, how):
    """how: cut (pieces of 1, 2, 3, ... bytes, then what is left in larger ones) or join."""
    size = 1
    with contextlib.suppress(OSError):
        while data := src.recv(65536):
            if how == "join":
                while select.select([src], [], [], JOIN_S)[0]:
                    more = src.recv(65536)
                    if not more:
                        break
                    data += more
                dst.sendall(data)
                continue
            while data:
                dst.sendall(data[:size])
                data = data[size:]
                size = size + 1 if size < 60 else 1
                time.sleep(GAP_S)
    with contextlib.suppress(OSError):
        dst.shutdown(socket.SHUT_WR)


def proxy(conn, target, how):
    """Passes a connection on, byte for byte, as other segments."""
    out = socket.create_connection(target)
    for sock in (conn, out):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=_pump, args=(out, conn, how), daemon=True).start()
    _pump(conn, out, how)


# --- clients ------------------------------------------------------------------------------------------------------


class Timed:
    """One handshake as the application saw it."""

    def __init__(self, sni):
        self.sni, self.error, self.version, self.name = sni, None, None, None
        self.begin = self.end = 0
        self.cpu_ms = 0.0
        self.session = None

    @property
    def ms(self):
        return (self.end - self.begin) / 1e6


def connect(net, family, port):
    sock = net.socket("c", family)
    sock.settimeout(60)
    sock.connect((net.addr("s", family), port))
    return sock


def handshake(sock, ctx, sni, session=None, talk=True):
    """(Timed, TLS socket or None). talk: one exchange after it, in which a refused certificate shows."""
    ret = Timed(sni)
    ret.name = sock.getsockname()[:2]
    tls = ctx.wrap_socket(sock, server_hostname=sni, do_handshake_on_connect=False, session=session)
    cpu = time.thread_time_ns()
    ret.begin = time.time_ns()
    try:
        tls.do_handshake()
        ret.end = time.time_ns()
        ret.cpu_ms = (time.thread_time_ns() - cpu) / 1e6
        ret.version = tls.version()
        if talk:
            tls.sendall(b"hello")
            tls.recv(16)
        ret.session = tls.session
    except OSError as err:
        ret.error = err
        ret.end = ret.end or time.time_ns()
        tls.close()
        return ret, None
    return ret, tls


def handshake_in_pieces(sock, ctx, sni, size, fast_open=None):
    """The same through memory: what leaves is written in pieces of so many bytes. fast_open: the hello goes there."""
    ret = Timed(sni)
    ret.name = sock.getsockname()[:2]
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ctx.wrap_bio(into, out, server_hostname=sni)
    ret.begin = time.time_ns()
    while True:
        try:
            tls.do_handshake()
            done = True
        except ssl.SSLWantReadError:
            done = False
        data = out.read()
        if fast_open:
            data, fast_open = data[sock.sendto(data, socket.MSG_FASTOPEN, fast_open):], None
        while data:
            sock.sendall(data[:size])
            data = data[size:]
            time.sleep(GAP_S)
        if done:
            break
        into.write(sock.recv(65536))
    ret.end = time.time_ns()
    ret.version = tls.version()
    return ret


def _enter(ns):
    slonet._sys("prctl", slonet.PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    slonet._sys("setns", ns.fd, slonet.CLONE_NEWNET)


def start(argv, ns):
    """An installed program in the namespace, its input open and its output kept."""
    proc = subprocess.Popen(argv, preexec_fn=lambda: _enter(ns), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)
    slonet._programs.append(proc)
    return proc


def program(argv, ns, **kwargs):
    """An installed client run to its end in the namespace: (its output, exit code)."""
    done = subprocess.run(argv, preexec_fn=lambda: _enter(ns), capture_output=True, text=True, timeout=100,
                          check=False, **kwargs)
    return done.stdout + done.stderr, done.returncode


def need(program_name, package):
    for folder in os.environ.get("PATH", "/usr/bin").split(":"):
        if os.access(os.path.join(folder, program_name), os.X_OK):
            return os.path.join(folder, program_name)
    return slotest.skip(f"{program_name} is not installed (Debian: {package})")
