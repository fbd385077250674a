import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Redacted, Schema } from "effect"
import { HttpServerResponse } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
import { bearer, Unauthorized } from "fairlead/server/middleware"
import * as fc from "fast-check"

import { requestOf, response, run, trailOf } from "../Journal.ts"
import { logsOf, shown } from "../Logs.ts"
import { serving } from "../Socket.ts"

class CurrentUser extends Context.Service<CurrentUser, string>()("test/CurrentUser") {}
class Down extends Schema.TaggedError<Down>()("Down", {}) {}
class Authenticate extends Middleware.Service<Authenticate>()("test/Authenticate", {
  provides: CurrentUser,
  error: [Unauthorized, Down]
}) {}

/** The token of RFC 6750 §2.1. */
const example = "mF_9.B5f-4.1JqM"

const verify = (token: Redacted.Redacted): Effect.Effect<string, Unauthorized | Down> => {
  switch (Redacted.value(token)) {
    case example:
      return Effect.succeed("Ada")
    case "narrow":
      return Effect.fail(new Unauthorized({ error: "insufficient_scope", scope: "rooms:write rooms:read" }))
    case "down":
      return Effect.fail(new Down())
    case "elsewhere":
      return Effect.fail(new Unauthorized({ error: "invalid_token", realm: "elsewhere" }))
    default:
      return Effect.andThen(Effect.yieldNow, Effect.fail(new Unauthorized({ error: "invalid_token" })))
  }
}

const app = Pipeline.make("p")
  .before(Authenticate)
  .handle(Effect.map(CurrentUser, (name) => response(name)))
  .catchTag("Down", () => HttpServerResponse.empty({ status: 503 }))
  .respond()

type Options = Omit<Parameters<typeof bearer>[0], "verify">

/** Status, challenge and user of a request with this header. */
const answers = (authorization: string | undefined, options: Options = { realm: "example" }) =>
  Effect.gen(function* () {
    const layer = Authenticate.layer(bearer({ ...options, verify }))
    const request = requestOf("/", authorization === undefined ? {} : { headers: { authorization } })
    const answer = yield* Effect.flatten(Effect.provide(run(app, request), layer))
    return [answer.status, answer.headers["www-authenticate"], trailOf(answer)]
  }).pipe(
    logsOf,
    Effect.map(([answer]) => answer)
  )

describe("the examples of RFC 6750", () => {
  it.effect("server 4: the request of §2.1 is authenticated", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* answers(`Bearer ${example}`), [200, undefined, "Ada"])
    })
  )

  it.effect("server 4: the first response of §3: no authentication, a challenge without an error code", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* answers(undefined), [401, 'Bearer realm="example"', ""])
    })
  )

  it.effect("server 4: the second response of §3: an expired token, with error and error_description", () =>
    Effect.gen(function* () {
      const expired = new Unauthorized({
        error: "invalid_token",
        description: "The access token expired",
        realm: "example"
      })
      const answer = yield* Effect.flatten(
        run(
          Pipeline.make("p")
            .handle(() => Exit.fail(expired))
            .respond()
        )
      )
      assert.strictEqual(answer.status, 401)
      assert.strictEqual(
        answer.headers["www-authenticate"],
        'Bearer realm="example", error="invalid_token", error_description="The access token expired"'
      )
    }).pipe(logsOf)
  )

  it.effect("server 4: the codes of §3.1 have their statuses: 400, 401 and 403, the last with the scope", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* answers("Bearer a b"))[0], 400)
      assert.strictEqual((yield* answers("Bearer unknown"))[0], 401)
      assert.deepStrictEqual(yield* answers("Bearer narrow"), [
        403,
        'Bearer realm="example", error="insufficient_scope", scope="rooms:write rooms:read"',
        ""
      ])
    })
  )
})

