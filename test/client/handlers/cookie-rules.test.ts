import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"

import {
  cookieFrom,
  defaultPath,
  domainMatches,
  matching,
  pathMatches,
  store
} from "../../../src/client/handlers/CookieRules.ts"
import type { StoredCookie } from "../../../src/client/handlers/CookieRules.ts"
import { parseCookieDate, parseSetCookie } from "../../../src/client/handlers/SetCookie.ts"

const now = Date.UTC(2026, 0, 1)
const day = 86_400_000
const limits = { maxPerDomain: 50, maxCookies: 3000 }
const home = new URL("https://www.example.com/a/b")

const set = (line: string, url: string | URL = home, stored: ReadonlyArray<StoredCookie> = []) =>
  cookieFrom(new URL(url), line, now, stored)

const sentTo = (url: string, lines: ReadonlyArray<readonly [from: string, line: string]>) => {
  const jar = lines.reduce<ReadonlyArray<StoredCookie>>(
    (jar, [from, line], index) => store(jar, new URL(from), [line], now + index, limits),
    []
  )
  return matching(jar, new URL(url), now + 1000).map(({ name, value }) => `${name}=${value}`)
}

describe("parsing a line", () => {
  it("client cookies: name and value are trimmed, quotes and inner equal signs stay", () => {
    const parsed = parseSetCookie('  a\t= "b=c" \t; Path=/x ;secure')
    assert.deepStrictEqual([parsed?.name, parsed?.value], ["a", '"b=c"'])
    assert.deepStrictEqual(
      [...(parsed?.attributes ?? [])],
      [
        ["path", "/x"],
        ["secure", ""]
      ]
    )
  })

  it("client cookies: a pair without an equal sign is a value without a name, and an empty one is nothing", () => {
    assert.deepStrictEqual([parseSetCookie("alone")?.name, parseSetCookie("alone")?.value], ["", "alone"])
    assert.deepStrictEqual([parseSetCookie("=v")?.name, parseSetCookie("=v")?.value], ["", "v"])
    for (const line of ["", "=", " = ", ";Path=/", "  ;secure"]) assert.isUndefined(parseSetCookie(line), line)
  })

  it("client cookies: a control character, but not a tab, drops the line", () => {
    for (const code of [0, 8, 10, 13, 31, 127]) {
      assert.isUndefined(parseSetCookie(`a=b${String.fromCodePoint(code)}c`))
      assert.isUndefined(parseSetCookie(`a=b; Path=/${String.fromCodePoint(code)}`))
    }
    assert.strictEqual(parseSetCookie("a=b\tc")?.value, "b\tc")
  })

  it("client2 3.1: 4096 octets of name and value are the most: a character to an octet as transports decode fields, UTF-8 beyond that", () => {
    assert.isDefined(parseSetCookie(`abc=${"x".repeat(4093)}`))
    assert.isUndefined(parseSetCookie(`abc=${"x".repeat(4094)}`))
    assert.isDefined(parseSetCookie(`abc=${"é".repeat(4093)}`))
    assert.isUndefined(parseSetCookie(`abc=${"é".repeat(4094)}`))
    assert.isDefined(parseSetCookie(`abc=${"ж".repeat(2046)}`))
    assert.isUndefined(parseSetCookie(`abc=${"ж".repeat(2047)}`))
  })

  it("client cookies: an attribute over 1024 octets is left out, the last of several counts", () => {
    assert.isFalse(parseSetCookie(`a=b; Path=/${"x".repeat(1024)}`)?.attributes.has("path"))
    assert.strictEqual(parseSetCookie("a=b; Path=/1; path=/2")?.attributes.get("path"), "/2")
    assert.strictEqual(parseSetCookie("a=b; Max-Age=5; Max-Age=x")?.attributes.get("max-age"), "5")
  })

  it("client cookies: dates are read by the forgiving algorithm", () => {
    const expected = Date.UTC(2037, 9, 1, 2, 3, 4)
    const texts = [
      "Thu, 01 Oct 2037 02:03:04 GMT",
      "Thursday, 01-Oct-37 02:03:04 GMT",
      "Thu Oct  1 02:03:04 2037",
      "1 october 2037 2:3:4 whatever",
      "2:03:04 1 OCT 37"
    ]
    for (const text of texts) assert.strictEqual(parseCookieDate(text), expected, text)
    assert.strictEqual(parseCookieDate("1 Jan 70 00:00:00"), 0)
    assert.strictEqual(parseCookieDate("1 Jan 69 00:00:00"), Date.UTC(2069, 0, 1))
    const bad = ["", "31 Feb 2037 1:1:1", "0 Jan 2037 1:1:1", "32 Jan 2037 1:1:1", "1 Jan 1600 1:1:1"]
    for (const text of [...bad, "1 Jan 2037 24:00:00", "1 Jan 2037 1:60:1", "1 Jan 2037", "Jan 2037 1:1:1"]) {
      assert.isUndefined(parseCookieDate(text), text)
    }
  })

  it("client cookies: no line throws, and every read cookie can be sent", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), fc.webUrl(), (line, url) => {
        const cookie = set(line, url)
        if (cookie !== undefined) assert.notMatch(`${cookie.name}=${cookie.value}`, /[;\r\n\0]/)
      }),
      { numRuns: 2000 }
    )
  })
})

