import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib"

import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { HttpClient, HttpClientError, HttpClientRequest } from "effect/http"
import { ClientChain } from "fairlead/client"
import { bodyLimit, BodyTooLarge, decompress, DecompressError, timeouts, webCodings } from "fairlead/client/handlers"
import { NodeTransport } from "fairlead/client/node"
import * as fc from "fast-check"

import { get } from "../Calls.ts"
import { scripted, serving, transports } from "./Hostile.ts"

type Options = Parameters<typeof decompress>[0]

const text = "The quick brown fox jumps over the lazy dog. ".repeat(400)

const compress = {
  gzip: (data: Uint8Array) => gzipSync(data),
  "x-gzip": (data: Uint8Array) => gzipSync(data),
  deflate: (data: Uint8Array) => deflateSync(data),
  br: (data: Uint8Array) => brotliCompressSync(data),
  zstd: (data: Uint8Array) => zstdCompressSync(data)
} as const

type Coding = keyof typeof compress

const codings = Object.keys(compress) as Array<Coding>
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** The body in pieces of this size, as a response of this encoding. */
const encoded = (
  encoding: string,
  body: Uint8Array,
  piece = 1000,
  init: { readonly status?: number; readonly headers?: Record<string, string> } = {}
): Response => {
  const pieces = Array.from({ length: Math.ceil(body.length / piece) }, (_, index) =>
    body.slice(index * piece, (index + 1) * piece)
  )
  return new Response(Stream.toReadableStream(Stream.fromIterable(pieces)), {
    ...init,
    headers: { "content-encoding": encoding, "content-length": `${body.length}`, ...init.headers }
  })
}

const over = (response: () => Response, options: Options = { codings: NodeTransport.codings }) =>
  ClientChain.make("c")
    .use(decompress(options))
    .pipe(ClientChain.over(scripted(response).transport))

const read = (response: () => Response, options?: Options) =>
  Effect.flatMap(over(response, options).execute(get), (response) => response.text)

const reasonOf = (error: unknown): string => {
  if (error instanceof DecompressError) return error.reason._tag
  return HttpClientError.isHttpClientError(error) && error.cause instanceof DecompressError
    ? `body ${error.cause.reason._tag}`
    : String(error)
}

const failing = (response: () => Response, options?: Options) =>
  Effect.map(Effect.flip(read(response, options)), reasonOf)

