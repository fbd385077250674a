/**
 * The rules that need a network, over real sockets: each transport has one connection, so that a response that is not let go shows as a deadlock.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Option, Stream } from "effect"
import { HttpBody, HttpClient, HttpClientError, HttpClientRequest, HttpClientResponse } from "effect/http"
import { ClientChain, ClientHandler, RawHeaders } from "fairlead/client"

import { serving, transportsWith } from "./Transports.ts"

type Request = ClientHandler.Request

/** Follows up to a path as long as the attempt is at most that. */
const follow = (attempts: number, url: string) =>
  ClientHandler.make("follow", {
    afterResponse: (_, { attempt, original }) =>
      attempt <= attempts ? ClientHandler.followUp(HttpClientRequest.setUrl(original, url), "again") : undefined
  })

/** Sends the same request once more. */
const again = ClientHandler.make("again", {
  afterResponse: (_, { attempt, original }) => (attempt === 1 ? ClientHandler.followUp(original, "again") : undefined)
})

const post = (url: string, body: HttpBody.HttpBody): Request =>
  HttpClientRequest.post(url).pipe(HttpClientRequest.setBody(body))

const bytes = (content: string) => new TextEncoder().encode(content)
const streamed = () => HttpBody.stream(Stream.make(bytes("so"), bytes("me")))
const form = () => {
  const form = new FormData()
  form.append("field", "some")
  return HttpBody.formData(form)
}
const raw = () =>
  new ReadableStream<Uint8Array>({
    start: (controller) => {
      controller.enqueue(bytes("some"))
      controller.close()
    }
  })

const onceOnly = [
  ["a stream", streamed],
  ["a web stream", () => HttpBody.raw(raw())]
] as const

