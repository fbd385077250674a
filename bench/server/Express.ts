/** Express, without the ETag and the banner that it adds by default and the others do not. */
import express from "express"

import { header, host, indices, message } from "./Contender.ts"
import type { Serve } from "./Contender.ts"

export const expressApp: Serve = (port, stages) => {
  const app = express()
  app.disable("etag")
  app.disable("x-powered-by")
  for (const stage of indices(stages)) {
    app.use((_, response, next) => {
      response.setHeader(header(stage), "1")
      next()
    })
  }
  app.get("/", (_, response) => {
    response.json(message())
  })
  return new Promise((resolve) => app.listen(port, host, () => resolve()))
}
