// SPDX-License-Identifier: Apache-2.0
// Handshakes of Go's crypto/tls, timed by itself: tls_client ADDRESS NAME CA.pem 1.2|1.3 COUNT
// One line a handshake: local port, begin (UNIX ns), nanoseconds, version.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	pem, err := os.ReadFile(os.Args[3])
	must(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	version := uint16(tls.VersionTLS13)
	if os.Args[4] == "1.2" {
		version = tls.VersionTLS12
	}
	count, err := strconv.Atoi(os.Args[5])
	must(err)
	for i := 0; i < count; i++ {
		raw, err := net.Dial("tcp", os.Args[1])
		must(err)
		conn := tls.Client(raw, &tls.Config{ServerName: os.Args[2], RootCAs: roots,
			MinVersion: version, MaxVersion: version})
		begin := time.Now()
		must(conn.Handshake())
		took := time.Since(begin)
		_, err = conn.Write([]byte("hello"))
		must(err)
		_, err = conn.Read(make([]byte, 16))
		must(err)
		fmt.Println(raw.LocalAddr().(*net.TCPAddr).Port, begin.UnixNano(), took.Nanoseconds(),
			conn.ConnectionState().Version&0xff-1)
		conn.Close()
	}
}