describe.each(transportsWith(1))("over %s", (name, transport) => {
  /** A server and the transport, which live for one test. */
  const live = Effect.gen(function* () {
    const server = yield* serving
    const client = yield* Effect.map(Layer.build(transport), (context) =>
      HttpClient.HttpClient.pipe(Effect.provide(context))
    )
    return { server, client: yield* client }
  })

  it.live("client 1: the way back is the way out in reverse, around the network", () =>
    Effect.gen(function* () {
      const { client, server } = yield* live
      const journal: Array<string> = []
      const noting = (name: string) =>
        ClientHandler.make(name, {
          run: () => void journal.push(`${name} out`),
          afterResponse: () => Effect.sync(() => void journal.push(`${name} back`))
        })
      const chain = ClientChain.make("order").use(noting("a")).use(noting("b")).pipe(ClientChain.over(client))
      const response = yield* chain.execute(post(`${server.url}/echo`, HttpBody.text("hi")))
      assert.strictEqual(yield* response.text, "POST hi")
      assert.deepStrictEqual(journal, ["a out", "b out", "b back", "a back"])
    }).pipe(Effect.scoped)
  )

  it.live("client 2: a halt sends nothing, and cancels the body that was to be sent", () =>
    Effect.gen(function* () {
      const { client, server } = yield* live
      let cancelled = false
      const body = new ReadableStream({ cancel: () => void (cancelled = true) })
      const halting = ClientHandler.make("halting", {
        run: ({ request }) =>
          ClientHandler.halt(HttpClientResponse.fromWeb(request, new Response("here", { status: 203 })))
      })
      const chain = ClientChain.make("halt").use(halting).pipe(ClientChain.over(client))
      const response = yield* chain.execute(post(server.url, HttpBody.raw(body)))
      assert.strictEqual(response.status, 203)
      assert.isTrue(cancelled)
      assert.deepStrictEqual(server.paths, [])
    }).pipe(Effect.scoped)
  )

  it.live("client 3: a refused connection is an outcome that a handler recovers", () =>
    Effect.gen(function* () {
      const { client } = yield* live
      const offline = ClientHandler.make("offline", {
        afterResponse: (outcome, { request }) =>
          outcome._tag === "Failure"
            ? ClientHandler.respond(HttpClientResponse.fromWeb(request, new Response(null, { status: 504 })))
            : undefined
      })
      const response = yield* ClientChain.make("offline")
        .use(offline)
        .pipe(ClientChain.over(client))
        .get("http://127.0.0.1:1/")
      assert.strictEqual(response.status, 504)
    }).pipe(Effect.scoped)
  )

  it.live("client 3: a response that a failure replaces is released", () =>
    Effect.gen(function* () {
      const { client, server } = yield* live
      const strict = ClientHandler.make("strict", {
        afterResponse: (outcome) =>
          outcome._tag === "Response" && outcome.response.status === 503
            ? Effect.fail("unavailable" as const)
            : undefined
      })
      const chain = ClientChain.make("strict").use(strict).pipe(ClientChain.over(client))
      for (let call = 0; call < 3; call++) {
        assert.strictEqual(yield* Effect.flip(chain.get(`${server.url}/large`)), "unavailable")
      }
      assert.strictEqual(yield* Effect.flatMap(chain.get(`${server.url}/echo`), ({ text }) => text), "GET ")
    }).pipe(Effect.scoped)
  )

  it.live("client 3: a response that an error carries can still be read", () =>
    Effect.gen(function* () {
      const { client, server } = yield* live
      const strict = ClientHandler.make("strict", {
        afterResponse: (outcome) =>
          outcome._tag === "Response"
            ? HttpClientResponse.filterStatus(outcome.response, () => false).pipe(Effect.as(undefined))
            : undefined
      })
      const chain = ClientChain.make("strict").use(strict).pipe(ClientChain.over(client))
      const error = yield* Effect.flip(chain.get(`${server.url}/large`))
      assert.strictEqual((yield* error.response!.text).length, 1024 * 1024)
    }).pipe(Effect.scoped)
  )

  it.live.each(["/large", "/endless", "/echo"])(
    "client 4: discarded bodies of %s do not hold the only connection, five follow-ups long and eight calls wide",
    (path) =>
      Effect.gen(function* () {
        const { client, server } = yield* live
        const chain = ClientChain.make("follow")
          .use(
            ClientHandler.make("five", {
              afterResponse: (_, { attempt, original }) =>
                attempt <= 5
                  ? ClientHandler.followUp(
                      attempt < 5 ? original : HttpClientRequest.setUrl(original, `${server.url}/echo`),
                      "again"
                    )
                  : undefined
            })
          )
          .pipe(ClientChain.over(client))
        const width = path === "/endless" ? 2 : 8
        const texts = yield* Effect.all(
          Array.from({ length: width }, () => Effect.flatMap(chain.get(`${server.url}${path}`), ({ text }) => text)),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          texts,
          Array.from({ length: width }, () => "GET ")
        )
        assert.strictEqual(
          server.paths.filter((asked) => asked === path).length,
          path === "/echo" ? width * 6 : width * 5
        )
        assert.isAtMost(server.sockets.size, 2)
      }).pipe(Effect.scoped),
    20_000
  )

  it.live("client 4: a small discarded body keeps its connection", () =>
    Effect.gen(function* () {
      const { client, server } = yield* live
      const chain = ClientChain.make("follow")
        .use(follow(5, `${server.url}/echo`))
        .pipe(ClientChain.over(client))
      assert.strictEqual(yield* Effect.flatMap(chain.get(`${server.url}/echo`), ({ text }) => text), "GET ")
      assert.strictEqual(server.connections(), 1)
    }).pipe(Effect.scoped)
  )

  it.live("client 4: a body is released where the caller cannot be interrupted", () =>
    Effect.gen(function* () {
      const { client, server } = yield* live
      const chain = ClientChain.make("follow")
        .use(follow(1, `${server.url}/echo`))
        .pipe(ClientChain.over(client))
      const response = yield* Effect.uninterruptible(chain.get(`${server.url}/endless`))
      assert.strictEqual(yield* response.text, "GET ")
    }).pipe(Effect.scoped)
  )

  it.live.each([
    ["bytes", () => HttpBody.uint8Array(bytes("some"))],
    ["text", () => HttpBody.text("some")],
    ["a form", form],
    ["raw bytes", () => HttpBody.raw(bytes("some"))]
  ] as const)("client 6: %s arrive whole in a follow-up", ([, body]) =>
    Effect.gen(function* () {
      const { client, server } = yield* live
      const chain = ClientChain.make("again").use(again).pipe(ClientChain.over(client))
      const response = yield* chain.execute(post(`${server.url}/echo`, body()))
      assert.match(yield* response.text, /^POST (?:some|--[^]*some[^]*--\r\n)$/)
      assert.deepStrictEqual(server.paths, ["/echo", "/echo"])
    }).pipe(Effect.scoped)
  )

  it.live("client 6: a stream declared replayable arrives whole in a follow-up", () =>
    Effect.gen(function* () {
      const { client, server } = yield* live
      const chain = ClientChain.make("again").use(again).pipe(ClientChain.over(client))
      const request = ClientHandler.replayable(post(`${server.url}/echo`, streamed()))
      assert.strictEqual(yield* Effect.flatMap(chain.execute(request), ({ text }) => text), "POST some")
      assert.deepStrictEqual(server.paths, ["/echo", "/echo"])
    }).pipe(Effect.scoped)
  )

  // The node:http client takes no web stream as a body.
  const once = name === "node:http" ? [["a stream", streamed] as const] : onceOnly
  it.live.each(once)("client 6: %s that was sent is not sent again: the follow-up is a typed error", ([, body]) =>
    Effect.gen(function* () {
      const { client, server } = yield* live
      const chain = ClientChain.make("again").use(again).pipe(ClientChain.over(client))
      const error = yield* Effect.flip(chain.execute(post(`${server.url}/echo`, body())))
      assert.instanceOf(error, ClientHandler.FollowUpError)
      assert.strictEqual(error.reason._tag, "BodyNotReplayable")
      assert.deepStrictEqual(server.paths, ["/echo"])
    }).pipe(Effect.scoped)
  )

  it.live("client 7: an interruption aborts the network, and runs no afterResponse", () =>
    Effect.gen(function* () {
      const { client, server } = yield* live
      let ran = false
      const watching = ClientHandler.make("watching", { afterResponse: () => void (ran = true) })
      const fiber = yield* Effect.forkChild(
        ClientChain.make("watch").use(watching).pipe(ClientChain.over(client)).get(`${server.url}/hang`)
      )
      yield* server.asked("/hang")
      yield* Fiber.interrupt(fiber)
      yield* server.aborted("/hang")
      assert.isFalse(ran)
    }).pipe(Effect.scoped)
  )

  it.live("client 7: an interruption on the way back closes the response", () =>
    Effect.gen(function* () {
      const { client, server } = yield* live
      const entered = yield* Deferred.make<void>()
      const waiting = ClientHandler.make("waiting", {
        afterResponse: () => Effect.andThen(Deferred.succeed(entered, undefined), Effect.never)
      })
      const fiber = yield* Effect.forkChild(
        ClientChain.make("wait").use(waiting).pipe(ClientChain.over(client)).get(`${server.url}/endless`)
      )
      yield* Deferred.await(entered)
      yield* Fiber.interrupt(fiber)
      yield* server.aborted("/endless")
    }).pipe(Effect.scoped)
  )

  it.live("client 7: a deadline around the client aborts the network", () =>
    Effect.gen(function* () {
      const { client, server } = yield* live
      const chain = ClientChain.make("plain").use(again).pipe(ClientChain.over(client))
      const exit = yield* Effect.exit(Effect.timeout(chain.get(`${server.url}/hang`), "50 millis"))
      assert.isTrue(Exit.isFailure(exit))
      yield* server.aborted("/hang")
    }).pipe(Effect.scoped)
  )

  it.live("client 11: a handler sees all lines of a cookie, which the response folds into one", () =>
    Effect.gen(function* () {
      const { client, server } = yield* live
      const saw: Array<ReadonlyArray<string>> = []
      const reading = ClientHandler.make("reading", {
        afterResponse: (outcome) => {
          if (outcome._tag !== "Response") return
          saw.push(RawHeaders.setCookies(outcome.response))
          // No pairs: only the transport of fairlead/client/node keeps them.
          assert.isTrue(Option.isNone(RawHeaders.of(outcome.response)))
        }
      })
      const response = yield* ClientChain.make("reading")
        .use(reading)
        .pipe(ClientChain.over(client))
        .get(`${server.url}/cookies`)
      assert.strictEqual(yield* response.text, "ok")
      assert.deepStrictEqual(saw, [["a=1; Path=/x", "a=2; Path=/y"]])
      assert.deepStrictEqual(Object.keys(response.cookies.cookies), ["a"])
    }).pipe(Effect.scoped)
  )

  it.live("client 8: the error of the transport goes through the chain as it is", () =>
    Effect.gen(function* () {
      const { client } = yield* live
      const error = yield* Effect.flip(
        ClientChain.make("plain").use(again).pipe(ClientChain.over(client)).get("http://127.0.0.1:1/")
      )
      assert.isTrue(HttpClientError.isHttpClientError(error))
    }).pipe(Effect.scoped)
  )
})
