/** The example of the guide finds the bug that is planted in it, and finds nothing in the mended version. */
import { spawnSync } from "node:child_process"
import { resolve } from "node:path"

import { assert, it } from "vitest"

const root = resolve(import.meta.dirname, "../../..")

it("simulation 5: the sweep of the guide finds the lost slot, and nothing in the mended middleware", () => {
  const { status, stdout } = spawnSync(process.execPath, ["--conditions=fairlead:source", "examples/interruption.ts"], {
    cwd: root,
    encoding: "utf8"
  })
  assert.strictEqual(status, 0)
  const found = /careless: (\d+) of (\d+) points lose a slot\ncareful: (\d+) of (\d+) points lose a slot/.exec(stdout)
  assert.isNotNull(found, stdout)
  const [lost = 0, points = 0, lostWhenMended, pointsWhenMended = 0] = found.slice(1).map(Number)
  assert.isAbove(lost, 0)
  assert.isBelow(lost, points)
  assert.strictEqual(lostWhenMended, 0)
  assert.isAbove(pointsWhenMended, 20)
})
