import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { connect } from "node:net"

import { afterAll, assert, beforeAll, describe, it } from "vitest"

import { LeanResponse } from "../../../src/app/node/LeanResponse.ts"

/** Answers as Effect's server does: strict, with a declared length. */
const server = createServer({ ServerResponse: LeanResponse }, (request, response) => {
  response.strictContentLength = true
  const [, kind = "", body = ""] = request.url?.split("/") ?? []
  const declared = kind === "wrong" ? body.length + 1 : body.length
  try {
    response.writeHead(200, { "content-type": "text/plain", "content-length": declared })
    if (kind === "parts") {
      response.write(body.slice(0, 1))
      response.end(body.slice(1))
    } else if (kind === "long") {
      response.write(body)
      response.end("more")
    } else response.end(kind === "bytes" ? Buffer.from(body) : body)
  } catch (error) {
    failures.push((error as NodeJS.ErrnoException).code)
    response.destroy()
  }
})
const failures: Array<string | undefined> = []

/** Sends requests in one go, and returns each chunk of data that comes back. */
const exchange = (paths: ReadonlyArray<string>, method = "GET") =>
  new Promise<ReadonlyArray<string>>((resolve) => {
    const chunks: Array<string> = []
    const socket = connect((server.address() as AddressInfo).port)
    socket.on("data", (chunk) => chunks.push(chunk.toString()))
    socket.on("close", () => resolve(chunks))
    socket.write(
      paths
        .map((path, index) => {
          const end = index === paths.length - 1 ? "connection: close\r\n" : ""
          return `${method} ${path} HTTP/1.1\r\nhost: localhost\r\n${end}\r\n`
        })
        .join("")
    )
  })

beforeAll(() => new Promise<void>((resolve) => void server.listen(0, resolve)))
afterAll(() => void server.close())

describe("a lean response", () => {
  it.each(["text", "bytes", "parts"])("server2 6.3: sends a body whole, as %s", async (kind) => {
    const reply = (await exchange([`/${kind}/hello`])).join("")
    assert.match(reply, /^HTTP\/1\.1 200 OK\r\n/)
    assert.match(reply, /content-length: 5\r\n/)
    assert.isTrue(reply.endsWith("\r\n\r\nhello"))
  })

  it("server2 6.3: sends pipelined replies in order, each whole", async () => {
    const reply = (await exchange(["/text/one", "/parts/two", "/bytes/three"])).join("")
    assert.deepStrictEqual(
      reply
        .split("HTTP/1.1 200 OK")
        .slice(1)
        .map((text) => text.split("\r\n\r\n")[1]),
      ["one", "two", "three"]
    )
  })

  it("server2 6.3: sends no body for HEAD", async () => {
    const reply = (await exchange(["/text/hello"], "HEAD")).join("")
    assert.match(reply, /content-length: 5\r\n/)
    assert.isTrue(reply.endsWith("\r\n\r\n"))
  })

  it("server2 6.3: stays strict where the length is not the declared one", async () => {
    for (const kind of ["wrong", "long"]) {
      await exchange([`/${kind}/hello`])
      assert.strictEqual(failures.pop(), "ERR_HTTP_CONTENT_LENGTH_MISMATCH", kind)
    }
  })
})
