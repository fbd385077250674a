/** Tokens by RFC 8725, and the faults of other implementations. */
import { createHmac, generateKeyPairSync } from "node:crypto"

import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Redacted, Result } from "effect"
import { HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { InvalidOption } from "fairlead"
import { Pipeline } from "fairlead/server"
import { authentication, Jwt } from "fairlead/server/middleware"
import * as fc from "fast-check"
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from "jose"

import { requestOf, run } from "../Journal.ts"
import { logsOf } from "../Logs.ts"

const issuer = "https://id.example"
const audience = "https://api.example"
const now = 1_700_000_000

const pairOf = async (alg: string, kid: string) => {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kty: "EC", kid, alg } }
}

const [one, other] = await Promise.all([pairOf("ES256", "one"), pairOf("ES256", "other")])
const options = { keys: { keys: [one.jwk] }, algorithms: ["ES256"], issuer, audience } as const

type Parts = Readonly<Record<string, unknown>>

const signed = (claims: Parts = {}, header: Parts = {}, key: CryptoKey = one.privateKey) =>
  Effect.promise(() =>
    new SignJWT({ iss: issuer, aud: audience, sub: "ann", exp: now + 60, ...claims })
      .setProtectedHeader({ alg: "ES256", kid: "one", ...header })
      .sign(key)
  )

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url")
const body = base64({ iss: issuer, aud: audience, sub: "eve", exp: now + 60 })

/** The subject of a token, or the description of its error. */
const subjectOf = <E>(token: string, changed: Partial<Jwt.VerifierOptions<E>> = {}) =>
  Effect.gen(function* () {
    yield* TestClock.setTime(now * 1000)
    const verify = Jwt.verifier<E>({ ...options, ...changed })
    const result = yield* Effect.result(verify(Redacted.make(token)))
    return Result.isSuccess(result) ? result.success.sub : (result.failure as Error).message
  })

const notAccepted = "The algorithm of the token is not accepted"

describe("Jwt.verifier", () => {
  it.effect("middleware: accepts a token of its issuer, for its audience", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* subjectOf(yield* signed()), "ann")
      assert.strictEqual(yield* subjectOf(yield* signed({ aud: ["https://other.example", audience] })), "ann")
      assert.strictEqual(yield* subjectOf(yield* signed(), { issuer: ["https://a.example", issuer] }), "ann")
      // Without an id each key that fits is tried.
      const nameless = yield* signed({}, { kid: undefined })
      assert.strictEqual(yield* subjectOf(nameless, { keys: { keys: [other.jwk, one.jwk] } }), "ann")
    })
  )

  it.effect("middleware: refuses another issuer, another audience, and a token without iss, aud or exp", () =>
    Effect.gen(function* () {
      for (const [claims, expected] of [
        [{ iss: "https://evil.example" }, "The token's iss is not accepted"],
        [{ iss: undefined }, "The token's iss is not accepted"],
        [{ aud: "https://other.example" }, "The token's aud is not accepted"],
        [{ aud: undefined }, "The token's aud is not accepted"],
        [{ aud: [] }, "The token's aud is not accepted"],
        [{ exp: undefined }, "The token's exp is not accepted"],
        [{ exp: "tomorrow" }, "The token's exp is not accepted"],
        [{ nbf: "yesterday" }, "The token is not valid yet"]
      ] as const) {
        assert.strictEqual(yield* subjectOf(yield* signed(claims)), expected)
      }
    })
  )

  it.effect("middleware: compares exp and nbf by Effect's clock, with the skew", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* subjectOf(yield* signed({ exp: now - 29 })), "ann")
      assert.strictEqual(yield* subjectOf(yield* signed({ exp: now - 30 })), "The token has expired")
      assert.strictEqual(yield* subjectOf(yield* signed({ nbf: now + 30 })), "ann")
      assert.strictEqual(yield* subjectOf(yield* signed({ nbf: now + 31 })), "The token is not valid yet")
      const exact = { skew: 0 }
      assert.strictEqual(yield* subjectOf(yield* signed({ exp: now }), exact), "The token has expired")
      assert.strictEqual(yield* subjectOf(yield* signed({ exp: now + 1 }), exact), "ann")
    })
  )

  it.effect("middleware: refuses another typ where the option says one", () =>
    Effect.gen(function* () {
      const wrong = "The token's typ is not accepted"
      const at = { type: "at+jwt" }
      assert.strictEqual(yield* subjectOf(yield* signed({}, { typ: "at+jwt" }), at), "ann")
      assert.strictEqual(yield* subjectOf(yield* signed({}, { typ: "application/at+jwt" }), at), "ann")
      for (const typ of ["JWT", undefined, "logout+jwt"]) {
        assert.strictEqual(yield* subjectOf(yield* signed({}, { typ }), at), wrong)
      }
    })
  )
})