describe("which requests bring a token", () => {
  it.effect("server 4: another scheme is no token at all", () =>
    Effect.gen(function* () {
      for (const header of ["Basic QWRhOnNlY3JldA==", "Bearers abc", "Bearer\tabc", "", "Digest x"]) {
        assert.deepStrictEqual(yield* answers(header), [401, 'Bearer realm="example"', ""], header)
      }
    })
  )

  it.effect("server 4: the scheme's case and the spaces around the token do not matter", () =>
    Effect.gen(function* () {
      for (const scheme of ["Bearer", "bearer", "BEARER", "bEaReR"]) {
        for (const spaces of [" ", "   "]) {
          assert.deepStrictEqual((yield* answers(`${scheme}${spaces}${example}`))[2], "Ada")
        }
      }
    })
  )

  it.effect("server 4: a bearer header that is none of the grammar is an invalid request", () =>
    Effect.gen(function* () {
      for (const token of ["a b", "a,b", "ä", '"a"', "=a", "a=b", "a\tb", "a;b", "{}", "==="]) {
        const [status, challenge] = yield* answers(`Bearer ${token}`)
        assert.strictEqual(status, 400, token)
        assert.match(String(challenge), /^Bearer realm="example", error="invalid_request", error_description="/)
      }
      for (const header of ["Bearer", "bearer "]) {
        assert.strictEqual((yield* answers(header))[0], 400)
      }
    })
  )

  it.effect("server 4: a token over the limit is an invalid request, one at the limit is looked at", () =>
    Effect.gen(function* () {
      const long = "a".repeat(4096)
      assert.include(String((yield* answers(`Bearer ${long}`))[1]), "invalid_token")
      assert.include(String((yield* answers(`Bearer ${long}a`))[1]), "longer than 4096 characters")
      const short = { maxLength: example.length }
      assert.strictEqual((yield* answers(`Bearer ${example}`, short))[2], "Ada")
      assert.strictEqual((yield* answers(`Bearer ${example}x`, short))[0], 400)
    })
  )

  it.live("server 4: what follows the grammar of RFC 6750 §2.1 reaches verify as it is, and nothing else does", () =>
    Effect.promise(() => {
      const letters = "ABCXYZabcxyz0189-._~+/"
      const b64token = fc
        .tuple(
          fc.string({ unit: fc.constantFrom(...Array.from(letters)), minLength: 1, maxLength: 60 }),
          fc.nat({ max: 3 })
        )
        .map(([text, padding]) => text + "=".repeat(padding))
      const credentials = fc
        .tuple(fc.constantFrom("Bearer", "bearer", "BEARER"), fc.nat({ max: 3 }), b64token)
        .map(([scheme, more, token]) => ({ header: `${scheme} ${" ".repeat(more)}${token}`, token }))
      const anything = fc
        .string({ unit: fc.constantFrom("a", "Z", "0", "=", " ", ",", '"', "\t", "~", "é"), maxLength: 20 })
        .map((text) => ({ header: `Bearer ${text}`, token: undefined }))
      // The grammar again, by hand: one or more letters, then padding, and nothing else.
      const tokenOf = (header: string): string | undefined => {
        const text = header.slice("bearer".length).replace(/^ +/, "").replace(/ +$/, "")
        const bare = text.replace(/=+$/, "")
        return bare !== "" && Array.from(bare).every((letter) => /[A-Za-z0-9._~+/-]/.test(letter)) ? text : undefined
      }
      return fc.assert(
        fc.asyncProperty(fc.oneof(credentials, anything), async ({ header, token }) => {
          const seen: Array<string> = []
          const run = bearer({ verify: (token) => Effect.sync(() => seen.push(Redacted.value(token))) })
          const request = requestOf().modify({ headers: { ...requestOf().headers, authorization: header } })
          const exit = await Effect.runPromiseExit(run(request))
          const expected = tokenOf(header)
          if (token !== undefined) assert.strictEqual(expected, token)
          assert.deepStrictEqual(seen, expected === undefined ? [] : [expected])
          assert.strictEqual(Exit.isSuccess(exit), expected !== undefined)
        }),
        { numRuns: 1000 }
      )
    })
  )
})

describe("the challenge", () => {
  it("server 4: it has only what is there, and quotes it so that nothing breaks out", () => {
    assert.strictEqual(new Unauthorized({}).challenge, "Bearer")
    const evil = new Unauthorized({ realm: 'a"b\\c', error: "invalid_token", description: "é\r\nSet-Cookie: x=1\t" })
    assert.strictEqual(
      evil.challenge,
      'Bearer realm="a?b?c", error="invalid_token", error_description="???Set-Cookie: x=1?"'
    )
  })

  it("server 4: whatever its members are, the challenge is one line of printable ASCII with balanced quotes", () => {
    const text = fc.option(fc.string({ unit: "binary" }), { nil: undefined })
    fc.assert(
      fc.property(text, text, text, (realm, description, scope) => {
        const { challenge } = new Unauthorized({
          error: "insufficient_scope",
          ...(realm === undefined ? {} : { realm }),
          ...(description === undefined ? {} : { description }),
          ...(scope === undefined ? {} : { scope })
        })
        assert.match(challenge, /^Bearer (?:[a-z_]+="[\x20\x21\x23-\x5b\x5d-\x7e]*"(?:, |$))+$/)
      }),
      { numRuns: 500 }
    )
  })

  it.effect("server 4: the realm is filled in, unless the error has one; without one there is none", () =>
    Effect.gen(function* () {
      assert.include(String((yield* answers("Bearer unknown"))[1]), 'realm="example"')
      assert.include(String((yield* answers("Bearer elsewhere"))[1]), 'realm="elsewhere"')
      assert.strictEqual((yield* answers("Bearer unknown", {}))[1], 'Bearer error="invalid_token"')
    })
  )

  it("server 4: in() keeps every member, and gives the same error when there is nothing to change", () => {
    const whole = new Unauthorized({ error: "insufficient_scope", description: "d", scope: "s" })
    const placed = whole.in("r")
    assert.deepStrictEqual(
      [placed.error, placed.description, placed.scope, placed.realm],
      ["insufficient_scope", "d", "s", "r"]
    )
    assert.strictEqual(whole.in(undefined), whole)
    assert.strictEqual(placed.in("other"), placed)
    assert.strictEqual(whole.message, "d")
    assert.strictEqual(new Unauthorized({ error: "invalid_token" }).message, "invalid_token")
    assert.match(new Unauthorized({}).message, /bearer token/)
  })
})

describe("errors and secrets", () => {
  it.effect("server 4: an error that says it could not tell passes as it is", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* answers("Bearer down"))[0], 503)
    })
  )

  it.effect("server 4: the token is in no log, no error and no response", () =>
    Effect.gen(function* () {
      const secret = "s3cret-T0ken"
      const layer = Authenticate.layer(
        bearer({
          realm: "example",
          verify: (token) =>
            Effect.andThen(
              Effect.log("verifying", token),
              Redacted.value(token) === secret
                ? Effect.fail(new Unauthorized({ error: "invalid_token" }))
                : Effect.die(new Error(`cannot read ${JSON.stringify(token)}`))
            )
        })
      )
      for (const authorization of [`Bearer ${secret}`, `Bearer ${secret} x`, `Bearer ${secret}x`]) {
        const request = requestOf("/", { headers: { authorization } })
        const whole = app.catchDefect(() => HttpServerResponse.empty({ status: 500 }))
        const [exit, lines] = yield* logsOf(Effect.provide(run(whole, request), layer))
        const answer = yield* exit
        assert.isAbove(lines.length, 0)
        assert.notInclude(lines.map(shown).join("\n"), secret)
        assert.notInclude(JSON.stringify([answer.status, answer.headers]), secret)
        const plain = Pipeline.make("p").before(Authenticate).handle(response("H"))
        const failed = yield* Effect.provide(run(plain, request), layer)
        assert.notInclude(Exit.isFailure(failed) ? Cause.pretty(failed.cause) + JSON.stringify(failed) : secret, secret)
      }
    })
  )

  it.effect("server 4: a test swaps it by another layer", () =>
    Effect.gen(function* () {
      const inTests = Authenticate.layer(() => "Tester")
      assert.strictEqual(trailOf(yield* Effect.flatten(Effect.provide(run(app), inTests))), "Tester")
    })
  )

  it.live("server 4: on a socket the challenge is a header of the answer", () =>
    Effect.gen(function* () {
      const { call } = yield* serving(Pipeline.serve(app))
      const refused = yield* call("/")
      assert.deepStrictEqual([refused.status, refused.headers.get("www-authenticate")], [401, 'Bearer realm="example"'])
      const allowed = yield* call("/", { headers: { authorization: `Bearer ${example}` } })
      assert.deepStrictEqual([allowed.status, allowed.headers.get("trail")], [200, "Ada"])
    }).pipe(Effect.provide(Authenticate.layer(bearer({ realm: "example", verify }))), logsOf)
  )
})
