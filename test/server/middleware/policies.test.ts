import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { InvalidOption, Reject } from "fairlead"
import { Middleware, Pipeline } from "fairlead/server"
import { addressList, hostPolicy } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"
import * as fc from "fast-check"

import { readAuthority } from "../../../src/core/heads/Hosts.ts"
import { received, serving } from "../Socket.ts"

const hello = HttpServerResponse.text("hello")

class Gate extends Middleware.Service<Gate>()("test/Gate", { error: Reject }) {}

const statusFrom = (options: Parameters<typeof addressList>[0], remoteAddress: string | undefined) =>
  Effect.gen(function* () {
    const app = Pipeline.make("p").before(addressList(options)).handle(hello).respond()
    const request = HttpServerRequest.fromWeb(new Request("http://t/")).modify({
      remoteAddress: Option.fromUndefinedOr(remoteAddress)
    })
    const response = yield* Effect.scoped(Effect.provideService(app, HttpServerRequest.HttpServerRequest, request))
    return response.status
  })

describe("addressList", () => {
  it.effect("admits what is allowed and not denied", () =>
    Effect.gen(function* () {
      const options = { allow: ["192.0.2.0/24", "2001:db8::/32"], deny: ["192.0.2.13"] }
      for (const [address, status] of [
        ["192.0.2.1", 200],
        ["192.0.2.13", 403],
        ["198.51.100.1", 403],
        ["2001:db8:1::1", 200],
        ["2001:db9::1", 403]
      ] as const) {
        assert.strictEqual(yield* statusFrom(options, address), status, address)
      }
      assert.strictEqual(yield* statusFrom({}, "192.0.2.13"), 200)
    })
  )

  it.effect("finds a denied IPv4 address in every spelling of it as IPv6 (GHSA-r354-f388-2fhh)", () =>
    Effect.gen(function* () {
      const deny = ["192.0.2.13", "2001:db8::1"]
      for (const address of [
        "::ffff:192.0.2.13",
        "::FFFF:c000:020d",
        "0:0:0:0:0:ffff:192.0.2.13",
        "64:ff9b::192.0.2.13",
        "2002:c000:020d::1",
        "2001:0DB8:0000:0000:0000:0000:0000:0001",
        "2001:db8:0::0:1",
        "[2001:db8::1]",
        "2001:db8::1%eth0"
      ]) {
        assert.strictEqual(yield* statusFrom({ deny }, address), 403, address)
      }
    })
  )

  it.effect("finds an address by a range in every spelling of it (CVE-2026-47674)", () =>
    Effect.gen(function* () {
      for (const [range, inside, outside] of [
        ["2001:0DB8:0:0:0:0:0:1", "2001:db8::1", "2001:db8::2"],
        ["2001:db8:0::/48", "2001:DB8::ffff", "2001:db8:1::1"],
        ["::ffff:192.0.2.13", "192.0.2.13", "192.0.2.12"],
        ["::ffff:c000:20d", "::ffff:192.0.2.13", "192.0.2.12"],
        ["0:0:0:0:0:FFFF:192.0.2.0/120", "192.0.2.255", "192.0.3.0"],
        ["::ffff:192.0.2.0/120", "0:0::ffff:c000:02ff", "::ffff:192.0.3.0"]
      ] as const) {
        assert.strictEqual(yield* statusFrom({ deny: [range] }, inside), 403, range)
        assert.strictEqual(yield* statusFrom({ deny: [range] }, outside), 200, range)
        assert.strictEqual(yield* statusFrom({ allow: [range] }, inside), 200, range)
        assert.strictEqual(yield* statusFrom({ allow: [range] }, outside), 403, range)
      }
      // A mapped address is an IPv4 address: ranges of IPv6 find it in neither form.
      for (const address of ["192.0.2.13", "::ffff:192.0.2.13"]) {
        assert.strictEqual(yield* statusFrom({ deny: ["::/0"] }, address), 200, address)
        assert.strictEqual(yield* statusFrom({ allow: ["::/0"] }, address), 403, address)
      }
    })
  )

  it.effect("rejects an address that cannot be read, unless `otherwise` allows it", () =>
    Effect.gen(function* () {
      for (const address of [undefined, "", "localhost", "192.0.2", "0300.0.2.13"]) {
        assert.strictEqual(yield* statusFrom({ deny: ["192.0.2.13"] }, address), 403)
        assert.strictEqual(yield* statusFrom({ deny: ["192.0.2.13"], otherwise: "allow" }, address), 200)
      }
    })
  )

  it("rejects a range that cannot be read", () => {
    assert.throws(() => addressList({ allow: ["192.0.2.0/33"] }), InvalidOption)
    assert.throws(() => addressList({ deny: ["example.com"] }), InvalidOption)
  })
})

