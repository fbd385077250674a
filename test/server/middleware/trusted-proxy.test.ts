import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { HttpMiddleware, HttpServerRequest, HttpServerResponse } from "effect/http"
import { IpNetwork } from "effect/net"
import { InvalidOption } from "fairlead"
import { Pipeline } from "fairlead/server"
import { trustedProxy } from "fairlead/server/middleware"
import * as fc from "fast-check"

import { canonicalAddress, nodeAddress, parseForwarded } from "../../../src/core/heads/Forwarded.ts"

const seen = Effect.map(HttpServerRequest.HttpServerRequest, ({ headers, peerAddress, protocol, remoteAddress }) =>
  HttpServerResponse.jsonUnsafe({
    remote: Option.getOrNull(remoteAddress),
    peer: Option.getOrNull(peerAddress),
    protocol: protocol ?? null,
    host: headers["host"] ?? null,
    forwarded: Object.keys(headers).filter((name) => /forwarded|x-real-ip/.test(name)).length
  })
)

interface Seen {
  readonly remote: string | null
  readonly peer: string | null
  readonly protocol: string | null
  readonly host: string | null
  readonly forwarded: number
}

/** What a handler sees of a request that comes from `peer` with these headers. */
const through = (
  options: Partial<Parameters<typeof trustedProxy>[0]>,
  peer: string | undefined,
  headers: Record<string, string>
): Effect.Effect<Seen> =>
  Effect.gen(function* () {
    const app = Pipeline.make("p")
      .outer(trustedProxy({ trust: ["10.0.0.0/8", "fd00::/8"], ...options }))
      .handle(seen)
    const request = HttpServerRequest.fromWeb(new Request("http://t/", { headers })).modify({
      remoteAddress: Option.fromUndefinedOr(peer)
    })
    const response = yield* Effect.scoped(Effect.provideService(app, HttpServerRequest.HttpServerRequest, request))
    return yield* Effect.promise(async () => (await HttpServerResponse.toWeb(response).json()) as Seen)
  })