describe("decompress", () => {
  it.effect("undoes each coding, in whatever pieces the body comes", () =>
    Effect.gen(function* () {
      for (const coding of codings) {
        const body = compress[coding](bytes(text))
        for (const piece of [1, 2, 3, 1000, 1_000_000]) {
          assert.strictEqual(yield* read(() => encoded(coding, body, piece)), text, `${coding} by ${piece}`)
        }
      }
    })
  )

  it.effect("undoes the runtime's own codings by default", () =>
    Effect.gen(function* () {
      assert.includeMembers(
        webCodings().map(({ name }) => name),
        ["gzip", "deflate"]
      )
      for (const { name } of webCodings()) {
        const body = compress[name as Coding](bytes(text))
        assert.strictEqual(yield* read(() => encoded(name, body, 7), {}), text, name)
        assert.strictEqual(yield* failing(() => encoded(name, body.subarray(0, -3)), {}), "body TruncatedBody", name)
      }
    })
  )

  it.effect("undoes deflate without its header too", () =>
    Effect.gen(function* () {
      for (const options of [{}, { codings: NodeTransport.codings }]) {
        for (const piece of [1, 1000]) {
          const body = deflateRawSync(bytes(text))
          assert.strictEqual(yield* read(() => encoded("deflate", body, piece), options), text)
        }
      }
    })
  )

  it.effect("takes deflate for bare where only one half of the header's check holds", () =>
    Effect.gen(function* () {
      const end = [1, 0, 0, 0xff, 0xff]
      // Stored blocks (RFC 1951 §3.2.4): one of method 8 by its unused bits, one whose first bytes are a multiple of 31.
      const method = Uint8Array.from([8, 1, 0, 0xfe, 0xff, 0x61, ...end])
      const multiple = Uint8Array.from([1, 23, 0, 0xe8, 0xff, ...bytes("b".repeat(23))])
      for (const options of [{}, { codings: NodeTransport.codings }]) {
        assert.strictEqual(yield* read(() => encoded("deflate", method), options), "a")
        assert.strictEqual(yield* read(() => encoded("deflate", multiple), options), "b".repeat(23))
      }
    })
  )

  it.effect("undoes gzip of several members with the codings of Node", () =>
    Effect.gen(function* () {
      const body = Buffer.concat([gzipSync("one "), gzipSync("two")])
      assert.strictEqual(yield* read(() => encoded("gzip", body)), "one two")
    })
  )

  it.effect("undoes codings on top of each other in reverse order, in any case, and takes identity for nothing", () =>
    Effect.gen(function* () {
      const body = zstdCompressSync(brotliCompressSync(gzipSync(text)))
      assert.strictEqual(yield* read(() => encoded("GZIP, Br ,identity,, zstd", body, 10)), text)
      assert.strictEqual(yield* read(() => encoded("identity", bytes(text))), text)
    })
  )

  it.effect("refuses more codings than allowed, without reading the body", () =>
    Effect.gen(function* () {
      const four = () => encoded("gzip, gzip, gzip, gzip", bytes("x"))
      assert.strictEqual(reasonOf(yield* Effect.flip(over(four).execute(get))), "TooManyCodings")
      const options = { codings: NodeTransport.codings, maxCodings: 1 }
      assert.strictEqual(
        reasonOf(yield* Effect.flip(over(() => encoded("gzip, br", bytes("x")), options).execute(get))),
        "TooManyCodings"
      )
    })
  )

  it.effect("leaves a response with an unknown coding as it is", () =>
    Effect.gen(function* () {
      for (const encoding of ["compress", "gzip, dcb", "dcb, gzip"]) {
        const response = yield* over(() => encoded(encoding, bytes("raw"))).execute(get)
        assert.deepStrictEqual(
          [response.headers["content-encoding"], response.headers["content-length"]],
          [encoding, "3"]
        )
        assert.strictEqual(yield* response.text, "raw")
      }
    })
  )

  it.effect("takes away the headers that do not hold for the new body", () =>
    Effect.gen(function* () {
      const init = { headers: { etag: '"a"' } }
      const response = yield* over(() => encoded("gzip", gzipSync(text), 1000, init)).execute(get)
      assert.deepStrictEqual(Object.keys(response.headers), ["etag"])
    })
  )

  it.effect("leaves responses to HEAD, 204, 206 and 304 as they are", () =>
    Effect.gen(function* () {
      const headers = { "content-encoding": "gzip" }
      for (const status of [204, 304]) {
        const response = yield* over(() => new Response(null, { status, headers })).execute(get)
        assert.strictEqual(response.headers["content-encoding"], "gzip")
        assert.strictEqual(yield* response.text, "")
      }
      const head = yield* over(() => new Response(null, { headers })).head("http://a.test/")
      assert.strictEqual(head.headers["content-encoding"], "gzip")
      const partial = yield* over(() => encoded("gzip", bytes("part"), 10, { status: 206 })).execute(get)
      assert.strictEqual(yield* partial.text, "part")
    })
  )

  it.effect("takes an empty body for an empty body", () =>
    Effect.gen(function* () {
      for (const coding of codings) assert.strictEqual(yield* read(() => encoded(coding, new Uint8Array())), "", coding)
      const none = () => new Response(null, { headers: { "content-encoding": "gzip" } })
      assert.strictEqual(yield* read(none), "")
    })
  )

  it.effect("takes every truncation for an error, and never for the end", () =>
    Effect.gen(function* () {
      const short = bytes("truncated, wherever that is")
      for (const coding of codings) {
        const body = compress[coding](short)
        for (let length = 1; length < body.length; length++) {
          const reason = yield* failing(() => encoded(coding, body.subarray(0, length), 5))
          assert.strictEqual(reason, "body TruncatedBody", `${coding} at ${length} of ${body.length}`)
        }
      }
    })
  )

  it.effect("takes what is not in the coding for corrupt", () =>
    Effect.gen(function* () {
      for (const coding of codings) {
        const reason = yield* failing(() => encoded(coding, new Uint8Array(2000).fill(0xfe), 100))
        assert.strictEqual(reason, "body CorruptBody", coding)
      }
      const wrongSum = gzipSync(text)
      wrongSum[wrongSum.length - 6]! ^= 1
      assert.strictEqual(yield* failing(() => encoded("gzip", wrongSum)), "body CorruptBody")
    })
  )

  it.effect("hands on a failure of the body below it as it is", () =>
    Effect.gen(function* () {
      const lower = bodyLimit({ maxBytes: 50 })
      const body = gzipSync(bytes(text))
      const response = () => encoded("gzip", body, 10, { headers: { "content-length": "" } })
      const chain = ClientChain.make("c")
        .use(decompress({ codings: NodeTransport.codings }))
        .use(lower)
      const answer = yield* chain.pipe(ClientChain.over(scripted(response).transport)).execute(get)
      const error = yield* Effect.flip(answer.text)
      assert.instanceOf(error.cause, BodyTooLarge)
    })
  )

  it.effect("ends a bomb at the size, and at the ratio, that are allowed", () =>
    Effect.gen(function* () {
      const zeros = new Uint8Array(20 * 1024 * 1024)
      for (const coding of codings) {
        const bomb = compress[coding](zeros)
        assert.strictEqual(yield* failing(() => encoded(coding, bomb)), "body RatioTooHigh", coding)
        const sized = { codings: NodeTransport.codings, maxRatio: Number.POSITIVE_INFINITY, maxBytes: 1_000_000 }
        assert.strictEqual(yield* failing(() => encoded(coding, bomb), sized), "body BodyTooLarge", coding)
      }
      const exactly = (maxBytes: number) => ({ codings: NodeTransport.codings, maxBytes })
      const thousand = gzipSync(new Uint8Array(1000))
      assert.strictEqual((yield* read(() => encoded("gzip", thousand), exactly(1000))).length, 1000)
      assert.strictEqual(yield* failing(() => encoded("gzip", thousand), exactly(999)), "body BodyTooLarge")
      const twice = gzipSync(gzipSync(zeros))
      assert.strictEqual(yield* failing(() => encoded("gzip, gzip", twice)), "body RatioTooHigh")
      const small = gzipSync(new Uint8Array(1024 * 1024))
      assert.strictEqual((yield* read(() => encoded("gzip", small))).length, 1024 * 1024)
    })
  )

  it.effect("a bomb yields no more than is read", () =>
    Effect.gen(function* () {
      const bomb = gzipSync(new Uint8Array(200 * 1024 * 1024))
      const before = process.memoryUsage().arrayBuffers
      const response = yield* over(() => encoded("gzip", bomb, 1_000_000)).execute(get)
      yield* Stream.runDrain(Stream.take(response.stream, 2))
      assert.isBelow(process.memoryUsage().arrayBuffers - before, 20 * 1024 * 1024)
    })
  )

  it.effect("asks for its codings, unless the request names others, or wants a part", () =>
    Effect.gen(function* () {
      const asked = (
        request: HttpClientRequest.HttpClientRequest,
        options: Options = { codings: NodeTransport.codings }
      ) => {
        const { sent, transport } = scripted(() => new Response("ok"))
        const call = ClientChain.make("c").use(decompress(options)).pipe(ClientChain.over(transport)).execute(request)
        return Effect.map(call, () => sent[0]!.request.headers["accept-encoding"])
      }
      assert.strictEqual(yield* asked(get), "zstd, br, gzip, deflate")
      assert.strictEqual(yield* asked(get, { codings: [] }), undefined)
      assert.strictEqual(yield* asked(HttpClientRequest.setHeader(get, "accept-encoding", "gzip")), "gzip")
      assert.strictEqual(yield* asked(HttpClientRequest.setHeader(get, "range", "bytes=0-1")), undefined)
    })
  )

  it.live("whatever the bytes, codings and pieces are, decompression returns the original", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.uint8Array({ maxLength: 3000 }),
          fc.array(fc.constantFrom(...codings), { minLength: 1, maxLength: 3 }),
          fc.integer({ min: 1, max: 500 }),
          async (data, names, piece) => {
            const body = names.reduce((inner, name) => compress[name](inner), data as Uint8Array)
            const call = over(() => encoded(names.join(","), body, piece)).execute(get)
            const given = await Effect.runPromise(Effect.flatMap(call, (response) => response.arrayBuffer))
            assert.deepStrictEqual(new Uint8Array(given), new Uint8Array(data))
          }
        ),
        { numRuns: 200 }
      )
    )
  )
})

