import { mkdirSync } from "node:fs"
import type { LookupFunction } from "node:net"
import { dirname } from "node:path"

import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Stream } from "effect"
import { TestClock } from "effect/testing"
import { SsrfError } from "fairlead/client/handlers"
import { NodeTransport } from "fairlead/client/node"
import { TestClient } from "fairlead/testing/client"

import { bytes, policyFor } from "../../examples/harbour/PageNetwork.ts"
import { Pages } from "../../examples/harbour/Pages.ts"
import { given } from "./Given.ts"
import { dataFile } from "./Process.ts"

const html = { "content-type": "text/html; charset=utf-8" }
const page = (title: string) => ({ headers: html, body: `<title>${title}</title>` })
const said = (title: string, description = "") => Option.some({ title, description })

/** Looks at pages over a network. */
const over = <A, E>(
  network: Pick<TestClient.TestClient, "layer">,
  test: (look: Pages["Service"]["look"]) => Effect.Effect<A, E>,
  previewAllow: ReadonlyArray<string> = []
) =>
  Effect.flatMap(Pages, ({ look }) => test(look)).pipe(
    Effect.provide(Pages.layer.pipe(Layer.provide([network.layer, given({ previewAllow })])))
  )

/** What a fiber comes to while time passes, step by step: what is read between two steps takes no time. */
const inTime = <A, E>(fiber: Fiber.Fiber<A, E>) =>
  Effect.gen(function* () {
    while (fiber.pollUnsafe() === undefined) {
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      yield* TestClock.adjust("50 millis")
    }
    return yield* Fiber.join(fiber)
  })

const urls = (network: TestClient.TestClient) => network.calls.map(({ url }) => url)

describe("pages that were read", () => {
  it.live("cache 10: a second post of the same link makes no request, after a restart either", () =>
    Effect.gen(function* () {
      const data = yield* dataFile
      mkdirSync(dirname(data), { recursive: true })
      const network = TestClient.make(TestClient.always("GET http://a.example/", page("A")))
      const looked = Effect.flatMap(Pages, ({ look }) =>
        Effect.all([look("http://a.example/"), look("http://a.example/"), look("http://a.example/#there")])
      ).pipe(Effect.provide(Pages.layer.pipe(Layer.provide([network.layer, given({ data })]))))
      assert.deepStrictEqual(yield* looked, [said("A"), said("A"), said("A")])
      assert.deepStrictEqual(yield* looked, [said("A"), said("A"), said("A")])
      assert.strictEqual(network.calls.length, 1)
    })
  )

  it.effect("cache 10: a page is asked for again when it forbids its storing, and when it was no page", () =>
    Effect.gen(function* () {
      for (const [answer, calls] of [
        [{ ...page("A"), headers: { ...html, "cache-control": "no-store" } }, 2],
        [{ ...page("A"), status: 404 }, 2],
        [page("A"), 1]
      ] as const) {
        const network = TestClient.make(TestClient.always("GET http://a.example/", answer))
        yield* over(network, (look) => Effect.all([look("http://a.example/"), look("http://a.example/")]))
        assert.strictEqual(network.calls.length, calls)
      }
    })
  )
})

