import { createServer, request as httpRequest } from "node:http"
import type { AddressInfo } from "node:net"

import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Scope, Stream } from "effect"
import { HttpServerResponse } from "effect/http"
import { Pipeline, RequestView } from "fairlead/server"
import * as fc from "fast-check"

import { requestOf } from "./Journal.ts"

type View = ReturnType<typeof requestOf>

interface Case {
  readonly chunks: ReadonlyArray<Uint8Array>
  readonly peeks: ReadonlyArray<number>
  readonly reader: "arrayBuffer" | "stream" | "text"
}

const cases: fc.Arbitrary<Case> = fc.record({
  chunks: fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 12 }),
  peeks: fc.array(fc.nat({ max: 300 }), { minLength: 1, maxLength: 4 }),
  reader: fc.constantFrom("arrayBuffer", "stream", "text")
})

const read = (view: View, reader: Case["reader"]): Effect.Effect<Uint8Array, unknown> =>
  reader === "arrayBuffer"
    ? Effect.map(view.arrayBuffer, (buffer) => new Uint8Array(buffer))
    : reader === "text"
      ? Effect.map(view.text, (text) => new TextEncoder().encode(text))
      : Effect.map(Stream.runCollect(view.stream), (chunks) => new Uint8Array(Buffer.concat(chunks)))

/** Peeks as the case says, and then reads all. */
const observe = (request: View, { peeks, reader }: Case) =>
  Effect.gen(function* () {
    const heads: Array<Uint8Array> = []
    for (const bytes of peeks) {
      const [head, view] = yield* RequestView.peek(request, bytes)
      heads.push(head)
      request = view
    }
    return { heads, whole: yield* read(request, reader) }
  })

const check = (seen: Effect.Success<ReturnType<typeof observe>>, { chunks, peeks, reader }: Case) => {
  const whole = new Uint8Array(Buffer.concat(chunks))
  seen.heads.forEach((head, index) => assert.deepStrictEqual(head, whole.slice(0, peeks[index])))
  const expected = reader === "text" ? new TextEncoder().encode(new TextDecoder().decode(whole)) : whole
  assert.deepStrictEqual(seen.whole, expected)
}

describe("random bodies in random chunks", () => {
  it.live("server 2: peek returns the prefix and the reader gets the whole, on the web", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(cases, async (sample) => {
          const left = sample.chunks.map((chunk) => chunk.slice())
          const body = new ReadableStream({
            pull: (controller) => {
              const chunk = left.shift()
              if (chunk === undefined) controller.close()
              else controller.enqueue(chunk)
            }
          })
          const init = { method: "POST", body, duplex: "half" }
          check(await Effect.runPromise(Effect.scoped(observe(requestOf("/", init), sample))), sample)
        }),
        { numRuns: 300 }
      )
    )
  )

  it.live("server 2: peek returns the prefix and the reader gets the whole, on a socket of Node", () =>
    Effect.gen(function* () {
      const waiting: Array<{ readonly sample: Case; seen?: Effect.Success<ReturnType<typeof observe>> }> = []
      const app = Pipeline.make("p").handle((request) =>
        Effect.gen(function* () {
          const current = waiting[0]!
          current.seen = yield* Effect.orDie(observe(request, current.sample))
          return HttpServerResponse.empty()
        })
      )
      const scope = yield* Scope.Scope
      const handler = yield* NodeHttpServer.makeHandler(app, { scope })
      const server = yield* Effect.acquireRelease(
        Effect.callback<ReturnType<typeof createServer>>((resume) => {
          const server = createServer(handler)
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
      )
      const { port } = server.address() as AddressInfo
      const send = (chunks: ReadonlyArray<Uint8Array>) =>
        new Promise<number | undefined>((resolve, reject) => {
          const request = httpRequest({ port, host: "127.0.0.1", method: "POST", agent: false }, (answer) => {
            answer.resume().on("end", () => resolve(answer.statusCode))
          })
          request.on("error", reject)
          const left = [...chunks]
          const next = (): void => {
            const chunk = left.shift()
            if (chunk === undefined) request.end()
            else request.write(chunk, () => setImmediate(next))
          }
          next()
        })
      yield* Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(cases, async (sample) => {
            const current: (typeof waiting)[number] = { sample }
            waiting.splice(0, 1, current)
            assert.strictEqual(await send(sample.chunks), 204)
            assert.isDefined(current.seen)
            if (current.seen !== undefined) check(current.seen, sample)
          }),
          { numRuns: 150 }
        )
      )
    })
  )
})