describe("hostPolicy", () => {
  const hosts = ["example.com", "*.shop.test", "localhost:3000", "[::1]", "127.0.0.1"]
  const statusOf = (host: string | undefined) =>
    Effect.gen(function* () {
      const app = Pipeline.make("p").before(hostPolicy({ hosts })).handle(hello).respond()
      const headers = host === undefined ? {} : { host }
      const request = HttpServerRequest.fromWeb(new Request("http://t/")).modify({ headers: headers as never })
      const response = yield* Effect.scoped(Effect.provideService(app, HttpServerRequest.HttpServerRequest, request))
      return response.status
    })

  it.effect("admits the listed hosts in every spelling, and answers 421 to others", () =>
    Effect.gen(function* () {
      for (const host of [
        "example.com",
        "EXAMPLE.com:8080",
        "example.com.",
        "a.shop.test",
        "a.b.shop.test:1",
        "localhost:3000",
        "[::1]:80",
        "[0:0::1]",
        "127.0.0.1"
      ]) {
        assert.strictEqual(yield* statusOf(host), 200, host)
      }
      for (const host of [
        "evil.test",
        "shop.test",
        "xshop.test",
        "localhost",
        "localhost:3001",
        "example.com.evil.test",
        "[::2]"
      ]) {
        assert.strictEqual(yield* statusOf(host), 421, host)
      }
    })
  )

  it.effect("answers 400 to a missing or malformed host", () =>
    Effect.gen(function* () {
      for (const host of [
        undefined,
        "",
        "example.com, evil.test",
        "user@example.com",
        "example.com/path",
        "example.com:99999",
        "example.com:80:80",
        "example .com",
        "[::1",
        "[::z]",
        "exa\\mple.com",
        "a".repeat(400)
      ]) {
        assert.strictEqual(yield* statusOf(host), 400, host)
      }
    })
  )

  it.live("answers 400 to two different Host lines, which Node reads as the first", () =>
    Effect.gen(function* () {
      const server = yield* serving(
        Pipeline.serve(Pipeline.make("p").before(hostPolicy({ hosts })).handle(hello).respond())
      )
      const statusWith = (lines: string, target = "/") =>
        Effect.gen(function* () {
          const socket = yield* server.send(`GET ${target} HTTP/1.1\r\n${lines}Connection: close\r\n\r\n`)
          return /^HTTP\/1\.1 (\d+)/.exec(yield* received(socket))?.[1]
        })
      assert.strictEqual(yield* statusWith("Host: example.com\r\n"), "200")
      assert.strictEqual(yield* statusWith("Host: example.com\r\nHost: evil.test\r\n"), "400")
      assert.strictEqual(yield* statusWith("Host: example.com\r\n", "http://evil.test/"), "400")
      assert.strictEqual(yield* statusWith("Host: evil.test\r\n"), "421")
    })
  )

  it.effect("is implemented as a Layer too", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p").before(Gate).handle(hello).respond()
      const server = yield* TestServer.make(app, Gate.layer(hostPolicy({ hosts: ["example.com"] })))
      assert.strictEqual((yield* server.get("/", { headers: { host: "evil.test" } })).status, 421)
    })
  )

  it("rejects options that cannot work", () => {
    for (const bad of [[], ["https://example.com"], ["a b"], ["*"], ["exam*ple.com"], [""]]) {
      assert.throws(() => hostPolicy({ hosts: bad }), InvalidOption)
    }
  })

  it("reads an authority back as it wrote it", () => {
    fc.assert(
      fc.property(fc.domain(), fc.integer({ min: 0, max: 65_535 }), (host, port) => {
        assert.deepStrictEqual(readAuthority(`${host.toUpperCase()}:${port}`), { host: host.toLowerCase(), port })
      })
    )
    fc.assert(fc.property(fc.string(), (text) => void readAuthority(text)))
  })
})
