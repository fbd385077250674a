/** Hono's built-in middleware: `fetch` in process, and its adapter for Node over a socket. Hono has no middleware for rates, sessions, load and proxies. */
import { serve } from "@hono/node-server"
import { getConnInfo } from "@hono/node-server/conninfo"
import { Hono } from "hono"
import type { Context, MiddlewareHandler } from "hono"
import { basicAuth } from "hono/basic-auth"
import { bearerAuth } from "hono/bearer-auth"
import { bodyLimit } from "hono/body-limit"
import { cors } from "hono/cors"
import { csrf } from "hono/csrf"
import { etag } from "hono/etag"
import { ipRestriction } from "hono/ip-restriction"
import { jwt } from "hono/jwt"
import { logger } from "hono/logger"
import { requestId } from "hono/request-id"
import { secureHeaders } from "hono/secure-headers"
import { timeout } from "hono/timeout"
import { validator } from "hono/validator"

import { host, message } from "../server/Contender.ts"
import * as Rows from "./Rows.ts"
import type { RowName } from "./Rows.ts"
import { ask, takeLine } from "./Subject.ts"
import type { Subject, Subjects } from "./Subject.ts"

const answer = (context: Context) => context.json(message())

const ofText = async (context: Context) => {
  await context.req.text()
  return context.json(message())
}

const ofJson = async (context: Context) => {
  await context.req.json()
  return context.json(message())
}

const appOf = (...middleware: ReadonlyArray<MiddlewareHandler>): Hono => {
  const app = new Hono()
  for (const handler of middleware) app.use(handler)
  app.get(Rows.slowPath, () => new Promise<Response>(() => {}))
  return app.get("*", answer).options("*", answer)
}

const withText = (...middleware: ReadonlyArray<MiddlewareHandler>): Hono => appOf(...middleware).post("*", ofText)

/** As the schema of the others, by hand: Hono's validator takes a function. */
const room = validator("json", (value: unknown, context) => {
  const { name, seats, tags } = (value ?? {}) as Readonly<Record<string, unknown>>
  const isRoom =
    typeof name === "string" &&
    name !== "" &&
    Number.isInteger(seats) &&
    Array.isArray(tags) &&
    tags.every((tag) => typeof tag === "string")
  return isRoom ? { name, seats, tags } : context.json({ message: "The body is no room" }, 400)
})

const bearer = () => bearerAuth({ token: Rows.bearer })
const allowed = { origin: [Rows.origin] }
const many = [
  secureHeaders(),
  logger(takeLine),
  requestId(),
  timeout(Rows.timeoutMillis),
  etag(),
  csrf(allowed),
  bodyLimit({ maxSize: Rows.maxBytes })
]

const apps: Partial<Record<RowName, Hono>> = {
  "no middleware, GET": appOf(),
  "no middleware, POST of text": withText(),
  "no middleware, POST of JSON": appOf().post("*", ofJson),
  "security headers": appOf(secureHeaders()),
  CORS: appOf(cors(allowed)),
  "CORS, preflight": appOf(cors(allowed)),
  "access log": appOf(logger(takeLine)),
  "request id": appOf(requestId()),
  timeout: appOf(timeout(Rows.timeoutMillis)),
  "body limit": withText(bodyLimit({ maxSize: Rows.maxBytes })),
  "entity tag": appOf(etag()),
  "entity tag, 304": appOf(etag()),
  CSRF: withText(csrf(allowed)),
  "basic authentication": appOf(basicAuth({ username: Rows.user, password: Rows.password })),
  "bearer token": appOf(bearer()),
  JWT: appOf(jwt({ secret: Rows.jwtSecret, alg: "HS256", verification: { iss: Rows.issuer, aud: Rows.audience } })),
  validation: appOf().post("*", room, answer),
  "address list": appOf(ipRestriction(getConnInfo, { allowList: ["127.0.0.0/8"] })),
  together: appOf(...many),
  "together, with a user": appOf(...many.toSpliced(3, 0, cors(allowed)), bearer())
}

const subject = (app: Hono): Subject => ({
  send: (sent) => ask(app.fetch, sent),
  listen: (port) => new Promise((resolve) => serve({ fetch: app.fetch, port, hostname: host }, () => resolve()))
})

export const subjects: Subjects = Object.fromEntries(
  Object.entries(apps).map(([name, app]) => [name, () => Promise.resolve(subject(app))])
)
