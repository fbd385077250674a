import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"

import { limits } from "../../examples/harbour/Domain.ts"
import { linksIn } from "../../examples/harbour/Links.ts"

const host = fc.domain().map((name) => name.toLowerCase())
const segment = fc.stringMatching(/^[a-z0-9~%_-]{0,8}$/).map((text) => text.replaceAll("%", "%41"))
const tail = fc.stringMatching(/^[a-z0-9_/~-]$/)
/** Links that end in what no sentence ends in, as the URL parser writes them. */
const link = fc
  .tuple(fc.constantFrom("http://", "https://"), host, fc.array(segment, { maxLength: 4 }), tail)
  .map(([scheme, host, path, last]) => new URL(`${scheme}${host}/${path.join("/")}?q=${last}`).href)

describe("links of a message", () => {
  it.each([
    ["see https://a.example/x.", ["https://a.example/x"]],
    ["(https://a.example/x)", ["https://a.example/x"]],
    ["(as in https://en.example/wiki/Port_(circuit_theory)).", ["https://en.example/wiki/Port_(circuit_theory)"]],
    ["[https://a.example/?q[]=1]…", ["https://a.example/?q[]=1"]],
    ["HTTPS://A.Example/X, http://b.example!", ["https://a.example/X", "http://b.example/"]],
    ["见https://a.example/路。下一个（http://b.example/）", ["https://a.example/%E8%B7%AF", "http://b.example/"]],
    ['<a href="http://a.example/">"http://b.example/y"</a>', ["http://a.example/", "http://b.example/y"]],
    ["http://a.example/ and again http://a.example", ["http://a.example/"]],
    ["http://[::1]:8080/x http://localhost/", ["http://[::1]:8080/x", "http://localhost/"]],
    ["git+https://a.example/ xhttps://b.example/ ftp://c.example/ javascript:alert(1) //d.example/", []],
    ["http:// https://) http://:80/ http://a b http://[x]/", ["http://a/"]],
    ["a.example www.a.example", []]
  ])("harbour: the links of %j are %j", (text, links) => {
    assert.deepStrictEqual(linksIn(text), links)
  })

  it("harbour: only the first links of a message count, and too long ones do not", () => {
    const many = Array.from({ length: 10 }, (_, n) => `http://a.example/${n}`)
    assert.deepStrictEqual(linksIn(many.join(" ")), many.slice(0, limits.preview.links))
    const long = `http://a.example/${"x".repeat(limits.preview.url)}`
    assert.deepStrictEqual(linksIn(`${long} ${long.slice(0, limits.preview.url)}`), [long.slice(0, limits.preview.url)])
  })

  it("harbour: a link is found whole, whatever words and punctuation are around it", () => {
    const around = fc.constantFrom("", " ", "\n", ", ", "! ", ". ", " (", ") ", '"', "<", "> ", "、", "word ", " ⚓ ")
    const opens = fc.constantFrom("", " ", "\n", "(", "[", '"', "<", "「", "see: ")
    const closes = fc.constantFrom("", " ", "\n", ")", "]", '"', ">", "」", ".", ",", "!?", ").", "…", "). (")
    fc.assert(
      fc.property(around, opens, link, closes, around, (before, open, link, close, after) => {
        assert.deepStrictEqual(linksIn(`${before}${open}${link}${close} ${after}`), [link])
      })
    )
  })

  it("harbour: of any text the links are few, of the web, each once, and are found in themselves again", () => {
    const piece = fc.oneof(
      fc.string({ unit: "binary", maxLength: 12 }),
      fc.constantFrom("http://", "HTTPS://", "a.example", "/", "(", ")", "]", "}", ".", ",", "%", "\\", "@", "#", "é"),
      link
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const found = linksIn(pieces.join(""))
        assert.isAtMost(found.length, limits.preview.links)
        assert.strictEqual(new Set(found).size, found.length)
        for (const link of found) {
          assert.match(new URL(link).protocol, /^https?:$/)
          assert.deepStrictEqual(linksIn(link), [link])
        }
      }),
      { numRuns: 1000 }
    )
  })

  it("harbour: a message of nothing but brackets and scheme names is read as quickly as any", () => {
    for (const part of ["(", ")", "http://a/(", "http://a/)", "https://", "]})"]) {
      const text = `http://a.example/${part.repeat(limits.text)}`
      assert.isAtMost(linksIn(text).length, limits.preview.links)
    }
  })
})
