import { assert, describe, it } from "@effect/vitest"
import { HttpServerResponse } from "effect/http"
import { HeaderValue } from "fairlead/server"
import * as fc from "fast-check"

import { faultOf } from "../../src/server/Sendable.ts"

describe("HeaderValue", () => {
  it("server2 3.2: a location keeps its escapes, and encodes other letters, spaces and line breaks", () => {
    assert.strictEqual(HeaderValue.location("/Łódź?q=ż ó#ł"), "/%C5%81%C3%B3d%C5%BA?q=%C5%BC%20%C3%B3#%C5%82")
    assert.strictEqual(HeaderValue.location("/a%20b?x=1&y=%C5%81"), "/a%20b?x=1&y=%C5%81")
    assert.strictEqual(HeaderValue.location("/\r\nset-cookie: a"), "/%0D%0Aset-cookie:%20a")
    assert.strictEqual(HeaderValue.location("/\ud800"), "/%EF%BF%BD")
    assert.strictEqual(HeaderValue.location(new URL("http://a/ż")), "http://a/%C5%BC")
  })

  it("server2 3.2: the examples of RFC 6266 §5 and RFC 8187 §3.2.3", () => {
    const { contentDisposition } = HeaderValue
    assert.strictEqual(contentDisposition("attachment"), "attachment")
    assert.strictEqual(contentDisposition("attachment", "example.html"), 'attachment; filename="example.html"')
    assert.strictEqual(
      contentDisposition("attachment", "€ rates"),
      `attachment; filename="? rates"; filename*=UTF-8''%E2%82%AC%20rates`
    )
    assert.strictEqual(
      contentDisposition("inline", `it's "100%".txt`),
      `inline; filename="it's \\"100%\\".txt"; filename*=UTF-8''it%27s%20%22100%25%22.txt`
    )
  })

  it("server2 3.2: every text makes a value that can be sent", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const location = HeaderValue.location(text)
        const disposition = HeaderValue.contentDisposition("attachment", text)
        const headers = { location, "content-disposition": disposition }
        assert.isUndefined(faultOf(HttpServerResponse.empty({ headers })))
      })
    )
  })
})
