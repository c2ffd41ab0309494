// SPDX-License-Identifier: Apache-2.0
// The spans of otlp_in.py's send_by_sdk(), by OpenTelemetry's SDK for Node.js: otlp_send.js ENDPOINT proto|http gzip|none.
"use strict";
const { createRequire } = require("node:module");
const sdk = createRequire(`${process.env.SLO_OTEL_NODE}/`);
const { context, trace, SpanKind, SpanStatusCode } = sdk("@opentelemetry/api");
const { resourceFromAttributes } = sdk("@opentelemetry/resources");
const { BatchSpanProcessor, NodeTracerProvider } = sdk("@opentelemetry/sdk-trace-node");

const [url, kind, compression] = process.argv.slice(2);
const { OTLPTraceExporter } = sdk(`@opentelemetry/exporter-trace-otlp-${kind}`);
const NOW = [1790000000, 0];
const provider = new NodeTracerProvider({
	resource: resourceFromAttributes({ "service.name": "gateway", "k8s.pod.name": "gw-1", "process.pid": 77 }),
	spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url, compression }))],
});
const tracer = provider.getTracer("peer");
const outer = tracer.startSpan("POST /chat", { kind: SpanKind.SERVER });
for (let i = 0; i < 10; i++) {
	const within = trace.setSpan(context.active(), outer);
	const span = tracer.startSpan("chat gpt-4o", {
		kind: SpanKind.CLIENT,
		startTime: NOW,
		attributes: {
			"gen_ai.operation.name": "chat",
			"gen_ai.provider.name": "openai",
			"gen_ai.request.model": "gpt-4o",
			"gen_ai.usage.output_tokens": 100 + i,
			"gen_ai.response.time_to_first_chunk": 0.25,
			"network.local.address": "2001:0db8:0::7",
			"network.local.port": 40000 + i,
			"network.peer.address": "2001:db8::1",
			"network.peer.port": 443,
		},
	}, within);
	if (i === 9)
		span.setAttribute("error.type", "429").setStatus({ code: SpanStatusCode.ERROR });
	tracer.startSpan("POST", { kind: SpanKind.CLIENT, startTime: NOW }, trace.setSpan(within, span)).end([1790000001, 0]);
	span.end([1790000001, 250000000]);
}
outer.end();
provider.shutdown();