describe("trustedProxy", () => {
  it.effect("takes the first address from the right that is not trusted", () =>
    Effect.gen(function* () {
      for (const [list, remote] of [
        ["203.0.113.7", "203.0.113.7"],
        ["1.1.1.1, 203.0.113.7", "203.0.113.7"],
        ["6.6.6.6, 203.0.113.7, 10.1.1.1, 10.2.2.2", "203.0.113.7"],
        ["10.1.1.1, 10.2.2.2", "10.1.1.1"],
        ["203.0.113.7:51234", "203.0.113.7"],
        ["[2001:DB8:0:0::1]:443", "2001:db8::1"],
        ["2001:db8:0:0:0:0:0:1", "2001:db8::1"],
        ["::ffff:203.0.113.7", "203.0.113.7"],
        ["203.0.113.7, ::ffff:10.1.1.1", "203.0.113.7"]
      ] as const) {
        assert.strictEqual((yield* through({}, "10.0.0.1", { "x-forwarded-for": list })).remote, remote, list)
      }
    })
  )

  it.effect("ends the chain at an entry that is no address, with the last trusted proxy as the client", () =>
    Effect.gen(function* () {
      for (const [list, remote] of [
        ["unknown", "10.0.0.1"],
        ["203.0.113.7, unknown, 10.1.1.1", "10.1.1.1"],
        ["203.0.113.7,, 10.1.1.1", "10.1.1.1"],
        ["203.0.113.7, 010.0.0.1", "10.0.0.1"],
        ["203.0.113.7, 0x0a000001", "10.0.0.1"],
        ["fe80::1%eth0", "10.0.0.1"],
        ["203.0.113.7:99999999", "10.0.0.1"]
      ] as const) {
        assert.strictEqual((yield* through({}, "10.0.0.1", { "x-forwarded-for": list })).remote, remote, list)
      }
    })
  )

  it.effect("reads nothing from a peer that is not trusted, and removes its fields", () =>
    Effect.gen(function* () {
      const headers = { "x-forwarded-for": "1.1.1.1", "x-forwarded-proto": "https", forwarded: "for=2.2.2.2" }
      for (const peer of ["203.0.113.9", undefined, "not an address"]) {
        const { forwarded, protocol, remote } = yield* through({}, peer, headers)
        assert.deepStrictEqual([forwarded, protocol, remote], [0, null, peer ?? null])
      }
      assert.strictEqual((yield* through({}, "::ffff:10.0.0.1", headers)).remote, "1.1.1.1")
    })
  )

  it.effect("trusts a range in every spelling of it", () =>
    Effect.gen(function* () {
      const headers = { "x-forwarded-for": "203.0.113.7, ::ffff:10.1.1.1" }
      for (const trust of ["10.0.0.0/8", "::ffff:10.0.0.0/104", "0:0:0:0:0:FFFF:0a00:0/104"]) {
        for (const peer of ["10.0.0.1", "::ffff:10.0.0.1"]) {
          assert.strictEqual((yield* through({ trust: [trust] }, peer, headers)).remote, "203.0.113.7", trust)
        }
      }
    })
  )

  it.effect("reads one family of fields only", () =>
    Effect.gen(function* () {
      const headers = { "x-forwarded-for": "1.1.1.1", forwarded: "for=2.2.2.2" }
      assert.strictEqual((yield* through({}, "10.0.0.1", headers)).remote, "1.1.1.1")
      assert.strictEqual((yield* through({ fields: "forwarded" }, "10.0.0.1", headers)).remote, "2.2.2.2")
    })
  )

  it.effect("takes scheme and host from the proxy that the client talked to", () =>
    Effect.gen(function* () {
      const chain = { "x-forwarded-for": "9.9.9.9, 203.0.113.7, 10.1.1.1" }
      const cases = [
        ["https", "https"],
        ["http, https, http", "https"],
        ["https, http", "https"],
        ["javascript", null],
        ["HTTPS", "https"]
      ] as const
      for (const [value, protocol] of cases) {
        const got = yield* through({}, "10.0.0.1", { ...chain, "x-forwarded-proto": value })
        assert.strictEqual(got.protocol, protocol, value)
      }
      const host = { ...chain, host: "inner", "x-forwarded-host": "evil.test, shop.example, inner.lan" }
      assert.strictEqual((yield* through({}, "10.0.0.1", host)).host, "inner")
      assert.strictEqual((yield* through({ host: true }, "10.0.0.1", host)).host, "shop.example")
      const bad = { ...host, "x-forwarded-host": "a/b" }
      assert.strictEqual((yield* through({ host: true }, "10.0.0.1", bad)).host, "inner")
    })
  )

  it.effect("knows the scheme behind two proxies of which one sets it, where Effect's xForwardedHeaders does not", () =>
    Effect.gen(function* () {
      const headers = { "x-forwarded-for": "203.0.113.7, 10.1.1.1", "x-forwarded-proto": "https" }
      assert.strictEqual((yield* through({}, "10.0.0.1", headers)).protocol, "https")
      const request = HttpServerRequest.fromWeb(new Request("http://t/", { headers })).modify({
        remoteAddress: Option.some("10.0.0.1")
      })
      const trustedProxies = [IpNetwork.fromStringUnsafe("10.0.0.0/8")]
      const theirs = yield* HttpMiddleware.xForwardedHeaders({ trustedProxies })(seen).pipe(
        Effect.provideService(HttpServerRequest.HttpServerRequest, request)
      )
      const { protocol } = yield* Effect.promise(async () => (await HttpServerResponse.toWeb(theirs).json()) as Seen)
      assert.isNull(protocol)
    })
  )

  it.effect("reads Forwarded as RFC 7239 §4 and §7 write it", () =>
    Effect.gen(function* () {
      const from = (forwarded: string) => through({ fields: "forwarded", host: true }, "10.0.0.1", { forwarded })
      assert.strictEqual((yield* from('For="[2001:db8:cafe::17]:4711"')).remote, "2001:db8:cafe::17")
      const one = yield* from("for=192.0.2.60;proto=https;by=203.0.113.43;host=shop.example")
      assert.deepStrictEqual([one.remote, one.protocol, one.host], ["192.0.2.60", "https", "shop.example"])
      assert.strictEqual((yield* from("for=192.0.2.43, for=198.51.100.17")).remote, "198.51.100.17")
      assert.strictEqual((yield* from('for=192.0.2.43, for="_gazonk"')).remote, "10.0.0.1")
      assert.strictEqual((yield* from("for=unknown")).remote, "10.0.0.1")
      assert.strictEqual((yield* from('for=192.0.2.43;secret="a, for=6.6.6.6"')).remote, "192.0.2.43")
      assert.strictEqual((yield* from("for=1.1.1.1;for=2.2.2.2")).remote, "10.0.0.1")
    })
  )

  it("rejects options that cannot work", () => {
    for (const trust of [[], ["10.0.0.0/33"], ["example.com"], ["10.0.0.0/8", ""]]) {
      assert.throws(() => trustedProxy({ trust }), InvalidOption)
    }
    // @ts-expect-error - there are two families
    assert.throws(() => trustedProxy({ trust: ["::1"], fields: "x-real-ip" }), InvalidOption)
  })
})

describe("the readers of proxies' fields", () => {
  it("parse Forwarded, or nothing at all", () => {
    const hop = { for: undefined, proto: undefined, host: undefined }
    assert.deepStrictEqual(parseForwarded("for=a;proto=http , by=b"), [{ ...hop, for: "a", proto: "http" }, hop])
    assert.deepStrictEqual(parseForwarded('for="a\\"b"'), [{ ...hop, for: 'a"b' }])
    assert.deepStrictEqual(parseForwarded(""), [])
    for (const bad of ['for="a', "for a", "for=a b", "=a", "for=", "for=[::1]"]) {
      assert.isUndefined(parseForwarded(bad), bad)
    }
  })

  it("write every IPv6 address canonically, however it is spelled", () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const canonical = canonicalAddress(text)
        assert.isDefined(canonical)
        assert.strictEqual(canonicalAddress(canonical), canonical)
        assert.strictEqual(nodeAddress(`[${text.toUpperCase()}]:80`), canonical)
      })
    )
  })

  it("throw at no text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[for=";,.:[\]\da-f\\ ]{0,40}$/)), (text) => {
        parseForwarded(text)
        nodeAddress(text)
      })
    )
  })
})
