import { NodeFileSystem, NodePath } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { ByteSize, Effect, Layer, Logger, Stream } from "effect"
import type { Scope } from "effect"
import { HttpIncomingMessage, HttpServerResponse } from "effect/http"
import type { HttpServerError } from "effect/http"
import { Middleware, Pipeline, RequestView } from "fairlead/server"

import type { Request as ServerRequest } from "../../src/server/HttpTypes.ts"
import { requestOf } from "./Journal.ts"
import { serving } from "./Socket.ts"

type Handler = (request: ServerRequest) => Effect.Effect<string, HttpServerError.HttpServerError, Scope.Scope>

const decode = (bytes: Uint8Array | ArrayBuffer): string => new TextDecoder().decode(bytes)

/** A body that arrives in pieces. */
const pieces = (...parts: ReadonlyArray<string>): RequestInit => {
  const left = parts.map((part) => new TextEncoder().encode(part))
  const body = new ReadableStream({
    pull: (controller) => {
      const part = left.shift()
      if (part === undefined) controller.close()
      else controller.enqueue(part)
    }
  })
  const init = { method: "POST", body, duplex: "half" }
  return init
}

const quiet = Middleware.outer("quiet", (app) => Effect.provide(app, Logger.layer([])))

const appOf = (handler: Handler) =>
  Pipeline.make("p")
    .outer(quiet)
    .handle((request) => Effect.map(handler(request), (text) => HttpServerResponse.text(text)))
    .respond()

type Call = (init?: RequestInit) => Effect.Effect<readonly [number, string]>

/** Where an app runs: what it gives to a request with this body. */
const platforms: ReadonlyArray<readonly [string, (handler: Handler) => Effect.Effect<Call, never, Scope.Scope>]> = [
  [
    "Node",
    (handler) =>
      Effect.map(
        Effect.orDie(serving(Pipeline.serve(appOf(handler)))),
        ({ call }) =>
          (init) =>
            Effect.map(call("/", init), ({ status, text }) => [status, text])
      )
  ],
  [
    "the web",
    (handler) =>
      Effect.sync(() => {
        const answer = Pipeline.toWebHandler(appOf(handler))
        return (init) =>
          Effect.promise(async () => {
            const { status, text } = await answer(new Request("http://localhost/", init)).then(async (response) => ({
              status: response.status,
              text: await response.text()
            }))
            return [status, text]
          })
      })
  ]
]

const readers: Readonly<
  Record<string, (request: ServerRequest) => Effect.Effect<string, HttpServerError.HttpServerError>>
> = {
  text: (request) => request.text,
  json: (request) => Effect.map(request.json, (value) => JSON.stringify(value)),
  arrayBuffer: (request) => Effect.map(request.arrayBuffer, decode),
  urlParamsBody: (request) => Effect.map(request.urlParamsBody, (params) => JSON.stringify(params.params)),
  stream: (request) => Effect.map(Stream.runCollect(request.stream), (chunks) => chunks.map(decode).join(""))
}

