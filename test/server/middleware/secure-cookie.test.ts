import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { InvalidOption, Reject } from "fairlead"
import { Pipeline, RequestView } from "fairlead/server"
import { CookieTooLarge, secureCookie } from "fairlead/server/middleware"
import type { SecureCookie, SecureCookieOptions } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"
import * as fc from "fast-check"

import { cookieValues } from "../../../src/core/heads/CookieValues.ts"

const oldSecret = Redacted.make("the old secret, of 32 characters")
const newSecret = Redacted.make("the new secret, of 32 characters")
const secrets = [newSecret]
const modes = ["sealed", "signed"] as const

/** Writes the query `set` into the cookie, removes it on `/remove`, and shows what the request has. */
const appOf = (cookie: SecureCookie) =>
  Pipeline.make("p")
    .handle(
      Effect.gen(function* () {
        const known = yield* cookie.read
        const set = yield* RequestView.query("set")
        if (Option.isSome(set)) yield* cookie.write(set.value)
        if (Option.isSome(yield* RequestView.query("remove"))) yield* cookie.remove
        if (Option.isSome(yield* RequestView.query("fail"))) return yield* new Reject({ status: 409 })
        return HttpServerResponse.text(Option.getOrElse(known, () => "-"))
      })
    )
    .respond()

const serverOf = (name: string, options: SecureCookieOptions) =>
  TestServer.make(appOf(secureCookie(name, options)), undefined, { cookies: false })

/** The value of the cookie that a response sets. */
const setBy = (reply: TestServer.Reply): string =>
  /^[^=]+=([^;]*)/.exec(reply.headers.getSetCookie()[0] ?? "")?.[1] ?? ""

const sent = (name: string, value: string) => ({ headers: { cookie: `${name}=${value}` } })

describe.each(modes)("a %s cookie", (mode) => {
  it.effect("reads back what was written, on an error's response too", () =>
    Effect.gen(function* () {
      const server = yield* serverOf("__Host-a", { secrets, mode })
      const written = yield* server.get("/?set=h%C3%A9llo%20%3D%3B&fail=1")
      assert.strictEqual(written.status, 409)
      const line = written.headers.getSetCookie()[0]!
      assert.match(line, /^__Host-a=[\w.-]+; Max-Age=2592000; Path=\/; HttpOnly; Secure; SameSite=Lax$/)
      assert.strictEqual((yield* server.get("/", sent("__Host-a", setBy(written)))).text, "héllo =;")
    })
  )

  it.effect("is no good under another name, or in the other mode", () =>
    Effect.gen(function* () {
      const value = setBy(yield* (yield* serverOf("a", { secrets, mode })).get("/?set=admin"))
      const other = mode === "sealed" ? "signed" : "sealed"
      for (const [name, options] of [
        ["b", { secrets, mode }],
        ["a", { secrets, mode: other }],
        ["a", { secrets: [oldSecret], mode }]
      ] as const) {
        const server = yield* serverOf(name, options)
        assert.strictEqual((yield* server.get("/", sent(name, value))).text, "-")
      }
    })
  )

  it.effect("is no good after maxAge, whatever the browser keeps, nor before it was made", () =>
    Effect.gen(function* () {
      const server = yield* serverOf("a", { secrets, mode, maxAge: "1 minute" })
      yield* TestClock.adjust("1 hour")
      const value = setBy(yield* server.get("/?set=x"))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* server.get("/", sent("a", value))).text, "x")
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* server.get("/", sent("a", value))).text, "-")
      yield* TestClock.setTime(0)
      assert.strictEqual((yield* server.get("/", sent("a", value))).text, "-")
    })
  )

  it.effect("rotates: an old secret reads, and the new one writes", () =>
    Effect.gen(function* () {
      const before = yield* serverOf("a", { secrets: [oldSecret], mode })
      const during = yield* serverOf("a", { secrets: [newSecret, oldSecret], mode })
      const after = yield* serverOf("a", { secrets: [newSecret], mode })
      const old = setBy(yield* before.get("/?set=x"))
      assert.strictEqual((yield* during.get("/", sent("a", old))).text, "x")
      assert.strictEqual((yield* after.get("/", sent("a", old))).text, "-")
      const written = setBy(yield* during.get("/?set=y"))
      assert.strictEqual((yield* after.get("/", sent("a", written))).text, "y")
    })
  )

  it.effect("finds the good one of several cookies with its name, as a subdomain can add one", () =>
    Effect.gen(function* () {
      const server = yield* serverOf("a", { secrets, mode })
      const value = setBy(yield* server.get("/?set=x"))
      const headers = { cookie: `a=evil; b=2; a=${value}; a=` }
      assert.strictEqual((yield* server.get("/", { headers })).text, "x")
    })
  )

  it.effect("no changed character leaves it good", () =>
    Effect.gen(function* () {
      const server = yield* serverOf("a", { secrets, mode })
      const value = setBy(yield* server.get("/?set=some%20value"))
      for (let at = 0; at < value.length; at++) {
        for (const character of ["A", "B", ".", ""]) {
          const changed = value.slice(0, at) + character + value.slice(at + 1)
          if (changed === value) continue
          // The last character of a part has bits that do not count.
          if (character !== "" && character !== "." && (value[at + 1] === "." || at === value.length - 1)) continue
          assert.strictEqual((yield* server.get("/", sent("a", changed))).text, "-", `${at} ${character}`)
        }
      }
      for (const bad of ["", ".", "..", "...", "a.b.c", "%00", "é", "x".repeat(4000)]) {
        assert.strictEqual((yield* server.get("/", sent("a", encodeURIComponent(bad)))).text, "-", bad)
      }
    })
  )

  it.effect("fails with CookieTooLarge rather than let a browser drop it", () =>
    Effect.gen(function* () {
      const cookie = secureCookie("a", { secrets, mode })
      const server = yield* TestServer.make(
        Pipeline.make("p")
          .handle(Effect.as(cookie.write("x".repeat(4096)), HttpServerResponse.empty()))
          .catchTag("CookieTooLarge", (error) => HttpServerResponse.text(error.message, { status: 507 }))
      )
      const reply = yield* server.get("/")
      assert.strictEqual(reply.status, 507)
      assert.match(reply.text, /more than the 4096/)
      assert.isTrue(new CookieTooLarge({ name: "a", bytes: 5000, maxBytes: 4096 }).message.includes('"a"'))
    })
  )

  it.effect("expires with the attributes that it was set with", () =>
    Effect.gen(function* () {
      const server = yield* serverOf("a", { secrets, mode, path: "/shop", domain: "shop.test", sameSite: "strict" })
      const line = (yield* server.get("/?remove=1")).headers.getSetCookie()[0]!
      assert.match(
        line,
        /^a=; Max-Age=0; Domain=shop\.test; Path=\/shop; Expires=[^;]+; HttpOnly; Secure; SameSite=Strict$/
      )
    })
  )
})