describe("a look at a page", () => {
  it.effect("harbour: reads title and description, and asks for HTML under its own name", () => {
    const network = TestClient.make(
      TestClient.once(
        { method: "GET", url: "http://a.example/x?y=1", headers: { accept: "text/html", "user-agent": /^Harbour\// } },
        { headers: html, body: `<title>A</title><meta name="description" content="d">` }
      )
    )
    return over(network, (look) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* look("http://a.example/x?y=1#there"), said("A", "d"))
        assert.notProperty(network.calls[0]?.headers, "cookie")
      })
    )
  })

  it.effect.each([
    ["a status other than 200", { ...page("A"), status: 404 }],
    ["a partial answer", { ...page("A"), status: 206 }],
    ["another type", { headers: { "content-type": "text/plain" }, body: "<title>A</title>" }],
    ["a type that begins alike", { headers: { "content-type": "text/html5" }, body: "<title>A</title>" }],
    ["no type", { body: "<title>A</title>" }],
    ["no title", { headers: html, body: "<p>hello" }],
    ["a body that breaks off", { headers: html, body: Stream.fail("reset") }],
    ["a redirect that leads nowhere", { status: 302, headers: { location: "http://" } }],
    [
      "a coding that is not what it says",
      { headers: { ...html, "content-encoding": "gzip" }, body: "<title>A</title>" }
    ]
  ] as const)("harbour: %s is no preview and no failure", ([, answer]) => {
    const network = TestClient.make(TestClient.always("GET http://a.example/", answer))
    return over(network, (look) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* look("http://a.example/"), Option.none())
        assert.strictEqual(network.calls.length, 1)
      })
    )
  })

  it.effect("harbour: a network that dies is no preview and no failure", () =>
    over(TestClient.make(TestClient.always({}, Effect.die("broken"))), (look) =>
      Effect.map(look("http://a.example/"), (head) => assert.deepStrictEqual(head, Option.none()))
    )
  )

  it.effect("harbour: an answer 500 and a reset are tried again, three requests at most", () => {
    const network = TestClient.make(
      TestClient.once("GET http://a.example/", { status: 500 }, TestClient.fails("reset"), page("A")),
      TestClient.always("GET http://b.example/", { status: 500 })
    )
    return over(network, (look) =>
      Effect.gen(function* () {
        const looks = yield* Effect.forkChild(Effect.all([look("http://a.example/"), look("http://b.example/")]))
        assert.deepStrictEqual(yield* inTime(looks), [said("A"), Option.none()])
        assert.strictEqual(urls(network).filter((url) => url === "http://b.example/").length, 3)
      })
    )
  })

  it.effect("harbour: a connection that the guard refuses is not tried again", () => {
    const blocked = new SsrfError({ reason: { _tag: "AddressForbidden" }, refused: "10.0.0.1", host: "a.example" })
    const network = TestClient.make(TestClient.always({}, TestClient.fails("refused", blocked)))
    return over(network, (look) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* inTime(yield* Effect.forkChild(look("http://a.example/"))), Option.none())
        assert.strictEqual(network.calls.length, 1)
      })
    )
  })

  it.effect("harbour: redirects are followed, five at most", () => {
    const network = TestClient.make(
      TestClient.always({ url: /\/\d$/ }, ({ url }) => {
        const left = Number(url.at(-1))
        return left === 0 ? page("A") : { status: 302, headers: { location: `/${left - 1}` } }
      })
    )
    return over(network, (look) =>
      Effect.gen(function* () {
        const looks = yield* Effect.forkChild(Effect.all([look("http://a.example/5"), look("http://b.example/6")]))
        assert.deepStrictEqual(yield* inTime(looks), [said("A"), Option.none()])
      })
    )
  })

  it.effect("harbour: reading stops after the head, and at a size, whatever follows, without a failure", () => {
    let read = 0
    const filler = (size: number) => new TextEncoder().encode(" ".repeat(size))
    const endless = Stream.tap(Stream.forever(Stream.make(filler(64 * 1024))), (chunk) =>
      Effect.sync(() => void (read += chunk.length))
    )
    const start = (text: string) => Stream.make(new TextEncoder().encode(text))
    const network = TestClient.make(
      TestClient.once("GET http://a.example/", {
        headers: html,
        body: Stream.concat(start("<head><title>A</title></head>"), endless)
      }),
      TestClient.once("GET http://b.example/", {
        headers: html,
        body: Stream.concat(start("<title>B</title>"), endless)
      })
    )
    return over(network, (look) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* look("http://a.example/"), said("A"))
        assert.isAtMost(read, 256 * 1024)
        read = 0
        assert.deepStrictEqual(yield* look("http://b.example/"), said("B"))
        assert.isAtLeast(read, bytes - 64 * 1024)
        assert.isAtMost(read, bytes + 256 * 1024)
        // The connection is closed right after the answer.
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        assert.deepStrictEqual(
          network.calls.map(({ responseBody }) => responseBody),
          ["cancelled", "cancelled"]
        )
      })
    )
  })

  it.effect("harbour: a missing answer, and a body that drips, are abandoned after ten seconds", () => {
    const network = TestClient.make(
      TestClient.always("GET http://a.example/", TestClient.silence),
      TestClient.always("GET http://b.example/", {
        headers: html,
        body: Stream.tick("1 second").pipe(Stream.map(() => new TextEncoder().encode("<title>")))
      })
    )
    return over(network, (look) =>
      Effect.gen(function* () {
        const looks = yield* Effect.forkChild(
          Effect.all([look("http://a.example/"), look("http://b.example/")], { concurrency: 2 })
        )
        yield* TestClock.adjust("9 seconds")
        assert.isUndefined(looks.pollUnsafe())
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* Fiber.join(looks), [Option.none(), Option.none()])
        assert.deepStrictEqual(
          network.calls.filter(({ url }) => url === "http://b.example/").map(({ responseBody }) => responseBody),
          ["cancelled"]
        )
      })
    )
  })

  it.effect("harbour: an origin gets five requests at once, the others one after another", () => {
    const network = TestClient.make(TestClient.always({}, page("A")))
    return over(network, (look) =>
      Effect.gen(function* () {
        const same = Array.from({ length: 7 }, (_, n) => look(`http://a.example/${n}`))
        const looks = yield* Effect.forkChild(
          Effect.all([...same, look("http://b.example/")], { concurrency: "unbounded" })
        )
        yield* TestClock.adjust(0)
        assert.strictEqual(network.calls.length, 6)
        yield* TestClock.adjust("400 millis")
        assert.strictEqual(network.calls.length, 8)
        assert.isTrue((yield* Fiber.join(looks)).every(Option.isSome))
      })
    )
  })
})

