import { afterAll, assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Stream } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Shutdown } from "fairlead"

import { call, connecting, head, raw, word } from "./Clients.ts"
import { brief, compare, merciful, patient, soon, table, tooLong } from "./Served.ts"
import type { Situation } from "./Served.ts"

const times = table()
const compared = compare(times)

const hello = Effect.succeed(HttpServerResponse.text("hello"))

const tick = Stream.encodeText(Stream.map(Stream.tick(20), () => "data: tick\n\n"))

describe.concurrent("shutdown, and the requests in flight", () => {
  afterAll(times.print)

  it.live("app 17: with nothing in flight it takes no time", () =>
    compared("nothing in flight", patient, () => ({
      routes: HttpRouter.add("GET", "/", hello),
      clients: ({ port }) =>
        Effect.as(call(port, "/", { headers: { connection: "close" } }), (took) =>
          Effect.sync(() => assert.isBelow(took, soon))
        )
    }))
  )

  it.live("app 17: a slow request that ends within grace gets its full response, with Connection: close", () =>
    compared("slow request", patient, (stopping) => {
      const began = word()
      return {
        routes: HttpRouter.add(
          "GET",
          "/",
          Effect.as(Effect.all([began.say, stopping, Effect.sleep(100)]), HttpServerResponse.text("done"))
        ),
        clients: Effect.fnUntraced(function* ({ port }) {
          const answer = yield* Effect.forkScoped(call(port, "/"))
          yield* began.heard
          return Effect.fnUntraced(function* (took) {
            const { headers, status, text } = yield* Fiber.join(answer)
            assert.deepStrictEqual([status, text, headers.get("connection")], [200, "done", "close"])
            assert.isAtLeast(took, 0.09)
            assert.isBelow(took, soon, "it does not wait for grace to end")
          })
        })
      }
    })
  )

  it.live("app 16: a keep-alive connection that was busy closes with its response", () =>
    compared("busy keep-alive connection", patient, (stopping) => {
      const began = word()
      return {
        routes: Layer.mergeAll(
          HttpRouter.add(
            "GET",
            "/slow",
            Effect.as(Effect.all([began.say, stopping, Effect.sleep(100)]), HttpServerResponse.text("done"))
          ),
          HttpRouter.add("GET", "/", hello)
        ),
        clients: Effect.fnUntraced(function* ({ port }) {
          const client = yield* raw(port, head("GET /"))
          assert.match(yield* client.until(/hello$/), /Connection: keep-alive/)
          yield* client.write(head("GET /slow"))
          yield* began.heard
          return Effect.fnUntraced(function* (took) {
            assert.match(yield* client.closed, /hello.*Connection: close\r\n.*done$/s)
            assert.isBelow(took, soon)
          })
        })
      }
    })
  )

  it.live("app 16: a keep-alive connection whose head was sent before the shutdown closes after its body", () =>
    compared("busy keep-alive connection, head sent", patient, (stopping) => {
      const rest = Effect.as(Effect.andThen(stopping, Effect.sleep(100)), "second")
      const body = Stream.concat(Stream.make("first,"), Stream.fromEffect(rest))
      return {
        routes: HttpRouter.add("GET", "/", Effect.succeed(HttpServerResponse.stream(Stream.encodeText(body)))),
        clients: Effect.fnUntraced(function* ({ port }) {
          const client = yield* raw(port, head("GET /"))
          yield* client.until(/first,/)
          return Effect.fnUntraced(function* (took) {
            assert.match(yield* client.closed, /Connection: keep-alive.*first,.*second\r\n0\r\n\r\n$/s)
            assert.isBelow(took, soon)
          })
        })
      }
    })
  )

  it.live("app 16: a keep-alive connection closes as soon as it is idle, while others still drain", () =>
    compared("keep-alive connection idle while others drain", patient, (stopping) => {
      const [began, closed] = [word(), word()]
      const rest = Effect.as(Effect.andThen(stopping, Effect.sleep(100)), "second")
      const body = Stream.concat(Stream.make("first,"), Stream.fromEffect(rest))
      return {
        routes: Layer.mergeAll(
          HttpRouter.add("GET", "/stream", Effect.succeed(HttpServerResponse.stream(Stream.encodeText(body)))),
          HttpRouter.add(
            "GET",
            "/waits",
            Effect.as(Effect.andThen(began.say, closed.heard), HttpServerResponse.text("done"))
          )
        ),
        clients: Effect.fnUntraced(function* ({ port }) {
          const waits = yield* raw(port, head("GET /waits"))
          yield* began.heard
          const stream = yield* raw(port, head("GET /stream"))
          yield* stream.until(/first,/)
          yield* Effect.forkScoped(Effect.andThen(stream.closed, closed.say))
          return Effect.fnUntraced(function* (took) {
            assert.match(yield* waits.closed, /done$/)
            assert.isBelow(took, soon)
          })
        })
      }
    })
  )

  it.live("app 16: an idle keep-alive connection is closed at once", () =>
    compared("100 idle keep-alive connections", patient, () => ({
      routes: HttpRouter.add("GET", "/", hello),
      clients: Effect.fnUntraced(function* ({ port }) {
        const clients = yield* Effect.replicateEffect(raw(port, head("GET /")), 100)
        yield* Effect.forEach(clients, ({ until }) => until(/hello$/), { concurrency: "unbounded" })
        return Effect.fnUntraced(function* (took) {
          assert.isBelow(took, soon)
          yield* Effect.forEach(clients, ({ closed }) => closed, { concurrency: "unbounded" })
        })
      })
    }))
  )

  it.live("app 16: pipelined requests are all answered, and the last closes the connection", () =>
    compared("three pipelined requests", patient, (stopping) => {
      const began = word()
      const answer = Effect.gen(function* () {
        const { url } = yield* HttpServerRequest.HttpServerRequest
        if (url === "/3") yield* began.say
        yield* stopping
        yield* Effect.sleep(100)
        return HttpServerResponse.text(url)
      })
      return {
        routes: HttpRouter.add("GET", "/:number", answer),
        clients: Effect.fnUntraced(function* ({ port }) {
          const client = yield* raw(port, head("GET /1") + head("GET /2") + head("GET /3"))
          yield* began.heard
          return Effect.fnUntraced(function* (took) {
            const answers = (yield* client.closed).split(/(?=HTTP\/1.1 )/)
            const bodies = answers.map((answer) => answer.slice(-2))
            const connections = answers.map((answer) => /Connection: ([\w-]+)/.exec(answer)?.[1])
            assert.deepStrictEqual(bodies, ["/1", "/2", "/3"])
            assert.deepStrictEqual(connections, ["keep-alive", "keep-alive", "close"])
            assert.isBelow(took, soon)
          })
        })
      }
    })
  )

  it.live("app 16: a request pipelined during the drain is answered too, and closes the connection", () =>
    compared("request pipelined during the drain", patient, () => {
      const first = word()
      const second = word()
      return {
        routes: Layer.mergeAll(
          HttpRouter.add(
            "GET",
            "/1",
            Effect.as(Effect.andThen(first.say, second.heard), HttpServerResponse.text("one"))
          ),
          HttpRouter.add("GET", "/2", Effect.as(second.say, HttpServerResponse.text("two")))
        ),
        clients: Effect.fnUntraced(function* ({ port }) {
          const client = yield* raw(port, head("GET /1"))
          yield* first.heard
          const refused = Effect.repeat(connecting(port), { until: (end) => end !== "connected" })
          yield* Effect.forkScoped(Effect.andThen(refused, client.write(head("GET /2"))))
          return Effect.fnUntraced(function* () {
            assert.match(yield* client.closed, /Connection: keep-alive.*one.*Connection: close.*two$/s)
          })
        })
      }
    })
  )

  it.live("app 16: while it drains, new connections are refused", () =>
    compared("new connections while it drains", patient, () => {
      const began = word()
      const refused = word()
      return {
        routes: HttpRouter.add(
          "GET",
          "/",
          Effect.as(Effect.andThen(began.say, refused.heard), HttpServerResponse.text("done"))
        ),
        clients: Effect.fnUntraced(function* ({ port }) {
          const answer = yield* Effect.forkScoped(call(port, "/"))
          yield* began.heard
          const outcome = yield* Deferred.make<string>()
          yield* Effect.repeat(connecting(port), { until: (end) => end !== "connected" }).pipe(
            Effect.tap((end) => Deferred.succeed(outcome, end)),
            Effect.andThen(refused.say),
            Effect.forkScoped
          )
          return Effect.fnUntraced(function* () {
            assert.strictEqual(yield* Deferred.await(outcome), "ECONNREFUSED")
            assert.strictEqual((yield* Fiber.join(answer)).text, "done")
          })
        })
      }
    })
  )

  it.live("app 16: a request beyond grace is interrupted, and answered 503 where nothing was sent", () =>
    compared("request that never ends", merciful, () => {
      const began = word()
      let interrupted = false
      const note = Effect.sync(() => (interrupted = true))
      return {
        routes: HttpRouter.add(
          "GET",
          "/",
          Effect.onInterrupt(Effect.andThen(began.say, Effect.never), () => note)
        ),
        clients: Effect.fnUntraced(function* ({ port }) {
          const client = yield* raw(port, head("GET /"))
          yield* began.heard
          return Effect.fnUntraced(function* (took) {
            assert.match(yield* client.closed, /^HTTP\/1.1 503 .*Connection: close/s)
            assert.isTrue(interrupted)
            assert.isAtLeast(took, 0.29)
            assert.isBelow(took, soon, "it does not wait for mercy to end")
          })
        })
      }
    })
  )

  it.live("app 16: of pipelined requests that never end, each is answered 503", () =>
    compared("pipelined requests that never end", merciful, () => {
      const began = word()
      return {
        routes: Layer.mergeAll(
          HttpRouter.add("GET", "/1", Effect.never),
          HttpRouter.add("GET", "/2", Effect.andThen(began.say, Effect.never))
        ),
        clients: Effect.fnUntraced(function* ({ port }) {
          const client = yield* raw(port, head("GET /1") + head("GET /2"))
          yield* began.heard
          return Effect.fnUntraced(function* () {
            assert.lengthOf((yield* client.closed).match(/HTTP\/1.1 503 /g) ?? [], 2)
          })
        })
      }
    })
  )

  const streaming = (body: Stream.Stream<Uint8Array>, check: (received: string, took: number) => void): Situation => ({
    routes: HttpRouter.add(
      "GET",
      "/",
      Effect.succeed(HttpServerResponse.stream(body, { contentType: "text/event-stream" }))
    ),
    clients: Effect.fnUntraced(function* ({ port }) {
      const client = yield* raw(port, head("GET /"))
      yield* client.until(/tick/)
      return (took) => Effect.map(client.closed, (received) => check(received, took))
    })
  })

  it.live("app 17: an endless stream that ignores the shutdown is cut off after grace, and does not look whole", () =>
    compared("endless stream that ignores the shutdown", merciful, () =>
      streaming(tick, (received, took) => {
        assert.notMatch(received, /\r\n0\r\n\r\n$/)
        assert.isAtLeast(took, 0.29)
        assert.isBelow(took, soon)
      })
    )
  )

  it.live("app 15: an endless stream that observes the shutdown ends itself, whole", () => {
    const observing = Effect.map(Shutdown.Shutdown, (shutdown) => Stream.interruptWhen(tick, shutdown.await))
    return compared("endless stream that observes the shutdown", patient, () =>
      streaming(Stream.unwrap(observing), (received, took) => {
        assert.match(received, /\r\n0\r\n\r\n$/)
        assert.isBelow(took, soon)
      })
    )
  })

  it.live("app 17: a handler that cannot be interrupted is abandoned after grace and mercy", () =>
    compared("handler that cannot be interrupted", brief, () => {
      const began = word()
      const late = Effect.as(Effect.andThen(began.say, Effect.sleep(tooLong)), HttpServerResponse.text("late"))
      return {
        routes: HttpRouter.add("GET", "/", Effect.uninterruptible(late)),
        clients: Effect.fnUntraced(function* ({ port }) {
          const client = yield* raw(port, head("GET /"))
          yield* began.heard
          return Effect.fnUntraced(function* (took) {
            assert.strictEqual(yield* client.closed, "")
            assert.isAtLeast(took, 0.59)
          })
        })
      }
    })
  )
})
