import { createHash } from "node:crypto"

import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Stream } from "effect"
import { Digest as DigestHash, SecureRandom } from "effect/crypto"
import { HttpBody, HttpClientRequest } from "effect/http"
import { ClientChain } from "fairlead/client"
import { digest, parseChallenges } from "fairlead/client/handlers"

import { chooseDigest, digestAnswer, shouldAnswer } from "../../../src/client/handlers/DigestAnswer.ts"
import { sha512t256Hex } from "../../../src/client/handlers/Sha512t256.ts"
import { wireOf } from "./Wire.ts"

const crypto = Layer.merge(DigestHash.layerWebCrypto, SecureRandom.layerWebCrypto)

const h = (algorithm: string, text: string | Uint8Array) =>
  createHash(/sha-512-256/i.test(algorithm) ? "sha512-256" : /sha-256/i.test(algorithm) ? "sha256" : "md5")
    .update(text)
    .digest("hex")

interface Scene {
  readonly password?: string
  readonly parameters?: string
  readonly algorithms?: ReadonlyArray<string>
  readonly nextNonce?: boolean
  /** After how many uses a nonce is stale. */
  readonly lasts?: number
}

/** A server that checks answers by its own arithmetic, and refuses a count it has seen. */
const server = ({
  algorithms = ["SHA-256"],
  lasts = 1000,
  nextNonce,
  parameters = 'qop="auth"',
  password = "pä55"
}: Scene) => {
  let nonce = 1
  let stale = false
  let seen = new Set<string>()
  const refused = () =>
    new Response(null, {
      status: 401,
      headers: algorithms.map((algorithm): [string, string] => [
        "www-authenticate",
        `Digest realm="a, \\"b\\"", nonce="n${nonce}", algorithm=${algorithm}, opaque="o", stale=${stale}, ${parameters}`
      ])
    })
  const wire = wireOf((request, url) => {
    const given = parseChallenges(request.headers["authorization"] ?? "")[0]?.parameters
    const get = (name: string) => given?.get(name) ?? ""
    stale = false
    if (given === undefined || get("nonce") !== `n${nonce}`) return refused()
    if (seen.size >= lasts) {
      nonce++
      seen = new Set()
      stale = true
      return refused()
    }
    const algorithm = get("algorithm")
    const name =
      get("username*") === "" ? get("username") : decodeURIComponent(get("username*").slice("UTF-8''".length))
    if (get("userhash") === "true" ? name !== h(algorithm, 'Ädä "x":a, "b"') : name !== 'Ädä "x"') return refused()
    const base = h(algorithm, `Ädä "x":a, "b":${password}`)
    const a1 = /-sess$/i.test(algorithm) ? h(algorithm, `${base}:${get("nonce")}:${get("cnonce")}`) : base
    const content = request.body._tag === "Uint8Array" ? request.body.body : ""
    const a2 = `${request.method}:${url.pathname}${url.search}${get("qop") === "auth-int" ? `:${h(algorithm, content)}` : ""}`
    const middle = get("qop") === "" ? "" : `${get("nc")}:${get("cnonce")}:${get("qop")}:`
    const right = get("response") === h(algorithm, `${a1}:${get("nonce")}:${middle}${h(algorithm, a2)}`)
    if (!right || (get("qop") !== "" && seen.has(get("nc"))) || get("uri") !== url.pathname + url.search)
      return refused()
    seen.add(get("nc"))
    if (nextNonce !== true) return new Response()
    seen = new Set()
    return new Response(null, { headers: { "authentication-info": `nextnonce="n${++nonce}"` } })
  })
  return { ...wire, counts: () => [...seen] }
}

const clientOf = (wire: ReturnType<typeof server>, md5 = true) =>
  ClientChain.make("c")
    .use(digest({ origins: ["https://a.com"], username: 'Ädä "x"', password: Redacted.make("pä55"), md5 }))
    .pipe(ClientChain.over(wire.client))

