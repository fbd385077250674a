import * as fc from "fast-check"
import { assert, describe, it } from "vitest"

import {
  digits,
  octetCount,
  singleValue,
  tokenList,
  trimBlanks,
  utf8Text
} from "../../../src/core/heads/FieldValues.ts"
import { canonicalHost, isAddress, isLoopback } from "../../../src/core/heads/Hosts.ts"
import { retryAfter } from "../../../src/core/heads/RetryAfter.ts"

describe("field values", () => {
  it("lose spaces and tabs at their ends, and nothing else", () => {
    assert.strictEqual(trimBlanks(" \t a \t b\t "), "a \t b")
    for (const text of ["", "\u00a0a\u00a0", "\na\n", "a"]) assert.strictEqual(trimBlanks(text), text)
    assert.strictEqual(trimBlanks(" \t"), "")
    const old = (text: string) => text.replace(/^[ \t]+/, "").replace(/[ \t]+$/, "")
    fc.assert(
      fc.property(fc.string(), fc.nat(3), (text, blanks) => {
        const padded = " \t".repeat(blanks) + text + "\t ".repeat(blanks)
        assert.strictEqual(trimBlanks(padded), old(padded))
      })
    )
  })

  it("count the octets that were on the wire", () => {
    assert.strictEqual(octetCount("abc"), 3)
    assert.strictEqual(octetCount("é"), 1)
    assert.strictEqual(octetCount("жé"), 4)
  })

  it("that carry UTF-8 are read as UTF-8, and others stay", () => {
    assert.strictEqual(utf8Text(Buffer.from("/café").toString("latin1")), "/café")
    for (const text of ["/x", "/caf\u00e9", "/ж"]) assert.strictEqual(utf8Text(text), text)
  })

  it("that may occur once are one value, or none when they differ", () => {
    assert.isUndefined(singleValue([]))
    assert.strictEqual(singleValue([" a", "a\t"]), "a")
    assert.isUndefined(singleValue(["a", "b"]))
  })

  it("of lists have no empty elements, and counts have digits only", () => {
    assert.deepStrictEqual(tokenList(" gzip,, br\t,"), ["gzip", "br"])
    assert.strictEqual(digits(" 12\t"), 12)
    for (const text of ["", " ", "1a", "-1", "+1", "1.5", "0x1", "١"]) assert.isUndefined(digits(text), text)
  })

  it("client2 3.3: Retry-After counts with blanks around it, and a huge one is a long wait", () => {
    assert.strictEqual(retryAfter("1 ", 0), 1000)
    assert.strictEqual(retryAfter("\t Thu, 01 Jan 1970 00:00:02 GMT ", 0), 2000)
    assert.isAbove(retryAfter("9".repeat(30), 0) ?? 0, 1e20)
    assert.isUndefined(retryAfter("soon", 0))
    assert.isUndefined(retryAfter(undefined, 0))
  })
})

describe("hosts", () => {
  it("have one spelling, with or without the final dot", () => {
    assert.strictEqual(canonicalHost("Example.COM."), "example.com")
    for (const host of ["localhost", "localhost.", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]"]) {
      assert.isTrue(isLoopback(host), host)
    }
    for (const host of ["localhost.com", "128.0.0.1", "127.0.0.1.com"]) assert.isFalse(isLoopback(host), host)
    assert.isTrue(isAddress("10.0.0.1") && isAddress("[::1]"))
    assert.isFalse(isAddress("10.0.0.com"))
  })
})
