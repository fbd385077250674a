/** A server with one consumer of the Probe, that says how much CPU it has used. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"

import * as Probe from "../../src/core/Probe.ts"
import * as ProbeMetrics from "../../src/core/ProbeMetrics.ts"
import * as ProbeSpans from "../../src/core/ProbeSpans.ts"
import * as Middleware from "../../src/server/Middleware.ts"
import * as Pipeline from "../../src/server/Pipeline.ts"

const ring: Array<Probe.Event> = []
let next = 0

const consumers: Readonly<Record<string, Layer.Layer<never>>> = {
  off: Layer.empty,
  ring: Probe.layer(
    Effect.succeed({
      report: (event) => {
        ring[next++ & 4095] = event
      }
    })
  ),
  metrics: ProbeMetrics.layer,
  spans: ProbeSpans.layer
}

const pipeline = Array.from({ length: 10 }, (_, index) => Middleware.before(`stage ${index}`, () => {})).reduce(
  (open, stage) => open.before(stage),
  Pipeline.make("price")
)

const server = createServer()
const served = Pipeline.serve(pipeline.handle(HttpServerResponse.text("ok"))).pipe(
  Layer.provide(NodeHttpServer.layer(() => server, { port: 0 })),
  Layer.provide(consumers[process.argv[2] ?? "off"] ?? Layer.empty)
)

Effect.runFork(Layer.launch(served))
server.on("listening", () => process.send?.((server.address() as AddressInfo).port))
process.on("message", () => {
  const { system, user } = process.cpuUsage()
  process.send?.(user + system)
})
