/** Hono on its adapter for Node, with middleware in the form that costs least: set before the response is made. */
import { serve } from "@hono/node-server"
import { Hono } from "hono"

import { header, host, indices, message } from "./Contender.ts"
import type { Serve } from "./Contender.ts"

export const hono: Serve = (port, stages) => {
  const app = new Hono()
  for (const stage of indices(stages)) {
    app.use((context, next) => {
      context.header(header(stage), "1")
      return next()
    })
  }
  app.get("/", (context) => context.json(message()))
  return new Promise((resolve) => serve({ fetch: app.fetch, port, hostname: host }, () => resolve()))
}
