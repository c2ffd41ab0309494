#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""An application that asks a model, instrumented with the OpenTelemetry SDK: app.py PROVIDER:PORT OTLP_URL [options].

Each request resolves the provider's name, works a little, connects, and reads a stream; its span says when the first
token came. What it does besides is what a real one would: a cache in memory, documents from a store on disk.
"""
import argparse
import ctypes
import mmap
import os
import random
import signal
import socket
import sys
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "vm", "lib"))

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: E402
from opentelemetry.sdk.resources import Resource  # noqa: E402
from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: E402
from opentelemetry.trace import SpanKind, Status, StatusCode  # noqa: E402

import slonet  # noqa: E402


def work(ms):
    """CPU time, not wall time: with less CPU it takes longer."""
    until = time.thread_time() + ms / 1e3
    while time.thread_time() < until:
        pass


class Memory:
    """A cache, of which each request touches pages here and there: under a limit some of them come back from the swap.

    All else that the process has is locked in memory: of a limit that is too low only the cache knows. Pages are touched by calls
    without the interpreter's lock, as a library in C would: a thread that waits for one keeps no other from its work.
    """

    MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4

    def __init__(self, size, pages):
        self.cache, self.pages = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), pages
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.begin = ctypes.addressof(ctypes.c_char.from_buffer(self.cache))
        self.set = self.libc.memset
        self.set.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t)
        self.set(self.begin, 1, size)
        self.places = range(self.begin, self.begin + size, mmap.PAGESIZE)
        self._call("mlockall", self.MCL_CURRENT | self.MCL_FUTURE | self.MCL_ONFAULT)
        self._call("munlock", ctypes.c_void_p(self.begin), ctypes.c_size_t(size))

    def _call(self, name, *args):
        if self.libc[name](*args):
            raise OSError(ctypes.get_errno(), name)

    def touch(self):
        for at in random.sample(self.places, self.pages):
            self.set(at, 1, 1)


class Store:
    """A store of documents on this node: each is read past the page cache, from whatever disk the path leads to now."""

    def __init__(self, path, reads):
        self.path, self.reads = path, reads

    def retrieve(self):
        fd = os.open(self.path, os.O_RDONLY | os.O_DIRECT)
        try:
            with mmap.mmap(-1, 4096) as page:
                for n in range(self.reads):
                    if os.preadv(fd, [page], n * 4096) != 4096:
                        raise RuntimeError(f"{self.path} is too short")
        finally:
            os.close(fd)


class App:
    def __init__(self, opt):
        self.host, port = opt.provider.rsplit(":", 1)
        self.port, self.opt = int(port), opt
        self.memory = Memory(opt.memory_mb << 20, opt.memory_pages) if opt.memory_mb else None
        self.store = Store(opt.store, opt.store_reads) if opt.store else None
        resource = Resource.create({"service.name": opt.service, "process.pid": os.getpid(),
                                    "host.name": socket.gethostname()})
        provider = TracerProvider(resource=resource)
        self.exporter = BatchSpanProcessor(OTLPSpanExporter(endpoint=opt.otlp + "/v1/traces"),
                                           schedule_delay_millis=500)
        provider.add_span_processor(self.exporter)
        self.tracer = provider.get_tracer("app")
        self.ending = threading.Event()

    def prepare(self):
        """What comes before the provider is asked."""
        work(self.opt.work_ms)
        if self.memory:
            self.memory.touch()
        if self.store:
            with self.tracer.start_as_current_span("retrieval documents", kind=SpanKind.CLIENT) as span:
                span.set_attribute("gen_ai.operation.name", "retrieval")
                self.store.retrieve()

    def stream(self, span, begin):
        info = socket.getaddrinfo(self.host, self.port, socket.AF_INET, socket.SOCK_STREAM)[0]
        self.prepare()
        with socket.create_connection(info[4], timeout=8) as conn:
            conn.sendall(b"POST /v1/chat HTTP/1.1\r\nHost: provider\r\nContent-Length: 0\r\n\r\n")
            data, first = b"", None
            while chunk := conn.recv(65536):
                data += chunk
                if first is None and b"\r\n\r\ndata:" in data:
                    first = time.monotonic()
        status = int(data.split(b" ", 2)[1]) if data else 0
        tokens = data.count(b"data:")
        if status != 200:
            span.set_attribute("http.response.status_code", status)
            span.set_attribute("error.type", str(status))
            span.set_status(Status(StatusCode.ERROR))
        elif first is not None:
            os.write(1, f"{time.time():.1f} ttft_ms={(first - begin) * 1e3:.0f}\n".encode())  # whole lines, of all threads
            span.set_attribute("gen_ai.response.time_to_first_chunk", first - begin)
            span.set_attribute("gen_ai.usage.output_tokens", tokens)

    def request(self):
        with self.tracer.start_as_current_span("chat model-1", kind=SpanKind.CLIENT) as span:
            span.set_attribute("gen_ai.operation.name", "chat")
            span.set_attribute("gen_ai.provider.name", "openai")
            span.set_attribute("gen_ai.request.model", "model-1")
            try:
                self.stream(span, time.monotonic())
            except (socket.gaierror, ConnectionError, TimeoutError) as e:
                span.set_attribute("error.type", type(e).__name__)
                span.set_status(Status(StatusCode.ERROR))

    def run(self):
        """What is broken here, not out there, ends it: it would else look like a failing provider."""
        try:
            self.serve()
        except BaseException:
            traceback.print_exc()
            os._exit(1)

    def serve(self):
        """At random, as people ask: in step with each other, no lookup would lie in the span of one request alone."""
        while not self.ending.is_set():
            begin = time.monotonic()
            self.request()
            self.ending.wait(max(0, random.uniform(0.5, 1.5) / self.opt.rate - (time.monotonic() - begin)))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("provider")
    p.add_argument("otlp")
    p.add_argument("--service", default="chat-api")
    p.add_argument("--resolver", help="address of the only name server that this process asks")
    p.add_argument("--threads", type=int, default=3)
    p.add_argument("--rate", type=float, default=3, help="requests a second and thread")
    p.add_argument("--work-ms", type=float, default=10)
    p.add_argument("--memory-mb", type=int, default=0, help="size of a cache")
    p.add_argument("--memory-pages", type=int, default=300, help="of the cache, touched by a request")
    p.add_argument("--store", help="where the documents lie that each request retrieves")
    p.add_argument("--store-reads", type=int, default=6)
    p.add_argument("--tmp", default="/tmp")
    opt = p.parse_args()
    if opt.resolver:
        slonet.private_resolv_conf(f"nameserver {opt.resolver}\noptions timeout:5 attempts:2\n", opt.tmp)
    app = App(opt)
    signal.signal(signal.SIGTERM, lambda *_: app.ending.set())
    threads = [threading.Thread(target=app.run) for _ in range(opt.threads)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    app.exporter.shutdown()


if __name__ == "__main__":
    main()
