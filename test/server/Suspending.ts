/** The two ways in which the interpreter suspends. */
import { afterAll, beforeAll, describe } from "vitest"

import { support } from "../../src/server/ContinuationFrame.ts"

/** Runs a suite on each way. It gets `false` where frames count as unsupported. */
export const onBothWays = (suite: (isSupported: false | undefined) => void): void => {
  describe.each([
    ["a frame on the fiber's stack", undefined],
    ["public functions", false]
  ] as const)("the interpreter, which suspends by %s", (_, isSupported) => {
    beforeAll(() => void (support.isSupported = isSupported))
    afterAll(() => void (support.isSupported = undefined))
    suite(isSupported)
  })
}
