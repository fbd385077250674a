/** Koa, with middleware in the form that costs least: set, then return `next()`. */
import Koa from "koa"

import { header, host, indices, message } from "./Contender.ts"
import type { Serve } from "./Contender.ts"

export const koa: Serve = (port, stages) => {
  const app = new Koa()
  for (const stage of indices(stages)) {
    app.use((context, next) => {
      context.set(header(stage), "1")
      return next()
    })
  }
  app.use((context) => {
    context.body = message()
  })
  return new Promise((resolve) => app.listen(port, host, resolve))
}
