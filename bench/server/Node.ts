/** `node:http` with nested functions: the floor. */
import { createServer } from "node:http"
import type { ServerResponse } from "node:http"

import { header, host, indices, message } from "./Contender.ts"
import type { Serve } from "./Contender.ts"

type Handler = (response: ServerResponse) => void

export const node: Serve = (port, stages) => {
  const handler: Handler = (response) => {
    const body = JSON.stringify(message())
    response.setHeader("content-type", "application/json")
    response.setHeader("content-length", Buffer.byteLength(body))
    response.end(body)
  }
  const app = indices(stages).reduceRight<Handler>(
    (next, stage) => (response) => {
      response.setHeader(header(stage), "1")
      next(response)
    },
    handler
  )
  return new Promise((resolve) => createServer((_, response) => app(response)).listen(port, host, resolve))
}