describe("the answer", () => {
  const answerTo = (algorithm: string, text = "") =>
    Effect.gen(function* () {
      const field =
        `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, ` +
        `nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"${text}`
      const challenge = chooseDigest(parseChallenges(field), true)
      if (challenge === undefined) return assert.fail("no challenge")
      const session = { challenge, cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ" }
      const url = new URL("http://www.example.org/dir/index.html")
      const given = { username: "Mufasa", password: "Circle of Life" }
      return (yield* digestAnswer(session, 1, given, HttpClientRequest.get(url), url)) ?? ""
    })

  it.effect("client auth: the example of RFC 7616 §3.9.1 is answered to the letter, by SHA-256 and by MD5", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* answerTo("SHA-256"),
        'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=SHA-256, ' +
          'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, ' +
          'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, ' +
          'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", ' +
          'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
      )
      assert.include(yield* answerTo("MD5"), 'response="8ca523f5e9506fed4657c9700eebdbec"')
    }).pipe(Effect.provide(crypto))
  )

  // The text of the RFC has values of SHA-512 cut to 256 bits; erratum 4897 has those of SHA-512/256.
  it.effect(
    "client2 3.3: the example of RFC 7616 §3.9.2, with its erratum, is answered by SHA-512-256 and userhash",
    () =>
      Effect.gen(function* () {
        const field =
          'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", ' +
          'opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true'
        const challenge = chooseDigest(parseChallenges(field), false) ?? assert.fail("no challenge")
        const session = { challenge, cnonce: "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v" }
        const credentials = { username: "Jäsøn Doe", password: "Secret, or not?" }
        const url = new URL("http://api.example.org/doe.json")
        const header = (yield* digestAnswer(session, 1, credentials, HttpClientRequest.get(url), url)) ?? ""
        const fields = parseChallenges(header)[0]?.parameters
        assert.strictEqual(fields?.get("username"), "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b")
        assert.strictEqual(fields?.get("response"), "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5")
      }).pipe(Effect.provide(crypto))
  )

  it("client2 3.3: SHA-512/256 agrees with OpenSSL for every length around a block", () => {
    for (let length = 0; length < 260; length++) {
      const bytes = Uint8Array.from({ length }, (_, at) => at * 7 + length)
      assert.strictEqual(sha512t256Hex(bytes), h("SHA-512-256", bytes), `${length}`)
    }
  })

  it("client auth: SHA-256 is chosen at any position; an unknown algorithm is not", () => {
    const chosen = (field: string, md5 = true) => chooseDigest(parseChallenges(field), md5)?.algorithm
    const both = "Digest realm=r, nonce=n, algorithm=MD5, Basic realm=x, Digest realm=r, nonce=n, algorithm=SHA-256"
    assert.strictEqual(chosen(both), "SHA-256")
    assert.strictEqual(chosen("Digest realm=r, nonce=n, algorithm=MD5", false), undefined)
    for (const parameter of ["algorithm=SHA-512", "algorithm=SHA-1", "qop=auth-conf"]) {
      assert.isUndefined(chosen(`Digest realm=r, nonce=n, ${parameter}`), parameter)
    }
    assert.isUndefined(chooseDigest(parseChallenges("Digest realm=r"), true))
    assert.isDefined(chooseDigest(parseChallenges("Digest realm=r, nonce=n"), true))
  })

  it("client auth: it is sent once, and once more only to a stale nonce with a replacement", () => {
    const challenge = (text: string) => {
      const read = chooseDigest(parseChallenges(`Digest realm=r, nonce=n2, ${text}`), true)
      return read ?? assert.fail("no challenge")
    }
    const stale = challenge("stale=TRUE")
    assert.isTrue(shouldAnswer(challenge("stale=false"), 0, "n2"))
    assert.isFalse(shouldAnswer(challenge("stale=false"), 1, "n1"))
    assert.isTrue(shouldAnswer(stale, 1, "n1"))
    assert.isFalse(shouldAnswer(stale, 1, "n2"))
    assert.isFalse(shouldAnswer(stale, 2, "n1"))
  })
})