describe("storing", () => {
  it("client cookies: life ends after 400 days, Max-Age beats Expires, and invalid values count for nothing", () => {
    assert.strictEqual(set("a=b; Max-Age=99999999999999999999")?.expires, now + 400 * day)
    assert.strictEqual(set("a=b; Expires=Fri, 01 Jan 2100 00:00:00 GMT")?.expires, now + 400 * day)
    assert.strictEqual(set("a=b; Max-Age=60; Expires=Fri, 01 Jan 2100 00:00:00 GMT")?.expires, now + 60_000)
    for (const text of ["1e3", "+5", "", "5 s"]) assert.isUndefined(set(`a=b; Max-Age=${text}`)?.expires)
    assert.isBelow(set("a=b; Max-Age=-1")?.expires ?? now, now)
  })

  it("client cookies: a domain must cover the host; without one the cookie is for its host only", () => {
    assert.include(set("a=b"), { domain: "www.example.com", hostOnly: true })
    assert.include(set("a=b; Domain=.Example.COM"), { domain: "example.com", hostOnly: false })
    assert.include(set("a=b; Domain="), { domain: "www.example.com", hostOnly: true })
    for (const domain of ["other.com", "x.www.example.com", "ample.com", "exämple.com"]) {
      assert.isUndefined(set(`a=b; Domain=${domain}`), domain)
    }
  })

  it("client cookies: a public suffix, of a registry or of a hoster, is no domain for others", () => {
    assert.isUndefined(set("a=b; Domain=com"))
    assert.isUndefined(set("a=b; Domain=co.uk", "https://shop.co.uk/"))
    assert.isUndefined(set("a=b; Domain=github.io", "https://me.github.io/"))
    assert.isUndefined(set("a=b; Domain=internal", "https://db.internal/"))
    assert.include(set("a=b; Domain=github.io", "https://github.io/"), { domain: "github.io", hostOnly: true })
    assert.include(set("a=b; Domain=localhost", "http://localhost:1/"), { domain: "localhost", hostOnly: true })
  })

  it("client cookies: an address is nobody's parent", () => {
    assert.isUndefined(set("a=b; Domain=0.0.1", "http://127.0.0.1/"))
    assert.include(set("a=b", "http://[::1]/"), { domain: "[::1]", hostOnly: true })
    assert.isFalse(domainMatches("10.0.0.1", "0.0.1"))
    assert.isTrue(domainMatches("a.b.c", "b.c"))
    assert.isFalse(domainMatches("ab.c", "b.c"))
  })

  it("client cookies: Secure needs a secure origin, and localhost is one", () => {
    assert.isUndefined(set("a=b; Secure", "http://example.com/"))
    for (const url of [
      "https://a.com",
      "http://localhost",
      "http://x.localhost",
      "http://127.0.0.1:8",
      "http://[::1]"
    ]) {
      assert.isTrue(set("a=b; Secure", url)?.secure, url)
    }
  })

  it("client cookies: a plain origin does not overwrite or shadow a secure cookie", () => {
    const stored = store([], new URL("https://example.com/login/x"), ["a=1; Secure; Path=/login"], now, limits)
    const plain = (line: string, url: string) => set(line, url, stored)
    assert.isUndefined(plain("a=2; Path=/login", "http://example.com/"))
    assert.isUndefined(plain("a=2; Path=/login/en", "http://example.com/"))
    assert.isUndefined(plain("a=2; Domain=example.com; Path=/login", "http://sub.example.com/"))
    assert.isDefined(plain("a=2; Path=/", "http://example.com/"))
    assert.isDefined(plain("b=2; Path=/login", "http://example.com/"))
    assert.isDefined(plain("a=2; Path=/login", "https://example.com/"))
  })

  it("client cookies: prefixes bind in any case, and nameless cookies cannot fake them", () => {
    for (const name of ["__Secure-a", "__secure-a", "__SECURE-a"]) {
      assert.isUndefined(set(`${name}=b`), name)
      assert.isDefined(set(`${name}=b; Secure`), name)
    }
    for (const name of ["__Host-a", "__host-a", "__hOsT-a"]) {
      assert.isDefined(set(`${name}=b; Secure; Path=/`), name)
      for (const rest of ["Path=/", "Secure", "Secure; Path=/a", "Secure; Path=/; Domain=www.example.com"]) {
        assert.isUndefined(set(`${name}=b; ${rest}`), `${name} ${rest}`)
      }
    }
    assert.isUndefined(set("__Host-a; Secure; Path=/"))
    assert.isUndefined(set("=__secure-a=b; Secure"))
  })

  it("client cookies: SameSite=None needs Secure", () => {
    assert.isUndefined(set("a=b; SameSite=None"))
    assert.strictEqual(set("a=b; SameSite=none; Secure")?.sameSite, "none")
    assert.strictEqual(set("a=b; SameSite=whatever")?.sameSite, "default")
  })

  it("client cookies: a newer one replaces its equal and keeps its place, an ended one takes it away", () => {
    const order = sentTo("https://a.com/", [
      ["https://a.com", "x=1"],
      ["https://a.com", "y=1"],
      ["https://a.com", "x=2"]
    ])
    assert.deepStrictEqual(order, ["x=2", "y=1"])
    assert.deepStrictEqual(
      sentTo("https://a.com/", [
        ["https://a.com", "x=1"],
        ["https://a.com", "x=; Max-Age=0"]
      ]),
      []
    )
  })

  it("client cookies: over the limits the least recently used leave, plain ones before secure ones", () => {
    const url = new URL("https://a.com/")
    const three = ["s=1; Secure", "p=1", "q=1"].reduce<ReadonlyArray<StoredCookie>>(
      (jar, line, index) => store(jar, url, [line], now + index, { maxPerDomain: 2, maxCookies: 9 }),
      []
    )
    assert.deepStrictEqual(
      three.map(({ name }) => name),
      ["s", "q"]
    )
    const total = store(three, new URL("https://b.com/"), ["r=1"], now + 9, { maxPerDomain: 2, maxCookies: 2 })
    assert.deepStrictEqual(
      total.map(({ name }) => name),
      ["s", "r"]
    )
  })
})

