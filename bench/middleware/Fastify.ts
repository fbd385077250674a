/** Fastify's own plugins and settings: `inject` in process. Its body limit is always on, and it has no address list. */
import { randomUUID } from "node:crypto"

import basicAuth from "@fastify/basic-auth"
import bearerAuth from "@fastify/bearer-auth"
import cookie from "@fastify/cookie"
import cors from "@fastify/cors"
import csrf from "@fastify/csrf-protection"
import etag from "@fastify/etag"
import helmet from "@fastify/helmet"
import jwt from "@fastify/jwt"
import rateLimit from "@fastify/rate-limit"
import session from "@fastify/session"
import underPressure from "@fastify/under-pressure"
import Fastify from "fastify"
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from "fastify"

import { host, message } from "../server/Contender.ts"
import * as Rows from "./Rows.ts"
import type { RowName } from "./Rows.ts"
import { messageTo, takeLine } from "./Subject.ts"
import type { Subject, Subjects } from "./Subject.ts"

declare module "fastify" {
  interface Session {
    user?: string
  }
}

const sessionSecret = "a secret of the session with more than 32 characters"

const answer = (_: FastifyRequest, reply: FastifyReply) => reply.send(message())

const routes = (app: FastifyInstance): void => {
  app.get("/rooms", answer)
  app.get(Rows.tokenPath, answer)
  app.get(Rows.slowPath, () => new Promise<void>(() => {}))
  app.post("/rooms", answer)
}

type Make = () => Promise<FastifyInstance>

/** An app with these settings, plugins and routes. */
const appOf =
  (
    options: FastifyServerOptions = {},
    use: (app: FastifyInstance) => PromiseLike<unknown> | void = () => {},
    add = routes
  ): Make =>
  async () => {
    const app: FastifyInstance = Fastify(options)
    await use(app)
    add(app)
    await app.ready()
    return app
  }

const logged: FastifyServerOptions = { logger: { stream: { write: takeLine } } }
const withIds: FastifyServerOptions = { genReqId: () => randomUUID() }
const bounded: FastifyServerOptions = { handlerTimeout: Rows.timeoutMillis }

/** Fastify has an id for each request; the header is set by hand. */
const sendId = (app: FastifyInstance): void => {
  app.addHook("onRequest", (request, reply, done) => {
    reply.header("x-request-id", request.id)
    done()
  })
}
const useCors = (app: FastifyInstance) => app.register(cors, { origin: [Rows.origin], methods: ["GET", "POST"] })
const useBearer = (app: FastifyInstance) => app.register(bearerAuth, { keys: new Set([Rows.bearer]) })
const useRate = (app: FastifyInstance) =>
  app.register(rateLimit, { max: Rows.rate, timeWindow: "1 hour", keyGenerator: () => "client" })
// Each request is compared with the limits, and none reaches them.
const useLoad = (app: FastifyInstance) =>
  app.register(underPressure, { maxEventLoopDelay: 1e9, maxHeapUsedBytes: 1e15, exposeStatusRoute: false })

const useTogether = async (app: FastifyInstance): Promise<void> => {
  await app.register(helmet)
  sendId(app)
  await app.register(etag)
}

const makes: Partial<Record<RowName, Make>> = {
  "no middleware, GET": appOf(),
  "no middleware, POST of text": appOf(),
  "no middleware, POST of JSON": appOf(),
  "security headers": appOf({}, (app) => app.register(helmet)),
  CORS: appOf({}, useCors),
  "CORS, preflight": appOf({}, useCors),
  "access log": appOf(logged),
  "request id": appOf(withIds, sendId),
  timeout: appOf(bounded),
  "entity tag": appOf({}, (app) => app.register(etag)),
  "entity tag, 304": appOf({}, (app) => app.register(etag)),
  // By a token in a cookie and in a header: another protection than that of the others, which compare the origin.
  CSRF: appOf(
    {},
    async (app) => {
      await app.register(cookie)
      await app.register(csrf)
    },
    (app) => {
      app.get(Rows.tokenPath, (_, reply) => reply.send({ token: reply.generateCsrf() }))
      const onRequest: typeof app.csrfProtection = (request, reply, done) => app.csrfProtection(request, reply, done)
      app.post("/rooms", { onRequest }, answer)
    }
  ),
  "rate limit": appOf({}, useRate),
  session: appOf(
    {},
    async (app) => {
      await app.register(cookie)
      await app.register(session, {
        secret: sessionSecret,
        saveUninitialized: false,
        rolling: false,
        cookie: { secure: false }
      })
    },
    (app) => {
      app.get("/rooms", (request, reply) => {
        const { user = "" } = request.session
        if (user === "") request.session.user = Rows.user
        return reply.send(messageTo(user))
      })
    }
  ),
  "basic authentication": appOf({}, async (app) => {
    await app.register(basicAuth, {
      authenticate: { realm: "bench" },
      validate: (username, password, _request, _reply, done) =>
        done(username === Rows.user && password === Rows.password ? undefined : new Error("Unauthorized"))
    })
    app.addHook("onRequest", app.basicAuth)
  }),
  "bearer token": appOf({}, useBearer),
  JWT: appOf({}, async (app) => {
    await app.register(jwt, {
      secret: Rows.jwtSecret,
      verify: { algorithms: ["HS256"], allowedIss: Rows.issuer, allowedAud: Rows.audience }
    })
    app.addHook("onRequest", async (request) => {
      await request.jwtVerify()
    })
  }),
  validation: appOf({}, undefined, (app) => {
    const body = {
      type: "object",
      required: ["name", "seats", "tags"],
      properties: {
        name: { type: "string", minLength: 1 },
        seats: { type: "integer" },
        tags: { type: "array", items: { type: "string" } }
      }
    }
    app.post("/rooms", { schema: { body } }, answer)
  }),
  "load shed": appOf({}, useLoad),
  "trusted proxy": appOf({ trustProxy: "127.0.0.0/8" }, undefined, (app) => {
    app.get("/rooms", (request, reply) => reply.send(messageTo(request.ip)))
  }),
  together: appOf({ ...logged, ...withIds, ...bounded }, useTogether),
  "together, with a user": appOf({ ...logged, ...withIds, ...bounded }, async (app) => {
    await useTogether(app)
    await useCors(app)
    await useLoad(app)
    await useRate(app)
    await useBearer(app)
  })
}

const subject = (app: FastifyInstance): Subject => ({
  send: async ({ body, headers, method, path }) => {
    const response = await app.inject({
      method,
      url: path,
      headers: { ...headers },
      ...(body === undefined ? {} : { payload: body })
    })
    return {
      status: response.statusCode,
      header: (name) => {
        const value = response.headers[name]
        return Array.isArray(value) ? value[0] : value?.toString()
      },
      body: response.body
    }
  },
  listen: async (port) => {
    await app.listen({ port, host })
  }
})

export const subjects: Subjects = Object.fromEntries(
  Object.entries(makes).map(([name, make]) => [name, async () => subject(await make())])
)
