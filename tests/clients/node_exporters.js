// Sends spans by every OTLP exporter of the Node SDK at once, each under a service name of its own.
// GRPC and HTTP name the receiver, SPANS how many each exporter sends, BATCH how many go into a request.
const { grpc, http, json } = {
  grpc: require('@opentelemetry/exporter-trace-otlp-grpc').OTLPTraceExporter,
  http: require('@opentelemetry/exporter-trace-otlp-proto').OTLPTraceExporter,
  json: require('@opentelemetry/exporter-trace-otlp-http').OTLPTraceExporter,
};
const { BasicTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { ExportResultCode } = require('@opentelemetry/core');
const { CompressionAlgorithm } = require('@opentelemetry/otlp-exporter-base');

const { GRPC, HTTP, SPANS, BATCH } = process.env;

// The gRPC exporter (0.223.1) reports a refusal, whatever its code, and never sends again by itself; the HTTP ones do.
function repeating(exporter) {
  const pending = new Set();
  const once = (spans) => new Promise((resolve) => exporter.export(spans, resolve));
  const until = async (spans, done) => {
    let result;
    while ((result = await once(spans)).code !== ExportResultCode.SUCCESS) {
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    done(result);
  };
  return {
    export: (spans, done) => {
      const sending = until(spans, done).finally(() => pending.delete(sending));
      pending.add(sending);
    },
    forceFlush: () => exporter.forceFlush(),
    shutdown: async () => {
      await Promise.all(pending);
      await exporter.shutdown();
    },
  };
}

async function deliver(name, Exporter, url, compression) {
  const own = new Exporter({ url, compression, timeoutMillis: 60000 });
  const exporter = Exporter === grpc ? repeating(own) : own;
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': name }),
    spanProcessors: [new BatchSpanProcessor(exporter, { maxExportBatchSize: Number(BATCH), exportTimeoutMillis: 60000 })],
  });
  const tracer = provider.getTracer('real client');
  for (let number = 0; number < Number(SPANS); number++) {
    tracer.startSpan(`span ${number}`, { attributes: { number, text: 'žluť', list: [1, 2.5] } }).end();
  }
  await provider.forceFlush();
  await provider.shutdown();
}

const variants = [];
for (const [kind, compression] of [['none', CompressionAlgorithm.NONE], ['gzip', CompressionAlgorithm.GZIP]]) {
  variants.push(deliver(`node-grpc-${kind}`, grpc, GRPC, compression));
  variants.push(deliver(`node-http-${kind}`, http, `${HTTP}/v1/traces`, compression));
  variants.push(deliver(`node-json-${kind}`, json, `${HTTP}/v1/traces`, compression));
}
Promise.all(variants).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