describe("sending", () => {
  it("client cookies: paths match by whole segments", () => {
    assert.deepStrictEqual(
      [pathMatches("/a", "/a"), pathMatches("/a/b", "/a"), pathMatches("/a/b", "/a/"), pathMatches("/ab", "/a")],
      [true, true, true, false]
    )
    assert.deepStrictEqual(["", "/", "/a", "/a/", "/a/b", "x"].map(defaultPath), ["/", "/", "/", "/a", "/a", "/"])
  })

  it("client cookies: longer paths go first, then older cookies", () => {
    const lines = ["a=1; Path=/", "b=2; Path=/x/y", "c=3; Path=/x", "d=4; Path=/x/y"]
    const sent = sentTo(
      "https://a.com/x/y/z",
      lines.map((line) => ["https://a.com/", line] as const)
    )
    assert.deepStrictEqual(sent, ["b=2", "d=4", "c=3", "a=1"])
  })

  it("client cookies: cookies of one name and several paths are kept apart", () => {
    const lines = [
      ["https://a.com/", "s=1; Path=/"],
      ["https://a.com/", "s=2; Path=/x"]
    ] as const
    assert.deepStrictEqual(sentTo("https://a.com/x", lines), ["s=2", "s=1"])
    assert.deepStrictEqual(sentTo("https://a.com/y", lines), ["s=1"])
  })

  it("client cookies: host-only cookies stay, domain cookies reach subdomains, secure ones stay on secure origins", () => {
    const lines = [
      ["https://example.com/", "host=1"],
      ["https://example.com/", "all=1; Domain=example.com"],
      ["https://example.com/", "sec=1; Domain=example.com; Secure"]
    ] as const
    assert.deepStrictEqual(sentTo("https://www.example.com/", lines), ["all=1", "sec=1"])
    assert.deepStrictEqual(sentTo("http://example.com/", lines), ["host=1", "all=1"])
    assert.deepStrictEqual(sentTo("https://badexample.com/", lines), [])
  })

  it("client cookies: SameSite holds by scheme and registrable domain", () => {
    const jar = store(
      [],
      home,
      ["s=1; SameSite=Strict", "l=1; SameSite=Lax", "n=1; SameSite=None; Secure", "d=1"],
      now,
      limits
    )
    const names = (site: string, navigation = false) =>
      matching(jar, home, now, { site: new URL(site), navigation })
        .map(({ name }) => name)
        .join("")
    assert.strictEqual(names("https://shop.example.com/"), "slnd")
    assert.strictEqual(names("https://example.org/"), "n")
    assert.strictEqual(names("http://www.example.com/"), "n")
    assert.strictEqual(names("https://example.org/", true), "lnd")
    const set = cookieFrom(home, "s=1; SameSite=Lax", now, [], { site: new URL("https://example.org") })
    assert.isUndefined(set)
  })
})