describe.each(transports)("decompress over %s", (name, transport) => {
  it.live("a compressed response is read, without the headers of its coding", () =>
    Effect.gen(function* () {
      const { url } = yield* serving((request, response) => {
        const coding = (request.url?.slice(1) ?? "gzip") as Coding
        response.writeHead(200, { "content-encoding": coding }).end(compress[coding](bytes(text)))
      })
      const chain = ClientChain.make("c").use(decompress({ codings: NodeTransport.codings }))
      const client = chain.pipe(ClientChain.over(yield* HttpClient.HttpClient))
      for (const coding of ["gzip", "deflate", "br"]) {
        const response = yield* client.get(`${url}/${coding}`)
        assert.strictEqual(response.headers["content-encoding"], undefined)
        assert.strictEqual(yield* response.text, text, coding)
      }
    }).pipe(Effect.provide(transport))
  )

  it.live("a response that a handler declared later has put another body around is decoded once, too", () =>
    Effect.gen(function* () {
      const { url } = yield* serving((_, response) => {
        response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(bytes(text)))
      })
      const chain = ClientChain.make("c")
        .use(decompress({ codings: NodeTransport.codings }))
        .use(bodyLimit())
        .use(timeouts())
      const response = yield* chain.pipe(ClientChain.over(yield* HttpClient.HttpClient)).get(url)
      assert.strictEqual(yield* response.text, text)
    }).pipe(Effect.provide(transport))
  )

  it.live("a reader that stops closes the connection", () =>
    Effect.gen(function* () {
      const noise = Uint8Array.from({ length: 1_000_000 }, () => Math.floor(Math.random() * 256))
      const { sockets, url } = yield* serving((_, response) => {
        response.writeHead(200, { "content-encoding": "gzip" }).write(gzipSync(noise))
      })
      const chain = ClientChain.make("c").use(decompress({ codings: NodeTransport.codings }))
      const response = yield* chain.pipe(ClientChain.over(yield* HttpClient.HttpClient)).get(url)
      yield* Stream.runDrain(Stream.take(response.stream, 1))
      yield* Effect.repeat(Effect.sleep(5), { until: () => sockets.size === 0 })
    }).pipe(Effect.provide(transport))
  )

  const cut =
    name === "fetch"
      ? "a body that was cut is given as far as it came: fetch decompresses by itself and does not tell"
      : "a body that was cut in a clean end of its connection is truncated"
  it.live(cut, () =>
    Effect.gen(function* () {
      const { url } = yield* serving((_, response) => {
        response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(text).subarray(0, -4))
      })
      const chain = ClientChain.make("c").use(decompress({ codings: NodeTransport.codings }))
      const response = yield* chain.pipe(ClientChain.over(yield* HttpClient.HttpClient)).get(url)
      const read = yield* Effect.match(response.text, { onSuccess: () => "taken for whole", onFailure: reasonOf })
      assert.strictEqual(read, name === "fetch" ? "taken for whole" : "body TruncatedBody")
    }).pipe(Effect.provide(transport))
  )
})
