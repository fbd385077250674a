/** The credentials of Basic authentication (RFC 7617) and of an API key. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Redacted } from "effect"
import { HttpServerResponse } from "effect/http"
import { InvalidOption } from "fairlead"
import { Pipeline } from "fairlead/server"
import { authentication, AuthenticationError, sameSecret } from "fairlead/server/middleware"
import type { BasicCredential } from "fairlead/server/middleware"

import { requestOf, run } from "../Journal.ts"
import { logsOf } from "../Logs.ts"

class CurrentUser extends Context.Service<CurrentUser, string>()("test/CurrentUser") {}

const byKey = (key: Redacted.Redacted) =>
  Effect.flatMap(sameSecret(key, Redacted.make("k-7f3a")), (isSame) =>
    isSame ? Effect.succeed("partner") : Effect.fail(new AuthenticationError({ reason: { _tag: "InvalidCredential" } }))
  )

describe("basic", () => {
  const password = Redacted.make("open sesame")
  const byPassword = authentication(CurrentUser, {
    from: "basic",
    realm: "WallyWorld",
    verify: ({ password: sent, username }) =>
      Effect.flatMap(sameSecret(sent, password), (isSame) =>
        isSame
          ? Effect.succeed(username)
          : Effect.fail(new AuthenticationError({ reason: { _tag: "InvalidCredential" } }))
      )
  })
  const basic = Pipeline.make("p")
    .before(byPassword)
    .handle(Effect.map(CurrentUser, (name) => HttpServerResponse.text(encodeURIComponent(name))))
    .respond()
  const challenge = 'Basic realm="WallyWorld", charset="UTF-8"'
  const send = (authorization: string | undefined, app = basic) =>
    Effect.gen(function* () {
      const request = requestOf("/", authorization === undefined ? {} : { headers: { authorization } })
      const answer = yield* Effect.flatten(run(app, request))
      return [answer.status, answer.headers["www-authenticate"]]
    }).pipe(
      logsOf,
      Effect.map(([answer]) => answer)
    )
  const encode = (text: string | Uint8Array) => `Basic ${Buffer.from(text).toString("base64")}`

  it.effect("middleware: the examples of RFC 7617: Aladdin, and a name beyond ASCII", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* send("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), [200, undefined])
      assert.deepStrictEqual(yield* send("basic  QWxhZGRpbjpvcGVuIHNlc2FtZQ== "), [200, undefined])
      // §2.1: the user "test" with the password "123£".
      const seen: Array<string> = []
      const verify = (credential: BasicCredential) =>
        Effect.sync(() => {
          seen.push(credential.username, Redacted.value(credential.password))
          return credential.username
        })
      const app = Pipeline.make("p")
        .before(authentication(CurrentUser, { from: "basic", realm: "foo", verify }))
        .handle(Effect.as(CurrentUser, HttpServerResponse.empty()))
        .respond()
      yield* send("Basic dGVzdDoxMjPCow==", app)
      yield* send(encode("a:b:c"), app)
      yield* send(encode(":"), app)
      assert.deepStrictEqual(seen, ["test", "123£", "a", "b:c", "", ""])
    })
  )

  it.effect("middleware: a refusal has realm and charset, and no error code; a malformed header is 400", () =>
    Effect.gen(function* () {
      for (const header of [
        undefined,
        "Bearer abc",
        "Basics YTpi",
        encode("Aladdin:open Sesame"),
        encode("Aladdin:")
      ]) {
        assert.deepStrictEqual(yield* send(header), [401, challenge], header)
      }
      const control = encode(Uint8Array.from([97, 58, 7]))
      const notUtf8 = encode(Uint8Array.from([97, 58, 0xff]))
      for (const header of [
        "Basic",
        "Basic ",
        "Basic a",
        "Basic YTpi YTpi",
        "Basic ====",
        encode("no colon"),
        control,
        notUtf8
      ]) {
        assert.deepStrictEqual(yield* send(header), [400, challenge], header)
      }
      assert.strictEqual((yield* send(encode(`a:${"b".repeat(4000)}`)))[0], 400)
    })
  )

  it("middleware: it needs a realm, as no other place does", () => {
    const verify = () => Effect.succeed("ann")
    assert.throws(() => authentication(CurrentUser, { from: "basic", verify }), InvalidOption)
    authentication(CurrentUser, { from: { header: "x-api-key" }, verify })
  })

  it.effect("middleware: sameSecret compares texts of every length", () =>
    Effect.gen(function* () {
      const same = (a: string, b: string) => sameSecret(Redacted.make(a), Redacted.make(b))
      for (const text of ["", "a", "open sesame", "ä€𝄞", "x".repeat(5000)]) {
        assert.isTrue(yield* same(text, text))
        for (const other of [`${text}a`, `a${text}`, `${text}\0`]) assert.isFalse(yield* same(text, other))
      }
    })
  )
})

describe("an API key", () => {
  it.effect("middleware: it is read from its header, in any case; without it the challenge names the scheme", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .before(authentication(CurrentUser, { from: { header: "X-Api-Key" }, realm: "api", verify: byKey }))
        .handle(Effect.as(CurrentUser, HttpServerResponse.empty()))
        .respond()
      const send = (headers: Record<string, string>) => Effect.flatten(run(app, requestOf("/", { headers })))
      assert.strictEqual((yield* send({ "x-api-key": "k-7f3a" })).status, 204)
      for (const headers of [{}, { "x-api-key": "unknown" }, { authorization: "Bearer k-7f3a" }]) {
        const { headers: sent, status } = yield* send(headers)
        assert.strictEqual(status, 401)
        assert.match(sent["www-authenticate"] ?? "", /^ApiKey realm="api"/)
      }
      assert.strictEqual((yield* send({ "x-api-key": "x".repeat(4097) })).status, 400)
    }).pipe(logsOf)
  )
})
