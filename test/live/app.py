#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""An application that asks a model, instrumented with the OpenTelemetry SDK: app.py PROVIDER:PORT OTLP_URL [options].

Each request resolves the provider's name, works a little, connects, and reads a stream; its span says when the first
token came. What it does besides (memory, disk) is what a real one would: a cache, a document from disk.
"""
import argparse
import mmap
import os
import socket
import sys
import threading
import time

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
    """Reads a file through the page cache: under a memory limit its pages are reclaimed, and read again."""

    def __init__(self, path, size):
        self.fd, self.size = os.open(path, os.O_RDONLY), size

    def touch(self):
        for at in range(0, self.size, 1 << 20):
            os.pread(self.fd, 1 << 20, at)


class Disk:
    """Reads a document past the page cache."""

    def __init__(self, path, reads):
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECT)
        self.size, self.at, self.reads = os.fstat(self.fd).st_size or 16 << 20, 0, reads
        self.page = mmap.mmap(-1, 4096)

    def read(self):
        for _ in range(self.reads):
            os.preadv(self.fd, [self.page], self.at)
            self.at = (self.at + 4096) % (self.size - 4096) & ~4095


class App:
    def __init__(self, opt):
        self.host, port = opt.provider.rsplit(":", 1)
        self.port, self.opt = int(port), opt
        self.memory = Memory(opt.memory, opt.memory_mb << 20) if opt.memory else None
        self.disk = Disk(opt.disk, opt.disk_reads) if opt.disk else None
        self.lock = threading.Lock()
        resource = Resource.create({"service.name": opt.service, "process.pid": os.getpid(),
                                    "host.name": socket.gethostname()})
        provider = TracerProvider(resource=resource)
        self.exporter = BatchSpanProcessor(OTLPSpanExporter(endpoint=opt.otlp + "/v1/traces"),
                                           schedule_delay_millis=500)
        provider.add_span_processor(self.exporter)
        self.tracer = provider.get_tracer("app")

    def stream(self, span, begin):
        info = socket.getaddrinfo(self.host, self.port, socket.AF_INET, socket.SOCK_STREAM)[0]
        work(self.opt.work_ms)
        with self.lock:
            if self.memory:
                self.memory.touch()
            if self.disk:
                self.disk.read()
        with socket.create_connection(info[4], timeout=30) as conn:
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
            span.set_attribute("gen_ai.response.time_to_first_chunk", first - begin)
            span.set_attribute("gen_ai.usage.output_tokens", tokens)

    def request(self):
        with self.tracer.start_as_current_span("chat model-1", kind=SpanKind.CLIENT) as span:
            span.set_attribute("gen_ai.operation.name", "chat")
            span.set_attribute("gen_ai.provider.name", "openai")
            span.set_attribute("gen_ai.request.model", "model-1")
            try:
                self.stream(span, time.monotonic())
            except OSError as e:
                span.set_attribute("error.type", type(e).__name__)
                span.set_status(Status(StatusCode.ERROR))

    def run(self):
        while True:
            begin = time.monotonic()
            self.request()
            time.sleep(max(0, 1 / self.opt.rate - (time.monotonic() - begin)))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("provider")
    p.add_argument("otlp")
    p.add_argument("--service", default="chat-api")
    p.add_argument("--resolver", help="address of the only name server that this process asks")
    p.add_argument("--threads", type=int, default=3)
    p.add_argument("--rate", type=float, default=3, help="requests a second and thread")
    p.add_argument("--work-ms", type=float, default=10)
    p.add_argument("--memory")
    p.add_argument("--memory-mb", type=int, default=32)
    p.add_argument("--disk")
    p.add_argument("--disk-reads", type=int, default=20)
    p.add_argument("--tmp", default="/tmp")
    opt = p.parse_args()
    if opt.resolver:
        slonet.private_resolv_conf(f"nameserver {opt.resolver}\noptions timeout:5 attempts:2\n", opt.tmp)
    app = App(opt)
    for _ in range(opt.threads - 1):
        threading.Thread(target=app.run, daemon=True).start()
    app.run()


if __name__ == "__main__":
    main()
