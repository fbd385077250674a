/** One server in a separate process: `node serve.ts CONTENDER PORT STAGES`. Reports when it listens, and answers with its CPU time. */
import type { Serve } from "./Contender.ts"

/** Loaded on demand, so that the process holds nothing of the others. */
const load: Record<string, () => Promise<Serve>> = {
  "Fairlead, whole app": async () => (await import("./Fairlead.ts")).fairleadApp,
  "Fairlead NodeApp, header stages": async () => (await import("./Fairlead.ts")).fairleadNodeApp,
  "Fairlead in front of Effect's router": async () => (await import("./Fairlead.ts")).fairleadRoutes,
  "Fairlead App over Effect's router": async () => (await import("./Fairlead.ts")).fairleadHooks,
  "Effect's router, middleware by hand": async () => (await import("./Effect.ts")).effectRouter,
  "Effect app without a router, by hand": async () => (await import("./Effect.ts")).effectApp,
  Koa: async () => (await import("./Koa.ts")).koa,
  Hono: async () => (await import("./Hono.ts")).hono,
  Express: async () => (await import("./Express.ts")).expressApp,
  Fastify: async () => (await import("./Fastify.ts")).fastify,
  "node:http": async () => (await import("./Node.ts")).node
}

const [name = "", port, stages] = process.argv.slice(2)
const contender = await load[name]?.()
if (contender === undefined) throw new Error(`No contender is called "${name}".`)
await contender(Number(port), Number(stages))

process.on("disconnect", () => process.exit())
process.on("message", () => {
  const { system, user } = process.cpuUsage()
  process.send?.(system + user)
})
process.send?.("listening")
