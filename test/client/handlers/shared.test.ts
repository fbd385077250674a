/**
 * Handlers inside of an exchange that callers share do their work there, once, and not again for what comes of it.
 */
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import { ClientChain } from "fairlead/client"
import { CookieJar, cookies, dedupe, digest, retry, RetryBudget } from "fairlead/client/handlers"
import { TestClient } from "fairlead/testing/client"

const url = "https://api.test/rooms"

const network = (reply: TestClient.Answer) => TestClient.make(TestClient.always({}, reply))

it.effect("a retry is done there, and not once more for its result", () =>
  Effect.gen(function* () {
    for (const reply of [{ status: 503 }, TestClient.fails("reset")]) {
      const budget = RetryBudget.make()
      const { calls, client } = network(reply)
      yield* Effect.exit(
        ClientChain.make("c")
          .use(dedupe())
          .use(retry({ baseDelay: 0, budget }))
          .pipe(ClientChain.over(client))
          .get(url)
      )
      assert.strictEqual(calls.length, 3)
      assert.strictEqual(budget.balance(), 8)
    }
  })
)

it.effect("a challenge is answered there, and not once more for its result", () =>
  Effect.gen(function* () {
    const challenge = 'Digest realm="a", nonce="n", qop="auth", algorithm=SHA-256'
    const { calls, client } = network({ status: 401, headers: { "www-authenticate": challenge } })
    const credentials = digest({ origins: ["https://api.test"], username: "ada", password: Redacted.make("wrong") })
    const response = yield* ClientChain.make("c").use(dedupe()).use(credentials).pipe(ClientChain.over(client)).get(url)
    assert.strictEqual(response.status, 401)
    assert.deepStrictEqual(
      calls.map(({ headers }) => "authorization" in headers),
      [false, true]
    )
  }).pipe(Effect.provide(Layer.merge(Digest.layerWebCrypto, SecureRandom.layerWebCrypto)))
)

it.effect("a cookie is stored there, and not once more for its result", () =>
  Effect.gen(function* () {
    let stored = 0
    const jar = yield* CookieJar
    const counting = CookieJar.of({ ...jar, store: (...given) => (stored++, jar.store(...given)) })
    const { client } = network({ headers: { "set-cookie": "s=1; Path=/" } })
    const shared = ClientChain.make("c").use(dedupe()).use(cookies()).pipe(ClientChain.over(client))
    yield* Effect.provideService(shared.get(url), CookieJar, counting)
    assert.strictEqual(stored, 1)
  }).pipe(Effect.provide(CookieJar.layer()))
)
