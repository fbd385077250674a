import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Redacted, Schema } from "effect"
import { HttpServerResponse } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
import { authentication, AuthenticationError } from "fairlead/server/middleware"
import type { AuthenticationOptions } from "fairlead/server/middleware"
import * as fc from "fast-check"

import { requestOf, response, run, trailOf } from "../Journal.ts"
import { logsOf, shown } from "../Logs.ts"
import { serving } from "../Socket.ts"

class CurrentUser extends Context.Service<CurrentUser, string>()("test/CurrentUser") {}
class Down extends Schema.TaggedError<Down>()("Down", {}) {}
class Authenticate extends Middleware.Service<Authenticate>()("test/Authenticate", {
  provides: CurrentUser,
  error: [AuthenticationError, Down]
}) {}

/** The token of RFC 6750 §2.1. */
const example = "mF_9.B5f-4.1JqM"

const invalid = { _tag: "InvalidCredential" } as const

const verify = (token: Redacted.Redacted): Effect.Effect<string, AuthenticationError | Down> => {
  switch (Redacted.value(token)) {
    case example:
      return Effect.succeed("Ada")
    case "narrow":
      return Effect.fail(
        new AuthenticationError({ reason: { _tag: "InsufficientScope", scope: "rooms:write rooms:read" } })
      )
    case "down":
      return Effect.fail(new Down())
    case "elsewhere":
      return Effect.fail(new AuthenticationError({ reason: invalid, realm: "elsewhere" }))
    default:
      return Effect.andThen(Effect.yieldNow, Effect.fail(new AuthenticationError({ reason: invalid })))
  }
}

const app = Pipeline.make("p")
  .before(Authenticate)
  .handle(Effect.map(CurrentUser, (name) => response(name)))
  .catchTag("Down", () => HttpServerResponse.empty({ status: 503 }))
  .respond()

type Options = Pick<AuthenticationOptions<never>, "realm" | "maxTokenChars">

/** Status, challenge and user of a request with this header. */
const answers = (authorization: string | undefined, options: Options = { realm: "example" }) =>
  Effect.gen(function* () {
    const layer = Authenticate.layer(authentication(CurrentUser, { from: "bearer", ...options, verify }))
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
      const expired = new AuthenticationError({
        reason: { _tag: "InvalidCredential", description: "The access token expired" },
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

  it.effect("server 4: a bearer header outside of the grammar is an invalid request", () =>
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
      const short = { maxTokenChars: example.length }
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
          const seeing = authentication(CurrentUser, {
            from: "bearer",
            verify: (token) => Effect.sync(() => (seen.push(Redacted.value(token)), "Ada"))
          })
          const request = requestOf().modify({ headers: { ...requestOf().headers, authorization: header } })
          const exit = await Effect.runPromise(run(Pipeline.make("p").before(seeing).handle(response("H")), request))
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
    assert.strictEqual(new AuthenticationError({ reason: { _tag: "MissingCredential" } }).challenge, "Bearer")
    const evil = new AuthenticationError({
      reason: { _tag: "InvalidCredential", description: "é\r\nSet-Cookie: x=1\t" },
      realm: 'a"b\\c'
    })
    assert.strictEqual(
      evil.challenge,
      'Bearer realm="a?b?c", error="invalid_token", error_description="???Set-Cookie: x=1?"'
    )
  })

  it("server 4: whatever its members are, the challenge is one line of printable ASCII with balanced quotes", () => {
    const text = fc.option(fc.string({ unit: "binary" }), { nil: undefined })
    fc.assert(
      fc.property(text, text, text, (realm, description, scope) => {
        const { challenge } = new AuthenticationError({
          reason: {
            _tag: "InsufficientScope",
            ...(description === undefined ? {} : { description }),
            ...(scope === undefined ? {} : { scope })
          },
          ...(realm === undefined ? {} : { realm })
        })
        assert.match(challenge, /^Bearer (?:[a-z_]+="[\x20\x21\x23-\x5b\x5d-\x7e]*"(?:, |$))+$/)
      }),
      { numRuns: 500 }
    )
  })

  it.effect("server 4: the realm is filled in, unless the error has one; without a realm it is omitted", () =>
    Effect.gen(function* () {
      assert.include(String((yield* answers("Bearer unknown"))[1]), 'realm="example"')
      assert.include(String((yield* answers("Bearer elsewhere"))[1]), 'realm="elsewhere"')
      assert.strictEqual((yield* answers("Bearer unknown", {}))[1], 'Bearer error="invalid_token"')
    })
  )

  it("server 4: its message is the description, or says what to do", () => {
    assert.strictEqual(new AuthenticationError({ reason: { ...invalid, description: "d" } }).message, "d")
    assert.match(new AuthenticationError({ reason: invalid }).message, /InvalidCredential/)
    assert.match(new AuthenticationError({ reason: { _tag: "MissingCredential" } }).message, /Send a credential/)
  })
})

describe("other places of a credential", () => {
  it.effect("server 4: a header, a cookie and a query parameter have their challenges", () =>
    Effect.gen(function* () {
      for (const [from, request, scheme] of [
        [{ header: "X-Api-Key" }, requestOf("/", { headers: { "x-api-key": example } }), "ApiKey"],
        [{ cookie: "session" }, requestOf("/", { headers: { cookie: `session=${example}` } }), "Cookie"],
        [{ param: "key" }, requestOf(`/?a=1&key=${encodeURIComponent(example)}`), "ApiKey"]
      ] as const) {
        const layer = Authenticate.layer(authentication(CurrentUser, { from, verify }))
        const allowed = yield* Effect.flatten(Effect.provide(run(app, request), layer))
        assert.strictEqual(trailOf(allowed), "Ada")
        const [rejected] = yield* logsOf(Effect.flatten(Effect.provide(run(app), layer)))
        assert.deepStrictEqual([rejected.status, rejected.headers["www-authenticate"]], [401, scheme])
      }
    })
  )

  it.effect("server 4: a request without a credential may be anonymous, a bad credential never is", () =>
    Effect.gen(function* () {
      const layer = Authenticate.layer(authentication(CurrentUser, { from: "bearer", verify, anonymous: "guest" }))
      const guest = yield* Effect.flatten(Effect.provide(run(app), layer))
      assert.strictEqual(trailOf(guest), "guest")
      const request = requestOf("/", { headers: { authorization: "Bearer unknown" } })
      const [rejected] = yield* logsOf(Effect.flatten(Effect.provide(run(app, request), layer)))
      assert.strictEqual(rejected.status, 401)
    })
  )

  it("server 4: a limit of NaN is refused at once", () => {
    assert.throws(() => authentication(CurrentUser, { from: "bearer", verify, maxTokenChars: NaN }), /maxTokenChars/)
  })
})

describe("errors and secrets", () => {
  it.effect("server 4: an error for an undecided verification passes as it is", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* answers("Bearer down"))[0], 503)
    })
  )

  it.effect("server 4: the token is in no log, no error and no response", () =>
    Effect.gen(function* () {
      const secret = "s3cret-T0ken"
      const layer = Authenticate.layer(
        authentication(CurrentUser, {
          from: "bearer",
          realm: "example",
          verify: (token) =>
            Effect.andThen(
              Effect.log("verifying", token),
              Redacted.value(token) === secret
                ? Effect.fail(new AuthenticationError({ reason: invalid }))
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
      const inTests = Authenticate.layer(Middleware.before("in-tests", CurrentUser, () => "Tester"))
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
    }).pipe(
      Effect.provide(Authenticate.layer(authentication(CurrentUser, { from: "bearer", realm: "example", verify }))),
      logsOf
    )
  )
})
