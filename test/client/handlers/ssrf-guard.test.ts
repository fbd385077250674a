import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpClientRequest } from "effect/http"
import { InvalidOption } from "fairlead"
import { ClientChain, ClientHandler } from "fairlead/client"
import { addressRange, ssrfPolicy, ssrfGuard } from "fairlead/client/handlers"
import * as fc from "fast-check"

import { wireOf } from "./Wire.ts"

const ranges: Readonly<Record<string, ReadonlyArray<string>>> = {
  public: [
    "1.1.1.1",
    "8.8.8.8",
    "172.15.255.255",
    "172.32.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "169.253.1.1",
    "223.255.255.255"
  ],
  unspecified: ["0.0.0.0", "0.1.2.3", "::"],
  loopback: ["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"],
  private: [
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "fd00::1",
    "fc00::",
    "::ffff:a00:1",
    "64:ff9b::10.0.0.1"
  ],
  shared: ["100.64.0.0", "100.127.255.255"],
  "link-local": ["169.254.169.254", "fe80::1", "fe80::1%eth0", "febf::1", "::ffff:169.254.169.254"],
  multicast: ["224.0.0.1", "239.255.255.255", "ff02::1"],
  broadcast: ["255.255.255.255"],
  documentation: ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
  benchmarking: ["198.18.0.1", "198.19.255.255", "2001:2::1"],
  tunnel: ["192.88.99.1", "2002:7f00:1::", "2002:808:808::1", "2001::1", "64:ff9b:1::1"],
  reserved: [
    "240.0.0.1",
    "255.255.255.254",
    "192.0.0.1",
    "100::1",
    "4000::1",
    "::2",
    "::7f00:1",
    "5f00::1",
    "2001:10::1"
  ],
  invalid: ["", "localhost", "127.1", "0x7f.0.0.1", "1.2.3.4.5", "::g", "01.1.1.1"]
}

describe("the range of an address", () => {
  for (const [range, addresses] of Object.entries(ranges)) {
    it(`client ssrf: ${range}: ${addresses.filter(Boolean).slice(0, 3).join(", ")} …`, () => {
      for (const address of addresses) assert.strictEqual(addressRange(address), range, address)
    })
  }

  it("client ssrf: public addresses of IPv6 are those of 2000::/3, and brackets do not matter", () => {
    for (const address of ["2606:4700::1111", "[2a00:1450::1]", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]) {
      assert.strictEqual(addressRange(address), "public", address)
    }
  })

  it("client ssrf: an IPv4 address is the same mapped and through NAT64", () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        assert.strictEqual(addressRange(`::ffff:${address}`), addressRange(address))
        assert.strictEqual(addressRange(`64:ff9b::${address}`), addressRange(address))
      })
    )
  })
})

const refused = (url: string, options = {}) => {
  const blocked = ssrfPolicy(options).url(new URL(url))
  return blocked === undefined ? undefined : blocked.reason._tag
}

