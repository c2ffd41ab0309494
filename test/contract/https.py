#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# needs: openssl python3
"""TLS of what goes out: https.py SLOCTL. A certificate counts only if its CA was named and its name fits; where a client
certificate is asked for, none is refused."""
import http.server
import os
import ssl
import subprocess
import sys
import tempfile
import threading

SLOCTL = os.path.abspath(sys.argv[1])


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(202)  # HTTP/1.0: no length, and the connection is closed
        self.end_headers()

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        pass  # handshakes that fail are what is tested


def serve(ask_certificate):
    server = Server(("127.0.0.1", 0), Receiver)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("cert.pem", "key.pem")
    if ask_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations("cert.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def certificate(cert, key, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                    "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"], check=True, capture_output=True)


def send(url, **settings):
    env = {f"SLO_WEBHOOK_{k.upper()}": v for k, v in settings.items()}
    env["NO_PROXY"] = "*"
    run = subprocess.run([SLOCTL, "webhook", "test", "--url", url, "--timeout", "5s"], env=env, capture_output=True, text=True)
    return run.returncode, run.stdout + run.stderr


def main():
    os.chdir(tempfile.mkdtemp())
    certificate("cert.pem", "key.pem", "localhost")
    certificate("other.pem", "other.key", "elsewhere.example")
    plain, mutual = (f"https://localhost:{serve(ask)}/" for ask in (False, True))
    wrong_name = plain.replace("localhost", "127.0.0.1")
    own = {"cert_file": "cert.pem", "key_file": "key.pem"}
    cases = [
        ("CA named", 0, send(plain, ca_file="cert.pem")),
        ("CA not named", 4, send(plain)),
        ("another CA", 4, send(plain, ca_file="other.pem")),
        ("no such CA file", 4, send(plain, ca_file="missing.pem")),
        ("another name", 4, send(wrong_name, ca_file="cert.pem")),
        ("client certificate", 0, send(mutual, ca_file="cert.pem", **own)),
        ("no client certificate", 4, send(mutual, ca_file="cert.pem")),
    ]
    bad = 0
    for name, expected, (code, said) in cases:
        lines = said.strip().splitlines()
        good = code == expected and len(lines) == 1
        bad += not good
        print("ok  " if good else "FAIL", name, code, said.strip())
    sys.exit(bad != 0)


if __name__ == "__main__":
    main()