describe("secureCookie", () => {
  it.effect("shows the value of a signed cookie, and hides that of a sealed one", () =>
    Effect.gen(function* () {
      const [signed, sealed] = yield* Effect.forEach(["signed", "sealed"] as const, (mode) =>
        Effect.flatMap(serverOf("a", { secrets, mode }), (server) => Effect.map(server.get("/?set=hello"), setBy))
      )
      assert.include(signed, btoa("hello").replace("=", ""))
      assert.notInclude(sealed, btoa("hello").replace("=", ""))
    })
  )

  it.effect("can be partitioned", () =>
    Effect.gen(function* () {
      const server = yield* serverOf("__Host-a", { secrets, partitioned: true, sameSite: "none" })
      assert.match(
        (yield* server.get("/?set=x")).headers.getSetCookie()[0]!,
        /Secure; Partitioned; SameSite=None$|Secure; SameSite=None; Partitioned$/
      )
    })
  )

  it("rejects attributes that would add others, or a second field (CVE-2026-47675)", () => {
    for (const added of ["; Domain=evil.test", "\r\nSet-Cookie: sid=evil", "\n", " ; HttpOnly"]) {
      const attributes = [
        ...["lax", "Lax"].map((sameSite) => ({ sameSite: sameSite + added })),
        ...["/", "/shop"].map((path) => ({ path: path + added })),
        { domain: `shop.test${added}` }
      ]
      for (const attribute of attributes) {
        const options = { secrets, ...attribute } as SecureCookieOptions
        assert.throws(() => secureCookie("a", options), InvalidOption, undefined, JSON.stringify(attribute))
      }
      assert.throws(() => secureCookie(`a${added}`, { secrets }), InvalidOption)
    }
  })

  it("rejects names, prefixes and options that contradict one another", () => {
    const good = { secrets }
    for (const [name, options] of [
      ["", good],
      ["a b", good],
      ["a;b", good],
      ["é", good],
      ["__Host-a", { ...good, domain: "a.test" }],
      ["__Host-a", { ...good, path: "/a" }],
      ["__HOST-a", { ...good, secure: false }],
      ["__Secure-a", { ...good, secure: false }],
      ["a", { ...good, sameSite: "none", secure: false }],
      ["a", { ...good, partitioned: true, secure: false }],
      ["a", { ...good, path: "a" }],
      ["a", { ...good, path: "/a;b" }],
      ["a", { ...good, domain: "a;b" }],
      ["a", { secrets: [] }],
      ["a", { secrets: [Redacted.make("too short")] }],
      ["a", { ...good, maxAge: NaN }]
    ] as const) {
      assert.throws(() => secureCookie(name, options), InvalidOption, undefined, `${name} ${JSON.stringify(options)}`)
    }
    // @ts-expect-error - there are two modes
    assert.throws(() => secureCookie("a", { secrets, mode: "plain" }), InvalidOption)
  })
})

describe("the values of a cookie", () => {
  it("are found as the field has them", () => {
    assert.deepStrictEqual(cookieValues('a=1; b=2;a=3 ; a="4"; aa=5; a', "a"), ["1", "3", "4"])
    assert.deepStrictEqual(cookieValues(undefined, "a"), [])
    assert.lengthOf(cookieValues("a=1;".repeat(100), "a"), 8)
    fc.assert(fc.property(fc.string(), (text) => void cookieValues(text, "a")))
  })
})