describe("the exchange", () => {
  const scenes: Readonly<Record<string, Scene>> = {
    "SHA-256": {},
    MD5: { algorithms: ["MD5"] },
    "SHA-512-256": { algorithms: ["SHA-512-256"] },
    "SHA-512-256-sess": { algorithms: ["SHA-512-256-sess"] },
    "SHA-256-sess": { algorithms: ["SHA-256-sess"] },
    "MD5-sess": { algorithms: ["MD5-sess"] },
    "a server of RFC 2069": { algorithms: ["MD5"], parameters: "x=y" },
    userhash: { parameters: 'qop="auth", userhash=true' },
    "auth-int": { parameters: 'qop="auth-int"' },
    "several challenges": { algorithms: ["SHA-512", "MD5", "SHA-256"] },
    nextnonce: { nextNonce: true }
  }
  for (const [name, scene] of Object.entries(scenes)) {
    it.effect(`client auth: a challenge is answered once, and then ahead: ${name}`, () =>
      Effect.gen(function* () {
        const wire = server(scene)
        const client = clientOf(wire)
        for (const path of ["/a?b=c%20d", "/", "/x"])
          assert.strictEqual((yield* client.get(`https://a.com${path}`)).status, 200)
        assert.strictEqual((yield* client.post("https://a.com/", { body: HttpBody.text("body") })).status, 200)
        assert.lengthOf(wire.asked, 5)
      }).pipe(Effect.provide(crypto))
    )
  }

  it.effect("client auth: concurrent requests never share a count", () =>
    Effect.gen(function* () {
      const wire = server({})
      const client = clientOf(wire)
      yield* client.get("https://a.com/")
      const fifty = Effect.forEach(Array.from({ length: 50 }), () => client.get("https://a.com/"), {
        concurrency: "unbounded"
      })
      assert.isTrue((yield* fifty).every(({ status }) => status === 200))
      assert.lengthOf(wire.asked, 52)
      assert.lengthOf(wire.counts(), 51)
    }).pipe(Effect.provide(crypto))
  )

  it.effect("client auth: a stale nonce is answered again, a wrong password is not", () =>
    Effect.gen(function* () {
      const short = server({ lasts: 2 })
      const client = clientOf(short)
      for (const _ of [1, 2, 3, 4, 5]) assert.strictEqual((yield* client.get("https://a.com/")).status, 200)
      const wrong = server({ password: "other" })
      assert.strictEqual((yield* clientOf(wrong).get("https://a.com/")).status, 401)
      assert.lengthOf(wrong.asked, 2)
    }).pipe(Effect.provide(crypto))
  )

  it.effect("client auth: MD5 is not answered when it is not allowed, and other origins get nothing", () =>
    Effect.gen(function* () {
      const weak = server({ algorithms: ["MD5"] })
      assert.strictEqual((yield* clientOf(weak, false).get("https://a.com/")).status, 401)
      const other = server({})
      assert.strictEqual((yield* clientOf(other).get("https://b.com/")).status, 401)
      assert.deepStrictEqual([weak.asked.length, other.asked.length], [1, 1])
      assert.deepStrictEqual([...weak.sent("authorization"), ...other.sent("authorization")], [undefined, undefined])
    }).pipe(Effect.provide(crypto))
  )

  it.effect("client auth: a challenge that demands the hash of a streamed body is left to the caller", () =>
    Effect.gen(function* () {
      const wire = server({ parameters: 'qop="auth-int"' })
      const client = clientOf(wire)
      assert.strictEqual((yield* client.get("https://a.com/")).status, 200)
      const post = HttpClientRequest.setBody(
        HttpClientRequest.post("https://a.com/"),
        HttpBody.stream(Stream.make(new Uint8Array([1])))
      )
      assert.strictEqual((yield* client.execute(post)).status, 401)
      assert.isUndefined(wire.sent("authorization").at(-1))
    }).pipe(Effect.provide(crypto))
  )

  it.effect("client auth: a body that was a stream is not sent again, the next request is authenticated at once", () =>
    Effect.gen(function* () {
      const wire = server({})
      const client = clientOf(wire)
      const post = HttpClientRequest.setBody(
        HttpClientRequest.post("https://a.com/"),
        HttpBody.stream(Stream.make(new Uint8Array([1])))
      )
      assert.strictEqual((yield* client.execute(post)).status, 401)
      assert.lengthOf(wire.asked, 1)
      assert.strictEqual((yield* client.execute(post)).status, 200)
      assert.lengthOf(wire.asked, 2)
    }).pipe(Effect.provide(crypto))
  )
})
