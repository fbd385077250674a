import { execFileSync } from "node:child_process"

import { assert, describe, it } from "vitest"

import { engine } from "./Engines.ts"

const redis = await engine("redis")
const postgres = await engine("postgres")
const nats = await engine("nats")

describe("an engine of the tests", () => {
  it.skipIf(redis.missing)("Redis is found or started", () => assert.match(redis.url, /^redis:/))
  it.skipIf(nats.missing)("NATS is found or started", () => assert.match(nats.url, /^nats:/))
  it.skipIf(postgres.missing)("PostgreSQL is found or started, and lets us in", () => {
    assert.include(execFileSync("psql", [postgres.url, "-w", "-c", "select 41 + 1"], { encoding: "utf8" }), "42")
  })
})