const inside = [
  "http://127.0.0.1/",
  "http://127.1/",
  "http://0x7f000001/",
  "http://[::1]/",
  "http://[::ffff:127.0.0.1]/",
  "http://169.254.169.254/latest/meta-data/",
  "http://10.0.0.1/",
  "http://localhost/",
  "http://localhost./",
  "http://db/",
  "http://wiki.internal/",
  "http://a.example:22/",
  "http://user:secret@a.example/"
]

describe("a private address", () => {
  it.effect.each(inside)("harbour: no request is sent to %s, nor where a redirect leads there", (url) => {
    const network = TestClient.make(
      TestClient.once("GET http://a.example/there", { status: 302, headers: { location: url } }, page("A"))
    )
    return over(network, (look) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* look(url), Option.none())
        assert.deepStrictEqual(urls(network), [])
        // User information is taken off by the redirect itself, and then the page is as any other.
        if (url.includes("@")) return
        assert.deepStrictEqual(yield* look("http://a.example/there"), Option.none())
        assert.deepStrictEqual(urls(network), ["http://a.example/there"])
      })
    )
  })

  it.effect("harbour: an origin that the settings allow is reached, and nothing else of its host", () => {
    const network = TestClient.make(TestClient.always({}, page("A")))
    const allowed = ["http://wiki.internal:8080", "https://pages.example:8443", "http://127.0.0.1:9000"]
    return over(
      network,
      (look) =>
        Effect.gen(function* () {
          for (const origin of allowed) assert.deepStrictEqual(yield* look(`${origin}/x`), said("A"))
          const refused = [
            "http://wiki.internal/",
            "https://wiki.internal:8080/",
            "http://u:p@wiki.internal:8080/",
            "https://pages.example/",
            "http://127.0.0.1/",
            "http://127.0.0.1:9001/",
            "http://127.0.0.2:9000/",
            "http://[::1]:9000/"
          ]
          for (const url of refused) assert.deepStrictEqual(yield* look(url), Option.none())
          assert.deepStrictEqual(
            urls(network),
            allowed.map((origin) => `${origin}/x`)
          )
        }),
      allowed
    )
  })

  it.live("harbour: a name that resolves to an address inside is looked up once and not connected to", () => {
    const looked: Array<string> = []
    const lookup: LookupFunction = (host, { all }, callback) => {
      looked.push(host)
      if (all === true) callback(null, [{ address: "127.0.0.1", family: 4 }])
      else callback(null, "127.0.0.1", 4)
    }
    const network = NodeTransport.layer({ ssrfPolicy: policyFor(["http://127.0.0.1:9000"]), lookup })
    return over({ layer: network }, (look) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* look("http://rebound.example/"), Option.none())
        assert.deepStrictEqual(looked, ["rebound.example"])
      })
    )
  })

  it("harbour: an address that a name resolves to must be public, save that of a host which the settings allow", () => {
    const policy = policyFor(["http://wiki.internal:8080"])
    assert.isUndefined(policy.address("10.0.0.5", "wiki.internal"))
    assert.isUndefined(policy.address("93.184.216.34", "a.example"))
    assert.strictEqual(policy.address("10.0.0.5", "rebound.example")?.reason._tag, "AddressForbidden")
    assert.strictEqual(policy.address("127.0.0.1", "a.wiki.internal")?.reason._tag, "AddressForbidden")
  })
})