describe("hostile hosts", () => {
  it("client2 3.1: a public suffix with a final dot is a public suffix: nobody sets a cookie for all of com.", () => {
    for (const domain of ["com.", ".com.", "COM.", "co.uk.", "github.io."]) {
      const host = `attacker.${domain.replace(/^\./, "")}`
      assert.isUndefined(set(`a=1; Domain=${domain}`, `http://${host}/`), domain)
    }
    assert.deepStrictEqual(sentTo("http://victim.com./", [["http://attacker.com./", "a=1; Domain=com."]]), [])
    assert.deepStrictEqual(sentTo("http://a.x.com./", [["http://x.com./", "a=1; Domain=x.com."]]), ["a=1"])
  })

  it("client2 3.1: __Http- needs Secure and HttpOnly, __Host-Http- what __Host- needs too, in any case", () => {
    assert.isDefined(set("__Http-a=1; Secure; HttpOnly"))
    assert.isUndefined(set("__http-a=1; Secure"))
    assert.isUndefined(set("__Http-a=1; HttpOnly"))
    assert.isDefined(set("__Host-Http-a=1; Secure; HttpOnly; Path=/"))
    for (const line of ["Secure; HttpOnly", "Secure; Path=/", "HttpOnly; Path=/"]) {
      assert.isUndefined(set(`__HOST-HTTP-a=1; ${line}`), line)
    }
    assert.isUndefined(set("__Host-Http-a=1; Secure; HttpOnly; Path=/; Domain=www.example.com"))
    assert.isUndefined(set("__Http-a; Secure; HttpOnly"))
  })

  it("client2 3.1: 61 subdomains of one site evict their own cookies only", () => {
    const session = store([], new URL("https://bank.test/"), ["session=1; Secure"], now, limits)
    const flooded = Array.from({ length: 61 }).reduce<ReadonlyArray<StoredCookie>>((jar, _, host) => {
      const lines = Array.from({ length: 50 }, (_, cookie) => `c${cookie}=1; Secure`)
      return store(jar, new URL(`https://h${host}.evil.test/`), lines, now + host + 1, limits)
    }, session)
    assert.strictEqual(flooded.length, 51)
    assert.isTrue(flooded.some(({ name }) => name === "session"))
  })
})
