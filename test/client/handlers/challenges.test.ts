import { assert, describe, it } from "@effect/vitest"
import { formatChallenges, parseChallenges } from "fairlead/client/handlers"
import * as fc from "fast-check"

const read = (field: string) =>
  parseChallenges(field).map(({ parameters, scheme, token68 }) => [scheme, token68 ?? Object.fromEntries(parameters)])

const tokens = fc.string({
  unit: fc.constantFrom(...Array.from("abcXYZ019!#$%&'*+-.^_`|~")),
  minLength: 1,
  maxLength: 12
})
const values = fc.string({ unit: fc.constantFrom(...Array.from('ab ,="\\\t;é/')), maxLength: 16 })
const token68s = fc
  .tuple(
    fc.string({ unit: fc.constantFrom(...Array.from("abZ09-._~+/")), minLength: 1, maxLength: 12 }),
    fc.nat({ max: 3 })
  )
  .map(([text, padding]) => text + "=".repeat(padding))

const challenges = fc.array(
  fc.oneof(
    fc.record({
      scheme: tokens.map((text) => text.toLowerCase()),
      token68: fc.constant(undefined),
      parameters: fc
        .array(
          fc.tuple(
            tokens.map((text) => text.toLowerCase()),
            values
          ),
          { maxLength: 4 }
        )
        .map((pairs) => new Map(pairs))
    }),
    fc.record({
      scheme: tokens.map((text) => text.toLowerCase()),
      token68: token68s,
      parameters: fc.constant(new Map<string, string>())
    })
  ),
  { maxLength: 5 }
)

describe("challenges", () => {
  it("client auth: the example of RFC 9110 §11.6.1 has two challenges", () => {
    assert.deepStrictEqual(read('Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""'), [
      ["basic", { realm: "simple" }],
      ["newauth", { realm: "apps", type: "1", title: 'Login to "apps"' }]
    ])
  })

  it("client auth: commas separate challenges and parameters, and may be in values", () => {
    assert.deepStrictEqual(read('Digest realm="a, Basic realm=b", qop="auth, auth-int",nonce=x , Basic realm="c"'), [
      ["digest", { realm: "a, Basic realm=b", qop: "auth, auth-int", nonce: "x" }],
      ["basic", { realm: "c" }]
    ])
  })

  it("client auth: schemes are alone, with a token68, or with parameters", () => {
    assert.deepStrictEqual(read("Negotiate, NTLM TlRM==, Bearer, ,, Basic realm = x"), [
      ["negotiate", {}],
      ["ntlm", "TlRM=="],
      ["bearer", {}],
      ["basic", { realm: "x" }]
    ])
    assert.deepStrictEqual(read("Negotiate abc="), [["negotiate", "abc="]])
    assert.deepStrictEqual(read("Basic a=b"), [["basic", { a: "b" }]])
    // A token68 stands alone: RFC 9110 §11.3 allows parameters instead of it, never beside it.
    assert.deepStrictEqual(read("Negotiate abc, x=1, Basic a=b"), [
      ["negotiate", "abc"],
      ["basic", { a: "b" }]
    ])
  })

  it("client auth: names are read in any case, the first of equal names counts", () => {
    assert.deepStrictEqual(read('BASIC Realm="1", REALM="2"'), [["basic", { realm: "1" }]])
  })

  it("client auth: what follows no rule is skipped up to the next comma", () => {
    assert.deepStrictEqual(read(""), [])
    assert.deepStrictEqual(read(" , ,"), [])
    assert.deepStrictEqual(read('realm="nobody\'s", Basic realm="x"'), [["basic", { realm: "x" }]])
    assert.deepStrictEqual(read('Basic what ever, Digest realm="x"'), [
      ["basic", {}],
      ["digest", { realm: "x" }]
    ])
    assert.deepStrictEqual(read('Basic realm="never closed'), [["basic", {}]])
    assert.deepStrictEqual(read('"a, b" x, Basic realm=x'), [["basic", { realm: "x" }]])
  })

  it("client auth: a written challenge is read back, whatever its values", () => {
    fc.assert(
      fc.property(challenges, (all) => {
        assert.deepStrictEqual(parseChallenges(formatChallenges(all)), all)
      }),
      { numRuns: 5000 }
    )
  })

  it("client auth: any text is read without an error, and its result is read again the same", () => {
    const pieces = fc.constantFrom("a", "Basic", "=", '"', "\\", ",", " ", "\t", "==", "realm", '""', "é", "\n", "x=")
    const texts = fc.oneof(
      fc.string({ unit: "binary", maxLength: 80 }),
      fc.array(pieces, { maxLength: 30 }).map((parts) => parts.join(""))
    )
    fc.assert(
      fc.property(texts, (text) => {
        const once = parseChallenges(text)
        assert.deepStrictEqual(parseChallenges(formatChallenges(once)), once)
      }),
      { numRuns: 10_000 }
    )
  })

  it("client auth: doubling the length of a hostile field does not quadruple the work", () => {
    const pieces = ['"\\', '"', 'a="', 'a="b,', "a,", "a ", ",\t", '"" "', 'x "",', "a=", "Basic "]
    for (const piece of pieces) {
      const field = piece.repeat(Math.ceil(400_000 / piece.length))
      const start = performance.now()
      parseChallenges(field)
      // Quadratic work at this length takes minutes.
      assert.isBelow(performance.now() - start, 5000, piece)
    }
  })
})
