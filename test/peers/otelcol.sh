#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints the path of an OpenTelemetry Collector (otlp in; batch; otlphttp, file and debug out), built of its released Go
# modules and kept in the cache. Exits 77 with the reason where that cannot be had.
set -euo pipefail

readonly VERSION=0.161.0 # all of the collector's modules are of one release; the stable ones count as below
readonly STABLE=1.67.0
readonly GO_MIN=25 # 1.25, which that release asks for
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/llm-slo/peers/otelcol-$VERSION-$(sha256sum <"$0" | cut -c1-8)
readonly CACHE

skip() {
	echo "${0##*/}: $*" >&2
	exit 77
}

# A Go that is new enough: of the path, or one of Debian's side by side packages.
find_go() {
	local go minor
	for go in go /usr/local/go/bin/go /usr/lib/go-1.*/bin/go; do
		minor=$("$go" env GOVERSION 2>/dev/null | sed -nE 's/^go1\.([0-9]+).*/\1/p') || continue
		[[ -n $minor && $minor -ge $GO_MIN ]] || continue
		command -v "$go"
		return
	done
	return 1
}

write_module() {
	cat >go.mod <<-MOD
		module otelcol

		go 1.$GO_MIN.0

		require (
			go.opentelemetry.io/collector/component v$STABLE
			go.opentelemetry.io/collector/confmap v$STABLE
			go.opentelemetry.io/collector/confmap/provider/fileprovider v$STABLE
			go.opentelemetry.io/collector/exporter v$STABLE
			go.opentelemetry.io/collector/processor v$STABLE
			go.opentelemetry.io/collector/receiver v$STABLE
			go.opentelemetry.io/collector/exporter/debugexporter v$VERSION
			go.opentelemetry.io/collector/exporter/otlphttpexporter v$VERSION
			go.opentelemetry.io/collector/otelcol v$VERSION
			go.opentelemetry.io/collector/service v$VERSION
			go.opentelemetry.io/collector/processor/batchprocessor v$VERSION
			go.opentelemetry.io/collector/receiver/otlpreceiver v$VERSION
			github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter v$VERSION
		)
	MOD
}

write_main() {
	cat >main.go <<-'MAIN'
		package main

		import (
			"log"

			"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter"
			"go.opentelemetry.io/collector/component"
			"go.opentelemetry.io/collector/confmap"
			"go.opentelemetry.io/collector/confmap/provider/fileprovider"
			"go.opentelemetry.io/collector/exporter"
			"go.opentelemetry.io/collector/exporter/debugexporter"
			"go.opentelemetry.io/collector/exporter/otlphttpexporter"
			"go.opentelemetry.io/collector/otelcol"
			"go.opentelemetry.io/collector/processor"
			"go.opentelemetry.io/collector/processor/batchprocessor"
			"go.opentelemetry.io/collector/receiver"
			"go.opentelemetry.io/collector/receiver/otlpreceiver"
			"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
		)

		func factories() (f otelcol.Factories, err error) {
			if f.Receivers, err = otelcol.MakeFactoryMap[receiver.Factory](otlpreceiver.NewFactory()); err != nil {
				return
			}
			if f.Processors, err = otelcol.MakeFactoryMap[processor.Factory](batchprocessor.NewFactory()); err != nil {
				return
			}
			f.Exporters, err = otelcol.MakeFactoryMap[exporter.Factory](otlphttpexporter.NewFactory(),
				debugexporter.NewFactory(), fileexporter.NewFactory())
			f.Telemetry = otelconftelemetry.NewFactory()
			return
		}

		func main() {
			settings := otelcol.CollectorSettings{
				BuildInfo: component.BuildInfo{Command: "otelcol", Description: "test peer", Version: "VERSION"},
				Factories: factories,
				ConfigProviderSettings: otelcol.ConfigProviderSettings{
					ResolverSettings: confmap.ResolverSettings{
							DefaultScheme:     "file",
						ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory()},
					},
				},
			}
			if err := otelcol.NewCommand(settings).Execute(); err != nil {
				log.Fatal(err)
			}
		}
	MAIN
	sed -i "s/\"VERSION\"/\"$VERSION\"/" main.go
}

if [[ ! -x $CACHE/otelcol ]]; then
	go=$(find_go) || skip "no Go of 1.$GO_MIN or newer to build the collector with"
	mkdir -p "$CACHE"
	exec 9>"$CACHE/lock"
	flock 9
	if [[ ! -x $CACHE/otelcol ]]; then
		work=$(mktemp -d "$CACHE/build.XXXXXX")
		trap 'rm -rf "$work"' EXIT
		cd "$work"
		write_module
		write_main
		GOTOOLCHAIN=local GOFLAGS=-mod=mod "$go" mod tidy >"$CACHE/build.log" 2>&1 ||
			skip "the collector's modules are not to be had: $(tail -1 "$CACHE/build.log")"
		CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-mod=mod nice "$go" build -p 2 -trimpath -ldflags="-s -w" -o otelcol . \
			>>"$CACHE/build.log" 2>&1 || skip "the collector did not build: $(tail -1 "$CACHE/build.log")"
		mv otelcol "$CACHE/otelcol"
	fi
fi
"$CACHE/otelcol" --version >/dev/null || skip "the collector at $CACHE/otelcol does not run"
echo "$CACHE/otelcol"
