/** Fastify, with hooks as stages, and without a response schema: every contender encodes with `JSON.stringify`. */
import Fastify from "fastify"

import { header, host, indices, message } from "./Contender.ts"
import type { Serve } from "./Contender.ts"

export const fastify: Serve = async (port, stages) => {
  const app = Fastify()
  for (const stage of indices(stages)) {
    app.addHook("onRequest", (_, reply, done) => {
      reply.header(header(stage), "1")
      done()
    })
  }
  app.get("/", (_, reply) => reply.send(message()))
  await app.listen({ port, host })
}
