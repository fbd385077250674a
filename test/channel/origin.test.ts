import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"

import { check } from "../../src/channel/Origin.ts"
import type { Origin } from "../../src/channel/Origin.ts"

const host = "app.test:4000"

/** Whether a page of this origin may connect to `http://app.test:4000`. */
const may = (origins: Origin, origin: string | undefined, secure = false): boolean =>
  check(origins)(origin, host, secure)

const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/)
const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."))
const port = fc.integer({ min: 1, max: 65_535 })

describe("an origin", () => {
  it("channel 1.1: may be missing, whatever the option", () => {
    for (const origins of ["host", "same", "any", [], () => false] as const) assert.isTrue(may(origins, undefined))
  })

  it("channel 1.1: host compares the host only", () => {
    for (const origin of ["http://app.test:4000", "https://app.test", "ws://APP.test:1"]) {
      assert.isTrue(may("host", origin), origin)
    }
    for (const origin of ["http://other.test:4000", "http://sub.app.test", "http://app.test.evil", "null", ""]) {
      assert.isFalse(may("host", origin), origin)
    }
  })

  it("channel 1.1: same compares scheme, host and port", () => {
    assert.isTrue(may("same", "http://app.test:4000"))
    assert.isTrue(may("same", "https://app.test:4000", true))
    for (const origin of ["https://app.test:4000", "http://app.test", "http://app.test:4001", "http://a.test:4000"]) {
      assert.isFalse(may("same", origin), origin)
    }
    assert.isTrue(check("same")("http://app.test", "app.test:80", false))
    assert.isTrue(check("same")("https://app.test:443", "app.test", true))
    for (const origin of ["null", "", "file://", "about:blank"]) assert.isFalse(may("same", origin), origin)
  })

  it("channel 1.1: no page has the host of a request that names none", () => {
    for (const authority of [undefined, "", " ", "a b", "[", "/"]) {
      for (const origins of ["host", "same"] as const) {
        assert.isFalse(check(origins)("http://app.test", authority, false), `${authority}`)
      }
    }
  })

  it("channel 1.1: any allows what is no origin at all", () => {
    for (const origin of ["http://evil.test", "null", "", "\u0000"]) assert.isTrue(may("any", origin))
  })

  it("channel 1.1: a function is asked about each", () => {
    const asked: Array<string> = []
    const origins = (origin: string) => asked.push(origin) === 2
    assert.deepStrictEqual([may(origins, "http://a.test"), may(origins, "null")], [false, true])
    assert.deepStrictEqual(asked, ["http://a.test", "null"])
  })

  it("channel 1.1: an empty list allows no page", () => assert.isFalse(may([], "http://app.test:4000")))

  it.each([
    ["https://example.com", ["https://example.com", "https://example.com:443", "https://EXAMPLE.com"]],
    ["https://example.com:444", ["https://example.com:444"]],
    ["//example.com", ["http://example.com", "https://example.com:9", "capacitor://example.com"]],
    ["//example.com:80", ["http://example.com"]],
    ["//example.com:443", ["https://example.com", "http://example.com:443"]],
    ["//*.example.com", ["http://example.com", "https://a.example.com:1", "https://a.b.example.com"]],
    ["https://*.example.com:8443", ["https://example.com:8443", "https://a.example.com:8443"]],
    ["//Example.COM/", ["http://example.com"]],
    ["//bücher.example", ["http://xn--bcher-kva.example"]],
    ["//*.bücher.example", ["http://a.xn--bcher-kva.example"]],
    ["//127.0.0.1", ["http://127.0.0.1:4000"]],
    ["//[::1]:4000", ["http://[::1]:4000"]],
    ["//[0:0::1]", ["http://[::1]"]]
  ] as const)("channel 1.1: the entry %s allows %j", (entry, origins) => {
    for (const origin of origins) assert.isTrue(may([entry], origin), origin)
  })

  it.each([
    ["https://example.com", ["http://example.com", "https://example.com:444", "https://a.example.com"]],
    ["//example.com:80", ["https://example.com", "http://example.com:81"]],
    ["//*.example.com", ["http://badexample.com", "http://example.com.evil", "http://.com", "null"]],
    ["https://*.example.com:8443", ["https://a.example.com", "http://a.example.com:8443"]],
    ["//example.com", ["http://evil.test/example.com", "http://example.com@evil.test", "example.com", "//example.com"]]
  ] as const)("channel 1.1: the entry %s does not allow %j", (entry, origins) => {
    for (const origin of origins) assert.isFalse(may([entry], origin), origin)
  })

  it.each([
    "",
    "example.com",
    "https:example.com",
    "https://",
    "//",
    "//*",
    "//*.",
    "//a.*.com",
    "//ex*mple.com",
    "//example.com/path",
    "//example.com:port",
    "//user@example.com",
    "//example.com?",
    "//a b",
    "//[::1",
    "null",
    "*"
  ])("channel 1.1: the entry %j is a mistake, reported with the right form", (entry) => {
    assert.throws(() => check([entry]), /is no origin: write https:\/\/example\.com/)
  })

  it("channel 1.1: an entry allows its own origin, and a wildcard all below it", () => {
    fc.assert(
      fc.property(fc.constantFrom("http", "https"), name, port, fc.option(label), (scheme, name, port, below) => {
        const origin = `${scheme}://${name}:${port}`
        assert.isTrue(may([origin], origin))
        assert.strictEqual(may([`${scheme}://${name}`], origin), port === (scheme === "http" ? 80 : 443))
        assert.isTrue(may([`//${name}`], origin))
        const sub = below === null ? origin : `${scheme}://${below}.${name}:${port}`
        assert.isTrue(may([`//*.${name}`], sub))
        assert.strictEqual(may([`//${name}`], sub), below === null)
        assert.isFalse(may([`//*.${name}`], `${scheme}://x${name}:${port}`))
      })
    )
  })

  it("channel 1.1: any text is allowed or not, and nothing throws", () => {
    const text = fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units))
    const ascii = fc.string({ unit: "grapheme-ascii" })
    const odd = fc.oneof(
      text,
      ascii,
      ascii.map((rest) => `http://${rest}`)
    )
    fc.assert(
      fc.property(odd, fc.option(odd, { nil: undefined }), fc.boolean(), (origin, authority, secure) => {
        for (const origins of ["host", "same", ["//*.example.com", "https://app.test:1"]] as const) {
          const allowed = check(origins)(origin, authority, secure)
          if (allowed) assert.isTrue(URL.canParse(origin))
        }
      })
    )
  })
})
