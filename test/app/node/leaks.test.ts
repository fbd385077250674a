import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

import { run } from "./Child.ts"

describe("leaks", () => {
  it.live("app 16: 200 launches and shutdowns in one process leak no resource, fiber, listener or socket", () =>
    Effect.gen(function* () {
      const lives = yield* run(new URL("./lives.ts", import.meta.url))
      assert.deepStrictEqual(yield* lives.ended, { code: 0, signal: null }, lives.output())
      const figures = /^\{.*\}$/m.exec(lives.output())?.[0] ?? ""
      const { after, before, started } = JSON.parse(figures)
      console.log(`before ${JSON.stringify(before)}\nafter  ${JSON.stringify(after)}, of ${started} fibers`)
      assert.deepStrictEqual(after, before)
      assert.strictEqual(after.fibers, 0)
      assert.strictEqual(after.servers, 0)
      assert.isAbove(started, 200 * 10, "fibers are counted")
    })
  )
})
