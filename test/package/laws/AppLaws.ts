/** The laws' view of the app part. */
import { Effect, Layer } from "effect"
import { HttpServerResponse } from "effect/http"
import { App, Fairing } from "fairlead/app"
import * as fairings from "fairlead/app/fairings"
import { TestApp } from "fairlead/testing/app"

import type { BuildSite, Adapter } from "./Adapter.ts"

const ok = Effect.succeed(HttpServerResponse.empty({ status: 204 }))
const anyFairing = Fairing as any

export const app: Adapter = {
  part: "app",
  make: (name, run) => anyFairing.make(name, { onRequest: () => run() }),
  stateful: (name, make) =>
    anyFairing.make(name, (site: BuildSite) => {
      const run = make(site)
      return { onRequest: () => run() }
    }),
  service: (id, options) => Fairing.Service<any>()(id, options as {}),
  composite: ({ discarded = [], interceptors, name, ofCall }) => {
    const opened: any = App.make(name)
    for (const each of discarded) opened.attach(each)
    const managed = ofCall === undefined ? opened : opened.manage(Layer.succeedContext(ofCall))
    return interceptors.reduce<any>((all, next) => all.attach(next), managed).serve(ok)
  },
  build: (composed, layer) =>
    Effect.map(TestApp.make(composed, layer), (kit: any) =>
      Effect.flatMap(kit.get("/"), (reply: any) => (reply.status === 204 ? Effect.void : Effect.fail(reply)))
    ) as any,
  isInterceptor: anyFairing.isFairing,
  takers: {
    use: (given) => App.make("c").attach(given),
    serve: (given) => App.make("c").serve(given)
  },
  defects: "log",
  kind: "fairing",
  readyMade: {
    health: fairings.health,
    banner: fairings.banner
  },
  invalid: [
    ["health timeout", () => fairings.health({ timeout: Number.NaN })],
    ["backgroundJob grace", () => (fairings.backgroundJob as any)("job", Effect.void, { grace: -1 })]
  ]
}