describe.each(platforms)("a request view on %s", (_, through) => {
  it.live("server 2: a body that was read before modify is still there afterwards", () =>
    Effect.gen(function* () {
      const handler: Handler = (request) =>
        Effect.gen(function* () {
          const before = yield* request.text
          const view = RequestView.modify(RequestView.modify(request, { method: "PUT" }), { url: "/x" })
          return `${before}|${view.method} ${view.url}|${yield* view.text}|${decode(yield* view.arrayBuffer)}`
        })
      const call = yield* through(handler)
      const [status, answer] = yield* call(pieces("The quick ", "brown fox"))
      assert.deepStrictEqual(
        [status, answer],
        [200, "The quick brown fox|PUT /x|The quick brown fox|The quick brown fox"]
      )
    })
  )

  it.live("server 2: a body that the view's reader read first is the same for the original request", () =>
    Effect.gen(function* () {
      const handler: Handler = (request) =>
        Effect.gen(function* () {
          const first = yield* RequestView.modify(request, { method: "PUT" }).json
          return JSON.stringify([first, yield* request.json])
        })
      const call = yield* through(handler)
      assert.deepStrictEqual(yield* call({ method: "POST", body: '{"a":1}' }), [200, '[{"a":1},{"a":1}]'])
    })
  )

  it.live.each(Object.entries(readers))("server 2: peek, then %s returns the whole body", ([name, read]) =>
    Effect.gen(function* () {
      const body =
        name === "json"
          ? ['{"a"', ":[1,2", ',"é"]}']
          : name === "urlParamsBody"
            ? ["a=1", "&b=", "x+y%21"]
            : ["The ", "quick ", "bröwn"]
      const handler: Handler = (request) =>
        Effect.gen(function* () {
          const [head, view] = yield* RequestView.peek(request, Number(request.headers["x-peek"]))
          return JSON.stringify([decode(head), yield* read(view)])
        })
      const call = yield* through(handler)
      const whole = body.join("")
      const expected = yield* read(requestOf("/", { method: "POST", body: whole }))
      for (const bytes of [0, 1, 5, 1000]) {
        const answer = yield* call({ ...pieces(...body), headers: { "x-peek": String(bytes) } })
        assert.deepStrictEqual(answer, [200, JSON.stringify([whole.slice(0, bytes), expected])])
      }
    })
  )

  it.live("server 2: peek, then multipart returns all parts", () =>
    Effect.gen(function* () {
      const form = new FormData()
      form.append("name", "Ada")
      form.append("file", new Blob(["x".repeat(100_000)]), "x.txt")
      const handler: Handler = (request) =>
        Effect.gen(function* () {
          const [head, view] = yield* RequestView.peek(request, 2)
          const parts = yield* Effect.orDie(view.multipart)
          const file = parts["file"]
          const names = Array.isArray(file) ? file.map((part) => (typeof part === "string" ? part : part.name)) : []
          return `${decode(head)} ${JSON.stringify(parts["name"])} ${names.join()}`
        }).pipe(Effect.provide(Layer.mergeAll(NodeFileSystem.layer, NodePath.layer)))
      const call = yield* through(handler)
      assert.deepStrictEqual(yield* call({ method: "POST", body: form }), [200, '-- "Ada" x.txt'])
    })
  )

  it.live("server 2: a changed request that nobody peeked has all parts too, whole or as a stream", () =>
    Effect.gen(function* () {
      const handler: Handler = (request) =>
        Effect.gen(function* () {
          const view = RequestView.modify(request, { url: "/x" })
          if (request.headers["x-stream"] === undefined) {
            return JSON.stringify((yield* Effect.orDie(view.multipart))["name"])
          }
          const parts = yield* Effect.orDie(Stream.runCollect(view.multipartStream))
          return parts.map((part) => part.key).join()
        }).pipe(Effect.provide(Layer.mergeAll(NodeFileSystem.layer, NodePath.layer)))
      const call = yield* through(handler)
      const form = () => {
        const data = new FormData()
        data.append("name", "Ada")
        data.append("place", "quay")
        return data
      }
      assert.deepStrictEqual(yield* call({ method: "POST", body: form() }), [200, '"Ada"'])
      assert.deepStrictEqual(yield* call({ method: "POST", body: form(), headers: { "x-stream": "1" } }), [
        200,
        "name,place"
      ])
    })
  )

  it.live.each(Object.entries(readers))("server 2: a changed request that nobody peeked is read by %s", ([, read]) =>
    Effect.gen(function* () {
      const call = yield* through((request) => read(RequestView.modify(request, { url: "/x" })))
      const body = '{"a":"b"}'
      const expected = yield* read(requestOf("/", { method: "POST", body }))
      assert.deepStrictEqual(yield* call({ method: "POST", body }), [200, expected])
    })
  )

  it.live("server 2: a multipart body that breaks off after a peek is a MultipartError", () =>
    Effect.gen(function* () {
      const handler: Handler = (request) =>
        Effect.gen(function* () {
          const [, view] = yield* RequestView.peek(request, 2)
          return yield* Effect.match(Stream.runDrain(view.multipartStream), {
            onFailure: (error) => error.reason._tag,
            onSuccess: () => "whole"
          })
        })
      const call = yield* through(handler)
      const headers = { "content-type": "multipart/form-data; boundary=x" }
      const answer = yield* call({ method: "POST", headers, body: '--x\r\ncontent-disposition: form-data; name="a"' })
      assert.deepStrictEqual(answer, [200, "Parse"])
    })
  )

  it.live("server 2: a peek of a shorter body returns all of it, and of none nothing", () =>
    Effect.gen(function* () {
      const handler: Handler = (request) =>
        Effect.gen(function* () {
          const [head, view] = yield* RequestView.peek(request, 100)
          return `${head.length} ${decode(head)} ${yield* view.text}`
        })
      const call = yield* through(handler)
      assert.deepStrictEqual(yield* call(pieces("a", "b")), [200, "2 ab ab"])
      assert.deepStrictEqual(yield* call({ method: "POST", body: "" }), [200, "0  "])
      assert.deepStrictEqual(yield* call({ method: "POST" }), [200, "0  "])
      assert.deepStrictEqual(yield* call(), [200, "0  "])
    })
  )

  it.live("server 2: a body that was read before it was peeked is still there", () =>
    Effect.gen(function* () {
      const handler: Handler = (request) =>
        Effect.gen(function* () {
          const before = yield* request.text
          const [head, view] = yield* RequestView.peek(request, 3)
          return `${before}|${decode(head)}|${yield* view.text}|${yield* request.text}`
        })
      const call = yield* through(handler)
      assert.deepStrictEqual(yield* call(pieces("abc", "def")), [200, "abcdef|abc|abcdef|abcdef"])
    })
  )

  it.live("server 2: peeks and readers in any order see the same body", () =>
    Effect.gen(function* () {
      const handler: Handler = (request) =>
        Effect.gen(function* () {
          const [one, first] = yield* RequestView.peek(request, 2)
          const [two, second] = yield* RequestView.peek(first, 7)
          const all = [one, two].map(decode)
          all.push(yield* second.text)
          const [three, third] = yield* RequestView.peek(RequestView.modify(first, { url: "/x" }), 5)
          all.push(decode(three), yield* first.text, yield* third.text, third.url)
          for (const view of [first, second, third]) {
            all.push(decode(yield* view.arrayBuffer), yield* readers["stream"]!(view))
          }
          return all.join("|")
        })
      const whole = "abcdefghi"
      const expected = ["ab", "abcdefg", whole, "abcde", whole, whole, "/x", ...Array<string>(6).fill(whole)]
      const call = yield* through(handler)
      assert.deepStrictEqual(yield* call(pieces("abc", "def", "ghi")), [200, expected.join("|")])
    })
  )

  it.live("server 2: a body over MaxBodySize answers 413 after a peek, and the server goes on", () =>
    Effect.gen(function* () {
      const handler: Handler = (request) =>
        Effect.gen(function* () {
          const [head, view] = yield* RequestView.peek(request, 3)
          return `${head.length} ${(yield* view.text).length}`
        }).pipe(Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(8)))
      const answers = [
        pieces("12345678"),
        pieces("1234", "56789"),
        pieces("123456789"),
        pieces("x".repeat(300_000), "y")
      ]
      const statuses: Array<number> = []
      const call = yield* through(handler)
      for (const init of [...answers, pieces("small")]) statuses.push((yield* call(init))[0])
      assert.deepStrictEqual(statuses, [200, 413, 413, 413, 200])
    })
  )

  it.live("server 2: bad JSON after a peek answers 400", () =>
    Effect.gen(function* () {
      const handler: Handler = (request) =>
        Effect.flatMap(RequestView.peek(request, 3), ([, view]) => readers["json"]!(view))
      const call = yield* through(handler)
      assert.strictEqual((yield* call({ method: "POST", body: "{" }))[0], 400)
    })
  )

  it.live("server 2: peeks of requests side by side are independent", () =>
    Effect.gen(function* () {
      const handler: Handler = (request) =>
        Effect.gen(function* () {
          const [head, view] = yield* RequestView.peek(request, 6)
          yield* Effect.yieldNow
          return `${decode(head)} ${yield* view.text}`
        })
      const bodies = Array.from({ length: 12 }, (_, index) => `body ${String.fromCodePoint(97 + index)} of many`)
      const call = yield* through(handler)
      const answers = yield* Effect.forEach(bodies, (body) => call(pieces(...body.split(/(?<= )/))), {
        concurrency: 4
      })
      assert.deepStrictEqual(
        answers.map(([, answer]) => answer),
        bodies.map((body) => `${body.slice(0, 6)} ${body}`)
      )
    })
  )
})
