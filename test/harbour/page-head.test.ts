import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import * as fc from "fast-check"

import { limits } from "../../examples/harbour/Domain.ts"
import { reader } from "../../examples/harbour/PageHead.ts"

const utf8 = new TextEncoder()
const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0))

/** What is read of a page: `[title, description]`, or nothing. */
const read = (page: string | Uint8Array, contentType = "text/html", size = Infinity) => {
  const bytes = typeof page === "string" ? utf8.encode(page) : page
  const head = reader(contentType)
  for (let at = 0; at < bytes.length; at += size) {
    if (head.write(bytes.subarray(at, at + size))) break
  }
  return Option.match(head.end(), {
    onNone: () => undefined,
    onSome: ({ description, title }) => [title, description]
  })
}

const og = (property: string, content: string) => `<meta property="${property}" content="${content}">`

describe("the head of a page", () => {
  it.each([
    ["<title>A</title>", ["A", ""]],
    ["<!doctype html><html><head><TITLE lang=en> A\n\t b </TITLE></head>", ["A b", ""]],
    [`<title>A</title>${og("og:title", "B")}`, ["B", ""]],
    [`<title>A</title>${og("og:title", "  ")}${og("og:title", "C")}${og("og:title", "D")}`, ["C", ""]],
    [`<title>A</title><meta name=Description content="d">`, ["A", "d"]],
    [`<title>A</title><meta name=description content="d">${og("og:description", "o")}`, ["A", "o"]],
    [`<meta name="og:title" content="B">`, ["B", ""]],
    ["<title>A &amp; B &lt;b&gt; &#x41;&eacute;</title>", ["A & B <b> Aé", ""]],
    ["<title><script>alert(1)</script></title>", ["<script>alert(1)</script>", ""]],
    ["<!-- <title>no</title> --><script>'<title>no</title>'</script><title>A</title>", ["A", ""]],
    ["<title>A</title><title>B</title>", ["A", ""]],
    ["<head><title>A</title></head><body><meta property=og:title content=B><svg><title>C</title></svg>", ["A", ""]],
    ["<body><title>no</title>", undefined],
    ["<head></head><svg><title>no</title></svg>", undefined],
    [`<meta name=description content="d">`, undefined],
    ["<title> \n </title>", undefined],
    ["<title>A", ["A", ""]],
    ["<title>A\u202Eb\u2066c\u0000\u0007d</title>", ["Abc d", ""]],
    ["just text", undefined],
    ["", undefined]
  ])("harbour: %j says %j", (page, said) => {
    assert.deepStrictEqual(read(page), said)
  })

  it("harbour: a too long text is cut, at a character, with an ellipsis", () => {
    const { description, title } = limits.preview
    assert.deepStrictEqual(
      read(`<title>${"⚓".repeat(title)}</title><meta name=description content="${"🛟".repeat(description + 1)}">`),
      ["⚓".repeat(title), `${"🛟".repeat(description - 1)}…`]
    )
  })

  it.each([
    ["of Content-Type", latin1("<title>caf\xe9</title>"), "text/html; charset=ISO-8859-1"],
    ["of Content-Type in quotation marks", latin1("<title>caf\xe9</title>"), 'text/html;charset="latin1"'],
    ["of meta charset", latin1("<meta charset=windows-1252><title>caf\xe9</title>"), "text/html"],
    [
      "of meta http-equiv",
      latin1(`<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1"><title>caf\xe9</title>`),
      "text/html"
    ],
    [
      "of Content-Type before meta",
      utf8.encode("<meta charset=latin1><title>café</title>"),
      "text/html; charset=utf-8"
    ],
    [
      "of the mark before all",
      utf8.encode("\ufeff<meta charset=latin1><title>café</title>"),
      "text/html; charset=big5"
    ],
    ["of a mark of UTF-16", Uint8Array.of(0xff, 0xfe, ...utf16("<title>café</title>")), "text/html"],
    ["UTF-8, when meta claims UTF-16", utf8.encode("<meta charset=utf-16le><title>café</title>"), "text/html"],
    [
      "UTF-8, when nobody knows the name",
      utf8.encode("<meta charset=klingon><title>café</title>"),
      "text/html; charset=x"
    ],
    ["UTF-8, when nothing is said", utf8.encode("<title>café</title>"), "text/html"]
  ])("harbour: a page is read in the encoding %s", (_, page, contentType) => {
    assert.deepStrictEqual(read(page, contentType), ["café", ""])
  })

  it("harbour: an encoding named after the first 1024 bytes is ignored", () => {
    const late = (spaces: number) => latin1(`${" ".repeat(spaces)}<meta charset=latin1><title>caf\xe9</title>`)
    assert.deepStrictEqual(read(late(900), "text/html", 512), ["café", ""])
    assert.deepStrictEqual(read(late(1100), "text/html", 512), ["caf\ufffd", ""])
  })

  it("harbour: no more bytes are wanted once the head is over", () => {
    const head = reader("text/html")
    assert.isFalse(head.write(utf8.encode(`<head><title>A</title>${" ".repeat(2000)}`)))
    assert.isTrue(head.write(utf8.encode("</head><body>")))
    assert.isTrue(head.write(utf8.encode("<title>B</title>")))
    assert.deepStrictEqual(head.end(), Option.some({ title: "A", description: "" }))
  })

  it("harbour: it does not matter in which pieces a page comes", () => {
    const part = fc.oneof(
      fc.constantFrom(
        "<title>",
        "</title>",
        "<head>",
        "</head>",
        "<body>",
        "<script>",
        "</script>",
        "<!--",
        "-->",
        "é🛟"
      ),
      fc.constantFrom(
        og("og:title", "B"),
        og("og:description", "ø"),
        "<meta charset=latin1>",
        "&amp;",
        "&#x1F6DF;",
        " "
      ),
      fc.string({ unit: "binary", maxLength: 20 })
    )
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 20 }),
        fc.integer({ min: 1, max: 40 }),
        fc.boolean(),
        (parts, size, long) => {
          const page = `${long ? " ".repeat(1500) : ""}${parts.join("")}`
          const said = read(page)
          assert.deepStrictEqual(read(page, "text/html", size), said)
          for (const text of said ?? []) {
            assert.notMatch(text, /\p{Cc}|\p{Cs}|[\u202a-\u202e]|^\s|\s$/u)
            assert.isAtMost(Array.from(text).length, limits.preview.description)
          }
        }
      ),
      { numRuns: 200 }
    )
  })
})

function utf16(text: string): ReadonlyArray<number> {
  return Array.from(text).flatMap((character) => [character.charCodeAt(0) & 0xff, character.charCodeAt(0) >> 8])
}
