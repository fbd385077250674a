import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { HttpServerResponse } from "effect/http"
import { Pipeline } from "fairlead/server"
import { RequestInput, validation } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"
import * as fc from "fast-check"

import { received, serving } from "../Socket.ts"

class Json extends RequestInput<Json>()("test/Json", { body: Schema.Unknown }) {}

const echoJson = Effect.map(Json, ({ body }) => HttpServerResponse.jsonUnsafe({ body }))
const json = (options: Parameters<typeof validation>[1] = {}) =>
  Pipeline.make("json").before(validation(Json, options)).handle(echoJson).respond()

const typed = { "content-type": "application/json" }

const post = (app: Pipeline.Closed<never, never, never>, body: BodyInit) =>
  Effect.gen(function* () {
    const server = yield* TestServer.make(app)
    return yield* server.post("/", { body: body as string, headers: typed })
  })

describe("validation of hostile input", () => {
  it.effect("refuses bytes that are not UTF-8, and reads a byte order mark", () =>
    Effect.gen(function* () {
      const bad = yield* post(json(), new Blob([new Uint8Array([0x22, 0xff, 0x22])]).stream() as never)
      assert.strictEqual(bad.status, 400)
      const marked = yield* post(json(), new Blob([new Uint8Array([0xef, 0xbb, 0xbf, 0x31])]).stream() as never)
      assert.strictEqual(marked.text, '{"body":1}')
    })
  )

  it.effect("bounds how deep JSON is", () =>
    Effect.gen(function* () {
      const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth)
      assert.strictEqual((yield* post(json(), nested(65))).status, 200)
      assert.strictEqual((yield* post(json(), nested(66))).status, 400)
      assert.strictEqual((yield* post(json(), nested(400_000))).status, 400)
      assert.strictEqual((yield* post(json({ maxDepth: 1 }), "[[[]]]")).status, 400)
    })
  )

  it.effect("changes no prototype, whatever the keys are", () =>
    Effect.gen(function* () {
      class Loose extends RequestInput<Loose>()("test/Loose", {
        query: Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Array(Schema.String)])),
        body: Schema.Record(Schema.String, Schema.Unknown)
      }) {}
      const app = Pipeline.make("loose")
        .before(validation(Loose))
        .handle(
          Effect.map(Loose, ({ body, query }) =>
            HttpServerResponse.jsonUnsafe([Object.keys(query), Object.keys(body), ({} as { a?: unknown }).a ?? "clean"])
          )
        )
        .respond()
      const server = yield* TestServer.make(app)
      const reply = yield* server.post("/?__proto__=1&constructor=2", {
        body: '{"__proto__":{"a":1},"constructor":{"prototype":{"a":1}}}',
        headers: typed
      })
      assert.deepStrictEqual(JSON.parse(reply.text), [
        ["__proto__", "constructor"],
        ["__proto__", "constructor"],
        "clean"
      ])
    })
  )

  it.live("reads what a socket sends: chunked, two types, a body that breaks off", () =>
    Effect.gen(function* () {
      const server = yield* serving(Pipeline.serve(json()))
      const head = "POST / HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Type: application/json\r\n"
      const statusOf = (bytes: string) =>
        Effect.map(Effect.flatMap(server.send(bytes), received), (text) => /^HTTP\/1\.1 (\d+)/.exec(text)?.[1])
      assert.strictEqual(
        yield* statusOf(`${head}Transfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n1\r\n]\r\n0\r\n\r\n`),
        "200"
      )
      assert.strictEqual(yield* statusOf(`${head}Content-Length: 1\r\n\r\n[`), "400")
      // Node keeps the first of two lines.
      assert.strictEqual(yield* statusOf(`${head}Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n[]`), "200")
      const gone = yield* server.send(`${head}Content-Length: 10\r\n\r\n[`)
      gone.destroy()
      assert.strictEqual(
        (yield* server.call("/", { method: "POST", body: "[2]", headers: typed })).text,
        '{"body":[2]}'
      )
    })
  )

  it.effect("reads any JSON as JSON.parse reads it", () =>
    Effect.gen(function* () {
      const handler = Pipeline.toWebHandler(json({ maxDepth: 1000 }))
      yield* Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(fc.oneof(fc.json(), fc.string()), async (text) => {
            const response = await handler(new Request("http://t/", { method: "POST", body: text, headers: typed }))
            const expected = (() => {
              try {
                return JSON.stringify({ body: JSON.parse(text) as unknown })
              } catch {
                return undefined
              }
            })()
            assert.strictEqual(response.status, expected === undefined ? 400 : 200)
            const answer = await response.text()
            if (expected !== undefined) assert.strictEqual(answer, expected)
          }),
          { numRuns: 100 }
        )
      )
    })
  )
})
