/** The readers of the fields that caches use. */
import { createHash } from "node:crypto"

import { assert, describe, it } from "vitest"

import { parseContentRange, parseRange, resolveRange } from "../../../src/core/heads/ByteRanges.ts"
import { ageSeconds, fieldsOf, parseDirectives, seconds } from "../../../src/core/heads/CacheDirectives.ts"
import { isStrongMatch, isWeakMatch, parseEntityTag, parseEntityTags } from "../../../src/core/heads/EntityTags.ts"
import * as HttpDate from "../../../src/core/heads/HttpDate.ts"
import { parseDictionary, parseList } from "../../../src/core/heads/StructuredFields.ts"
import { digest, sha256 } from "../../../src/core/Sha256.ts"

describe("the directives of Cache-Control", () => {
  const names = (text: string) => [...parseDirectives(text).byName.keys()]

  it("cache 4: names are read without case and white space, arguments as tokens and as quoted strings", () => {
    const directives = parseDirectives('No-Store , MAX-AGE="3600", x="a, \\"no-cache", ,public')
    assert.deepStrictEqual([...directives.byName.keys()], ["no-store", "max-age", "x", "public"])
    assert.strictEqual(seconds(directives, "max-age"), 3600)
    assert.deepStrictEqual(directives.byName.get("x"), ['a, "no-cache'])
  })

  it("cache 4: an open quoted string marks the field malformed, since it may have swallowed no-store", () => {
    const directives = parseDirectives('max-age=60, x="a, no-store')
    assert.isTrue(directives.isMalformed)
    assert.isFalse(directives.byName.has("no-store"))
    assert.isFalse(parseDirectives('x="a\\"", no-store').isMalformed)
  })

  it("cache 4: white space around a name or an equals sign hides no directive", () => {
    assert.deepStrictEqual(names("\t no-store \t, private = x"), ["no-store", "private"])
  })

  it.each([
    ["max-age=60", 60],
    ["max-age=0060", 60],
    ["max-age=99999999999", 2 ** 31],
    ["max-age=60, max-age=60", 60],
    ["max-age=60, max-age=61", 0],
    ["max-age", 0],
    ["max-age=-1", 0],
    ["max-age=1.5", 0],
    ["max-age='60'", 0],
    ["max-age=1e3", 0],
    ["public", undefined]
  ])("cache 4: the seconds of %j are %j", (text, expected) => {
    assert.strictEqual(seconds(parseDirectives(text), "max-age"), expected)
  })

  it.each([
    ["no-cache", true],
    ['no-cache="set-cookie, X-A"', ["set-cookie", "x-a"]],
    ["no-cache=set-cookie", ["set-cookie"]],
    ['no-cache=""', true],
    ['no-cache="a b"', true],
    ['no-cache="a", no-cache', true],
    ['no-cache="a;b=c"', ["a;b=c"]],
    ["private", undefined]
  ])("cache 4: the fields of %j are %j", (text, expected) => {
    const found = fieldsOf(parseDirectives(text), "no-cache")
    // A semicolon is no character of a field name: the directive then counts for the whole response.
    assert.deepStrictEqual(found, text.includes(";") ? true : (expected as typeof found))
  })

  it.each([
    [undefined, 0],
    ["10", 10],
    ["0, 7200", 0],
    ["7200, 0", 7200],
    ["abc", 0],
    ["-1", 0],
    ["1.0", 0],
    ["99999999999999999999", 2 ** 31],
    ["2147483649", 2 ** 31]
  ])("cache 4: the age in %j is %j", (text, expected) => {
    assert.strictEqual(ageSeconds(text), expected)
  })
})

describe("dates in any case", () => {
  it.each([
    "Thu, 18 Aug 2050 02:01:18 GMT",
    "THU, 18 AUG 2050 02:01:18 gmt",
    "thursday, 18-aug-50 02:01:18 GMT",
    "Thu Aug 18 02:01:18 2050"
  ])("cache 4: %s is one date", (text) => {
    assert.strictEqual(HttpDate.parseAnyCase(text, Date.UTC(2026, 0)), Date.UTC(2050, 7, 18, 2, 1, 18))
  })

  it.each(["Thu, 18 Aug 2050 02:01:18 UTC", "Thu, 18 Aug 50 02:01:18 GMT", "0", "Thu, 18 Aug 2050 2:01:18 GMT", ""])(
    "cache 4: %j is no date",
    (text) => {
      assert.isUndefined(HttpDate.parseAnyCase(text, 0))
    }
  )
})

