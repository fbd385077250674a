/**
 * All handlers over the node transport against names that resolve to one address, and to another a moment later.
 */
import type { LookupFunction } from "node:net"

import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { HttpClient } from "effect/http"
import { ClientChain } from "fairlead/client"
import { ssrfPolicy } from "fairlead/client/handlers"
import type { SsrfPolicyOptions } from "fairlead/client/handlers"
import { NodeTransport } from "fairlead/client/node"

import { serving } from "../handlers/Hostile.ts"
import { everything, needs, outcome } from "./Everything.ts"

/** A lookup that gives one answer after the other, the last for ever, and how often it was asked. */
const resolving = (...answers: ReadonlyArray<string>) => {
  const asked: Array<string> = []
  const lookup: LookupFunction = (host, options, callback) => {
    const address = answers[Math.min(asked.length, answers.length - 1)]!
    asked.push(host)
    if (options.all === true) callback(null, [{ address, family: 4 }])
    else callback(null, address, 4)
  }
  return { asked, lookup }
}

/** A server whose connections end with their response, so that each hop is resolved anew. */
const closing = serving(({ url = "" }, response) => {
  response.setHeader("connection", "close")
  if (url === "/lure") response.writeHead(302, { location: "/secret" }).end()
  else response.end(`secret of ${url}`)
})

describe("names that rebind", () => {
  const call = (path: string, allow: SsrfPolicyOptions, addresses: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      const server = yield* closing
      const port = Number(new URL(server.url).port)
      const { asked, lookup } = resolving(...addresses)
      const options = { ports: [port], ...allow }
      const transport = NodeTransport.layer({ ssrfPolicy: ssrfPolicy(options), lookup })
      const ends = Effect.gen(function* () {
        const client = everything({ allow: options }).pipe(ClientChain.over(yield* HttpClient.HttpClient))
        return yield* outcome(client.get(`http://app.example:${port}${path}`))
      })
      return { asked, ends: yield* Effect.provide(ends, Layer.merge(transport, needs)) }
    })

  it.live("a name of this machine is reached only where that is allowed", () =>
    Effect.gen(function* () {
      const refused = yield* call("/secret", {}, ["127.0.0.1"])
      // A refusal does not pass by waiting: it is not tried again.
      assert.deepStrictEqual(refused, { asked: ["app.example"], ends: "transport: SsrfError AddressForbidden" })
      const allowed = yield* call("/secret", { allow: ["127.0.0.1/32"] }, ["127.0.0.1"])
      assert.deepStrictEqual(allowed, { asked: ["app.example"], ends: "200 secret of /secret" })
    }).pipe(Effect.scoped)
  )

  it.live("a name that was good for the first hop is checked again for the next", () =>
    Effect.gen(function* () {
      for (const next of ["127.0.0.2", "10.0.0.1", "169.254.169.254", "0.0.0.0"]) {
        const { asked, ends } = yield* call("/lure", { allow: ["127.0.0.1/32"] }, ["127.0.0.1", next])
        assert.strictEqual(ends, "transport: SsrfError AddressForbidden", next)
        assert.lengthOf(asked, 2)
      }
    }).pipe(Effect.scoped)
  )
})