describe("the policy", () => {
  it("client ssrf: a literal address is refused in every spelling", () => {
    const spellings = [
      "127.0.0.1",
      "127.1",
      "0x7f.1",
      "0177.0.0.1",
      "2130706433",
      "0x7f000001",
      "127.0.0.1.",
      "[::1]",
      "[0:0::1]",
      "[::ffff:127.0.0.1]",
      "[::ffff:7f00:1]",
      "①②⑦.0.0.1",
      "%31%32%37.0.0.1",
      "169.254.169.254",
      "0",
      "[::]",
      "[fd00::1]"
    ]
    for (const host of spellings) assert.strictEqual(refused(`http://${host}/`), "AddressForbidden", host)
    assert.isUndefined(refused("http://8.8.8.8/"))
    assert.isUndefined(refused("https://[2606:4700::1111]/"))
  })

  it("client ssrf: a name of an internal machine is refused, others go to the transport", () => {
    const names = [
      "localhost",
      "LOCALHOST",
      "localhost.",
      "a.localhost",
      "db",
      "printer.local",
      "metadata.google.internal",
      "x.home.arpa"
    ]
    for (const name of names) assert.strictEqual(refused(`https://${name}/`), "HostForbidden", name)
    for (const name of ["example.com", "example.com.", "notlocalhost.com", "local.example.com"]) {
      assert.isUndefined(refused(`https://${name}/`), name)
    }
    assert.isUndefined(refused("https://db/", { hosts: ["DB"] }))
  })

  it("client ssrf: schemes, ports and user info must be allowed", () => {
    assert.strictEqual(refused("ftp://example.com/"), "SchemeForbidden")
    assert.strictEqual(refused("file:///etc/passwd"), "SchemeForbidden")
    assert.strictEqual(refused("http://example.com/", { schemes: ["https"] }), "SchemeForbidden")
    assert.strictEqual(refused("http://example.com:22/"), "PortForbidden")
    assert.strictEqual(refused("https://example.com:8443/"), "PortForbidden")
    assert.isUndefined(refused("https://example.com:8443/", { ports: [8443] }))
    assert.strictEqual(refused("https://example.com/", { ports: [8443] }), "PortForbidden")
    assert.strictEqual(refused("https://good.com@example.com/"), "UserInfoForbidden")
    assert.strictEqual(refused("https://:p@example.com/"), "UserInfoForbidden")
  })

  it("client ssrf: networks can be allowed and denied, mapped or not; to deny beats to allow", () => {
    const options = { allow: ["10.1.0.0/16"], deny: ["10.1.2.0/24", "8.8.8.0/24"] }
    assert.isUndefined(refused("http://10.1.1.1/", options))
    assert.isUndefined(refused("http://[::ffff:10.1.1.1]/", options))
    for (const host of ["10.2.0.1", "10.1.2.3", "8.8.8.8", "[::ffff:8.8.8.8]"]) {
      assert.strictEqual(refused(`http://${host}/`, options), "AddressForbidden", host)
    }
    const mapped = { allow: ["::ffff:10.1.0.0/112"], deny: ["::ffff:10.1.2.0/120", "::ffff:8.8.8.0/120"] }
    for (const host of ["10.1.1.1", "[::ffff:10.1.1.1]"]) assert.isUndefined(refused(`http://${host}/`, mapped), host)
    for (const host of ["10.2.0.1", "10.1.2.3", "8.8.8.8", "[::ffff:8.8.8.8]"]) {
      assert.strictEqual(refused(`http://${host}/`, mapped), "AddressForbidden", host)
    }
    assert.throws(() => ssrfPolicy({ allow: ["10.1.0.1/16"] }), InvalidOption, /first address and its prefix length/)
  })

  it("client ssrf: the message names the refused URL and the remedy", () => {
    const message = (url: string) => ssrfPolicy().url(new URL(url))?.message
    assert.strictEqual(
      message("http://[::1]/"),
      "The request to [::1] is blocked: the address ::1 is loopback; add its network to allow if it is meant"
    )
    assert.match(message("https://u:secret@a.com/") ?? "", /send them in a header/)
    assert.notInclude(message("https://u:secret@a.com/") ?? "", "secret")
    assert.match(message("ftp://a.com/") ?? "", /schemes/)
    assert.match(message("http://a.com:1/") ?? "", /ports/)
    assert.match(message("http://db/") ?? "", /hosts/)
  })
})

describe("the handler", () => {
  const follow = ClientHandler.make("follow", {
    afterResponse: (outcome, { original }) => {
      const to = outcome._tag === "Response" ? outcome.response.headers["location"] : undefined
      return to === undefined ? undefined : ClientHandler.followUp(HttpClientRequest.setUrl(original, to), "redirect")
    }
  })

  it.effect("client ssrf: a refused request fails and the network is not touched; others pass", () =>
    Effect.gen(function* () {
      const wire = wireOf(() => new Response("ok"))
      const client = ClientChain.make("c").use(ssrfGuard()).pipe(ClientChain.over(wire.client))
      assert.strictEqual(yield* (yield* client.get("https://example.com/")).text, "ok")
      const error = yield* Effect.flip(client.get("http://169.254.169.254/latest"))
      assert.deepInclude(error, { _tag: "SsrfError", reason: { _tag: "AddressForbidden" }, refused: "169.254.169.254" })
      assert.deepInclude(yield* Effect.flip(client.get("http://[")), {
        _tag: "SsrfError",
        reason: { _tag: "InvalidUrl" }
      })
      assert.lengthOf(wire.asked, 1)
    })
  )

  it.effect("client ssrf: each hop of a redirect is checked", () =>
    Effect.gen(function* () {
      const wire = wireOf(() => new Response(null, { status: 302, headers: { location: "http://127.1/" } }))
      const client = ClientChain.make("c").use(follow).use(ssrfGuard()).pipe(ClientChain.over(wire.client))
      assert.include(yield* Effect.flip(client.get("https://example.com/")), {
        _tag: "SsrfError",
        refused: "127.0.0.1"
      })
      assert.lengthOf(wire.asked, 1)
    })
  )
})