describe("entity tags", () => {
  it("cache 4: a weak tag matches weakly, and never strongly", () => {
    const [weak, strong] = [parseEntityTag('W/"a"')!, parseEntityTag('"a"')!]
    assert.deepStrictEqual(
      [isWeakMatch(weak, strong), isStrongMatch(weak, strong), isStrongMatch(strong, strong)],
      [true, false, true]
    )
  })

  it.each(["a", 'w/"a"', '"a', 'W\\"a"', '"a" "b"', '"a b"', ""])("cache 4: %j is no tag", (text) => {
    assert.isUndefined(parseEntityTag(text))
  })

  it("cache 4: lists hold commas in tags, blanks and empty elements, and nothing else", () => {
    assert.deepStrictEqual(parseEntityTags(' "a,b" ,, W/"c"'), [
      { isWeak: false, opaque: '"a,b"' },
      { isWeak: true, opaque: '"c"' }
    ])
    assert.strictEqual(parseEntityTags(" * "), "*")
    assert.isUndefined(parseEntityTags('"a" "b"'))
    assert.isUndefined(parseEntityTags('"a", b'))
  })
})

describe("byte ranges", () => {
  it.each([
    ["bytes=0-1", 10, { first: 0, last: 1 }],
    ["bytes=5-", 10, { first: 5, last: 9 }],
    ["bytes=-3", 10, { first: 7, last: 9 }],
    ["bytes=-30", 10, { first: 0, last: 9 }],
    ["bytes=5-50", 10, { first: 5, last: 9 }],
    ["bytes=10-", 10, undefined],
    ["bytes=-0", 10, undefined]
  ])("cache 4: %j of %i bytes selects %j", (text, total, expected) => {
    assert.deepStrictEqual(resolveRange(parseRange(text)!, total), expected)
  })

  it.each(["bytes=0-1,3-4", "items=0-1", "bytes=2-1", "bytes=a-b", "bytes=-", "bytes=99999999999999999999-", "0-1"])(
    "cache 4: %j is no range of bytes",
    (text) => {
      assert.isUndefined(parseRange(text))
    }
  )

  it("cache 4: a Content-Range is read with its total length, or not at all", () => {
    assert.deepStrictEqual(parseContentRange("bytes 4-8/10"), { first: 4, last: 8, total: 10 })
    for (const text of ["bytes 4-10/10", "bytes 8-4/10", "bytes 4-8/*", "bytes */10", "4-8/10", "bytes 4-8"]) {
      assert.isUndefined(parseContentRange(text), text)
    }
  })
})

describe("structured fields", () => {
  it("cache 5: dictionaries have items, inner lists and flags; parameters are left out; the last of a key counts", () => {
    const members = parseDictionary('a=1;x=2, b, c="d\\"", e=(f "g");h, a=-2.5, i=?0, j=:YQ==:, k=@1')
    assert.deepStrictEqual(
      [...(members ?? [])],
      [
        ["b", { item: true }],
        ["c", { item: 'd"' }],
        ["e", { list: [{ type: "token", text: "f" }, "g"] }],
        ["a", { item: -2.5 }],
        ["i", { item: false }],
        ["j", { item: { type: "bytes", text: "YQ==" } }],
        ["k", { item: { type: "date", text: "1" } }]
      ]
    )
  })

  it.each(["a=1, &&&", "a=", "A=1", "a=1,", "a=1 b", 'a="b', "a=1.", "a=1234567890123456", "a=(b", 'a=%"%zz"', "a=?2"])(
    "cache 5: %j is invalid as a whole",
    (text) => {
      assert.isUndefined(parseDictionary(text))
    }
  )

  it("cache 5: lists keep their order", () => {
    assert.deepStrictEqual(parseList('"a" , "b";x, tok/en'), [
      { item: "a" },
      { item: "b" },
      { item: { type: "token", text: "tok/en" } }
    ])
    assert.deepStrictEqual(parseList(""), [])
  })
})

describe("SHA-256", () => {
  it("cache 1: has the digests of FIPS 180-4", () => {
    assert.strictEqual(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    assert.strictEqual(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    assert.strictEqual(
      sha256("a".repeat(1_000_000)),
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    )
  })

  it("cache 1: has the digest of Node at each size around a block, of a part of a buffer too", () => {
    const bytes = Uint8Array.from({ length: 300 }, (_, at) => (at * 7) % 256)
    for (let size = 0; size < 200; size++) {
      const part = bytes.subarray(3, 3 + size)
      assert.strictEqual(Buffer.from(digest(part)).toString("hex"), createHash("sha256").update(part).digest("hex"))
      assert.strictEqual(sha256(part), createHash("sha256").update(part).digest("hex"))
    }
  })

  it("cache 4: parts have one digest only as the same parts", () => {
    assert.notStrictEqual(sha256("a", "bc"), sha256("ab", "c"))
  })
})