describe("the faults of others", () => {
  it.effect(
    "CVE-2026-22817, CVE-2026-22818: the algorithm is that of the option, with a public key as secret and without `alg` in the key",
    () =>
      Effect.gen(function* () {
        // An attacker signs by HS256 with the public key, as text, as JSON and as bytes.
        const spki = yield* Effect.promise(() => exportSPKI(one.publicKey))
        for (const secret of [spki, JSON.stringify(one.jwk), one.jwk.x!]) {
          const text = `${base64({ alg: "HS256", kid: "one" })}.${body}`
          const token = `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`
          assert.strictEqual(yield* subjectOf(token), notAccepted)
        }
        const bare = { keys: [{ ...one.jwk, alg: undefined }] }
        const text = `${base64({ alg: "HS256", kid: "one" })}.${body}`
        const forged = `${text}.${createHmac("sha256", spki).update(text).digest("base64url")}`
        assert.strictEqual(yield* subjectOf(forged, { keys: bare }), notAccepted)
        assert.strictEqual(yield* subjectOf(yield* signed(), { keys: bare }), "ann")
        const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "jwk" })
        const keys = { keys: [{ ...rsa, kty: "RSA", kid: "one" }] }
        assert.strictEqual(yield* subjectOf(yield* signed(), { keys }), "No key fits the token")
      })
  )

  it("HS algorithms and public keys are refused together, as is a short secret", () => {
    const secret = Redacted.make(new Uint8Array(32))
    for (const changed of [
      { algorithms: ["HS256"] },
      { algorithms: ["ES256", "HS256"] },
      { keys: secret },
      { keys: secret, algorithms: ["HS512"] },
      { algorithms: [] },
      { algorithms: ["none" as "ES256"] },
      { issuer: "" },
      { issuer: [] },
      { audience: [""] },
      { skew: -1 },
      { name: "" }
    ] as ReadonlyArray<Partial<Jwt.VerifierOptions>>) {
      assert.throws(() => Jwt.verifier({ ...options, ...changed }), InvalidOption)
    }
    Jwt.verifier({ ...options, keys: secret, algorithms: ["HS256"] })
  })

  it.effect("none is refused in every spelling, signed or not", () =>
    Effect.gen(function* () {
      for (const alg of ["none", "None", "nOnE", "NONE", "", null, 0, ["ES256"], undefined]) {
        for (const signature of ["", "AAAA"]) {
          assert.strictEqual(yield* subjectOf(`${base64({ alg, kid: "one" })}.${body}.${signature}`), notAccepted)
        }
      }
    })
  )

  it.effect("a header with crit is refused, whatever it lists", () =>
    Effect.gen(function* () {
      const token = yield* signed()
      const [, claims, signature] = token.split(".")
      for (const crit of [["b64"], ["x-unknown"], [], "b64", null, ["exp"]]) {
        const header = base64({ alg: "ES256", kid: "one", crit, b64: true })
        assert.strictEqual(yield* subjectOf(`${header}.${claims}.${signature}`), "The token needs an unknown extension")
      }
    })
  )

  it.effect("a key, a URL or a certificate in the header is not looked at", () =>
    Effect.gen(function* () {
      for (const header of [
        { jwk: other.jwk },
        { jwk: other.jwk, kid: "other" },
        { jku: "https://evil.example/keys" },
        { x5u: "https://evil.example/certificate" },
        { x5c: ["AAAA"] }
      ]) {
        const message = yield* subjectOf(yield* signed({ sub: "eve" }, header, other.privateKey))
        assert.include(["The signature of the token does not fit", "No key fits the token"], message)
      }
    })
  )

  it.effect("a changed claim, a cut signature and a token of another form are refused", () =>
    Effect.gen(function* () {
      const token = yield* signed()
      const [header, claims, signature] = token.split(".")
      const tokens = [
        `${header}.${body}.${signature}`,
        `${header}.${claims}.`,
        `${header}.${claims}`,
        `${header}.${claims}.${signature}.`,
        `${header}.${claims}.${signature!.slice(1)}`,
        `${header}..${signature}`,
        "",
        ".",
        "...",
        "a.b.c",
        `${base64([])}.${body}.`,
        `${base64("ES256")}.${body}.`,
        `${base64({ alg: "ES256", kid: 1 })}.${body}.`
      ]
      for (const token of tokens) assert.notInclude(["ann", "eve", undefined], yield* subjectOf(token))
    })
  )

  it.effect("no text is a defect", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(fc.string({ maxLength: 60 }), fc.jsonValue(), async (text, value) => {
          for (const token of [text, `${base64(value)}.${text}`, `${base64({ alg: "ES256", kid: text })}.${text}.`]) {
            const exit = await Effect.runPromise(Effect.result(Jwt.verifier(options)(Redacted.make(token))))
            assert.isTrue(Result.isFailure(exit))
          }
        })
      )
    )
  )
})

describe("Jwt.verifier in authentication", () => {
  class User extends Context.Service<User, Jwt.Claims>()("test/User") {}

  it.effect("middleware: a bad token is a 401 with the challenge of RFC 6750", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(now * 1000)
      const app = Pipeline.make("p")
        .before(authentication(User, { from: "bearer", realm: "api", verify: Jwt.verifier(options) }))
        .handle(Effect.map(User, ({ sub }) => HttpServerResponse.text(sub ?? "")))
        .respond()
      const answer = (token: string) =>
        Effect.flatten(run(app, requestOf("/", { headers: { authorization: `Bearer ${token}` } })))
      assert.strictEqual((yield* answer(yield* signed())).status, 200)
      // CVE-2026-47673: another scheme is no bearer token.
      const token = yield* signed()
      for (const scheme of ["Basic", "Token", "Bearerx"]) {
        const request = requestOf("/", { headers: { authorization: `${scheme} ${token}` } })
        const { headers, status } = yield* Effect.flatten(run(app, request))
        assert.deepStrictEqual([status, headers["www-authenticate"]], [401, 'Bearer realm="api"'])
      }
      const expired = yield* answer(yield* signed({ exp: 1 }))
      assert.deepStrictEqual(
        [expired.status, expired.headers["www-authenticate"]],
        [401, 'Bearer realm="api", error="invalid_token", error_description="The token has expired"']
      )
    }).pipe(logsOf)
  )
})
