/**
 * The cookie rules against tough-cookie, line by line, and the address ranges against ipaddr.js. Each difference is listed with the section that decides it.
 */
import * as fc from "fast-check"
import * as ipaddr from "ipaddr.js"
import { Cookie, CookieJar } from "tough-cookie"
import { assert, describe, it } from "vitest"

import { matching, store } from "../../../src/client/handlers/CookieRules.ts"
import type { StoredCookie } from "../../../src/client/handlers/CookieRules.ts"
import { parseCookieDate } from "../../../src/client/handlers/SetCookie.ts"
import { addressRange } from "../../../src/core/heads/AddressRange.ts"

const now = Date.now()
const limits = { maxPerDomain: 50, maxCookies: 3000 }

const hosts = ["www.example.com", "example.com", "a.b.example.co.uk", "example.com.", "10.0.0.1", "user.github.io"]
const names = ["a", "b", "__Secure-a", "__Host-a", "SID"]
const values = ["1", "x=y", '"q"', ""]
const attributes = [
  "Path=/",
  "Path=/a",
  "Path=/a/b",
  "Path=x",
  "Domain=example.com",
  "Domain=.example.com",
  "Domain=com",
  "Domain=co.uk",
  "Domain=github.io",
  "Domain=www.example.com",
  "Domain=other.test",
  "Secure",
  "HttpOnly",
  "SameSite=Lax",
  "SameSite=Strict",
  "SameSite=None",
  "Max-Age=100",
  "Max-Age=0",
  "Max-Age=-1",
  "Max-Age=x",
  "Expires=Wed, 21 Oct 2099 07:28:00 GMT",
  "Expires=Thu, 01 Jan 1970 00:00:00 GMT",
  "Expires=soon",
  "Unknown=1"
]

/** Why the two may disagree about a line; the first that applies is named. */
const differences = [
  {
    section: "RFC 6265bis §5.7 step 13: SameSite=None needs Secure",
    applies: (line: string) => /SameSite=None/.test(line) && !/Secure(?:;|$)/.test(line)
  },
  {
    section: "RFC 6265bis §5.1.2: a host with a final dot is another host",
    applies: (_: string, host: string) => host.endsWith(".")
  }
] as const

const line = fc
  .tuple(fc.constantFrom(...names), fc.constantFrom(...values), fc.subarray(attributes, { maxLength: 4 }))
  .map(([name, value, parts]) => [`${name}=${value}`, ...parts].join("; "))

const ours = (from: URL, lines: ReadonlyArray<string>, to: URL): ReadonlyArray<string> => {
  const held = lines.reduce<ReadonlyArray<StoredCookie>>(
    (jar, text, at) => store(jar, from, [text], now + at, limits),
    []
  )
  return matching(held, to, now + 1000).map(({ name, value }) => `${name}=${value}`)
}

const theirs = async (from: URL, lines: ReadonlyArray<string>, to: URL): Promise<ReadonlyArray<string>> => {
  const jar = new CookieJar(undefined, { prefixSecurity: "silent", looseMode: true })
  for (const text of lines) await jar.setCookie(text, from.href, { ignoreError: true, loose: true })
  return (await jar.getCookies(to.href)).map((cookie) => `${cookie.key}=${cookie.value}`)
}

describe("cookies compared with tough-cookie", () => {
  it("client2 3.1: the same lines are sent to the same URLs, save the listed differences", async () => {
    const seen = new Set<string>()
    const places = fc.tuple(
      fc.constantFrom("https:", "http:"),
      fc.constantFrom(...hosts),
      fc.constantFrom("/", "/a", "/a/b/c")
    )
    await fc.assert(
      fc.asyncProperty(places, line, places, async ([scheme, host, path], text, [toScheme, , toPath]) => {
        const from = new URL(`${scheme}//${host}${path}`)
        const to = new URL(`${toScheme}//${host}${toPath}`)
        const excuse = differences.find(({ applies }) => applies(text, host))
        const [mine, other] = [ours(from, [text], to), await theirs(from, [text], to)]
        if (mine.join("; ") === other.join("; ")) return
        assert.isDefined(
          excuse,
          `${from} "${text}" → ${to}: ${JSON.stringify(mine)}, tough-cookie ${JSON.stringify(other)}`
        )
        seen.add(excuse.section)
      }),
      { numRuns: 2000 }
    )
    console.log(["differences from tough-cookie that were met:", ...seen].join("\n  "))
  })

  it("client2 3.1: dates are read alike", () => {
    const dates = [
      "Wed, 21 Oct 2099 07:28:00 GMT",
      "Wednesday, 21-Oct-99 07:28:00 GMT",
      "Wed Oct 21 07:28:00 2099",
      "21 oct 2099 7:28:0",
      "2099 21 Oct 07:28:00",
      "07:28:00 21 Oct 69",
      "07:28:00 21 Oct 70",
      "Oct 32 2099 07:28:00",
      "21 Oct 1600 07:28:00",
      "21 Oct 2099 24:00:00",
      "21 Oct 2099",
      "",
      "soon",
      "21 Octember 2099 07:28:00x"
    ]
    for (const text of dates) {
      const expires = Cookie.parse(`a=b; Expires=${text}`)?.expires
      assert.strictEqual(parseCookieDate(text), expires instanceof Date ? expires.getTime() : undefined, text)
    }
  })
})

