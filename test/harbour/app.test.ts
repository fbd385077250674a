import { existsSync } from "node:fs"
import { createServer } from "node:net"

import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

import { dataFile, furnish, spawned, start } from "./Process.ts"

describe.concurrent("app", () => {
  it.live(
    "harbour: a bad PORT and a bad HARBOUR_DATA are reported together, and nothing is opened or bound",
    Effect.fn(function* () {
      const file = yield* dataFile
      const harbour = yield* spawned({ PORT: "port", HARBOUR_DATA: `${file}/`, READINESS_DELAY: "soon" })
      assert.deepStrictEqual(yield* harbour.ended, { code: 1, signal: null })
      const output = harbour.output()
      assert.match(output, /did not ignite: nothing was bound\\n {2}configure\(harbour\/Settings\): /)
      for (const name of ["PORT", "HARBOUR_DATA", "READINESS_DELAY"]) assert.include(output, `at [\\"${name}\\"]`)
      assert.notMatch(output, /http:\/\//)
      assert.isFalse(existsSync(file))
    })
  )

  it.live(
    "harbour: a port in use ends the start with a message that says what to do",
    Effect.fn(function* () {
      const port = yield* Effect.acquireRelease(
        Effect.callback<ReturnType<typeof createServer>>((resume) => {
          const server = createServer().listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
      ).pipe(Effect.map((server) => (server.address() as { readonly port: number }).port))
      const harbour = yield* spawned({ PORT: String(port), HARBOUR_DATA: yield* dataFile })
      assert.deepStrictEqual(yield* harbour.ended, { code: 1, signal: null })
      assert.match(harbour.output(), /cannot listen: .*EADDRINUSE.*Choose another port or host/)
    })
  )

  it.live(
    "harbour: every answer has its duration, and the start log its fairings and routes",
    Effect.fn(function* () {
      const harbour = yield* start(yield* dataFile)
      yield* furnish(harbour, "quay")
      for (const path of ["/api/rooms/quay", "/nowhere", "/live"]) {
        const { headers } = yield* harbour.call("GET", path)
        assert.match(headers.get("server-timing") ?? "", /^total;dur=\d+\.\d$/)
      }
      const output = yield* harbour.wrote(/Its data is in/)
      for (const line of [/^ {2}serverTiming {2}request, response$/m, /^ {2}GET +\/ready$/m]) {
        assert.match(output, line)
      }
    })
  )
})