/** ipaddr.js names ranges its own way. Its `reserved` holds more than ours, its `unicast` of IPv6 all that has no other name. */
const isPublicThere = (text: string): boolean => {
  const address = ipaddr.process(text)
  if (address.range() !== "unicast") return false
  return address.kind() === "ipv4" || address.match(ipaddr.parse("2000::"), 3)
}

/** Networks where the registries of IANA and ipaddr.js differ: what is public here and what there. */
const ofIana: ReadonlyArray<readonly [network: string, why: string]> = [
  ["192.31.196.0/24", "AS112 (RFC 7535)"],
  ["192.52.193.0/24", "AMT (RFC 7450)"],
  ["192.175.48.0/24", "AS112 (RFC 7534)"],
  ["192.88.99.0/24", "6to4 relays, deprecated (RFC 7526)"],
  ["2001::/23", "IETF protocol assignments (RFC 2928)"],
  ["2620:4f:8000::/48", "AS112 (RFC 7534)"],
  ["3fff::/20", "documentation (RFC 9637)"],
  ["5f00::/16", "segment routing (RFC 9602)"],
  ["64:ff9b::/96", "NAT64: the address within decides (RFC 6052)"]
]

describe("addresses compared with ipaddr.js", () => {
  it("client2 3.1: are public here and there, save in the listed networks", () => {
    const networks = ofIana.map(([text]) => ipaddr.parseCIDR(text))
    const isListed = (text: string) => {
      const address = ipaddr.parse(text)
      return networks.some(
        ([network, bits]) => network.kind() === address.kind() && address.match([network, bits] as never)
      )
    }
    const of4 = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)).map((octets) => octets.join("."))
    const beginnings = [
      "10",
      "100.64",
      "127",
      "169.254",
      "172.16",
      "172.31",
      "172.32",
      "192.0.0",
      "192.0.2",
      "192.168",
      "198.18",
      "198.51.100",
      "203.0.113",
      "224",
      "240",
      "255.255.255",
      "0"
    ]
    const special4 = fc
      .tuple(fc.constantFrom(...beginnings), of4)
      .map(([start, rest]) => [...start.split("."), ...rest.split(".")].slice(0, 4).join("."))
    const word = fc.nat(0xffff).map((word) => word.toString(16))
    const starts6 = [
      "::",
      "::ffff:",
      "64:ff9b::",
      "2001:",
      "2001:db8:",
      "2002:",
      "2606:",
      "fc00:",
      "fe80:",
      "fec0:",
      "ff02:",
      "100:0:0:0:",
      "2620:4f:8000:",
      "3fff:",
      "5f00:"
    ]
    const of6 = fc
      .tuple(fc.constantFrom(...starts6), fc.array(word, { minLength: 8, maxLength: 8 }))
      .map(([start, words]) => {
        const given = start.split(":").filter((part) => part !== "").length
        if (start === "::" || start === "::ffff:" || start === "64:ff9b::") return `${start}${words[0]}:${words[1]}`
        return `${start}${words.slice(given).join(":")}`
      })
    fc.assert(
      fc.property(fc.oneof(of4, special4, of6), (text) => {
        if (isListed(text)) return
        assert.strictEqual(
          addressRange(text) === "public",
          isPublicThere(text),
          `${text}: ${addressRange(text)}, ipaddr.js ${ipaddr.process(text).range()}`
        )
      }),
      { numRuns: 5000 }
    )
  })
})
