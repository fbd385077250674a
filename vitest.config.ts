import { defineConfig } from "vitest/config"

import { reportersOf } from "./test/kit/PartShares.ts"

const announcement =
  "npm test takes 10 to 20 minutes on two cores. Soak tests, mutations, type-check times and installations are in `npm run test:long`."

export default defineConfig({
  ssr: { resolve: { conditions: ["fairlead:source"] } },
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["**/node_modules/**", "test/**/*.long.test.ts"],
    setupFiles: ["test/Seed.ts"],
    maxWorkers: 2,
    // Processes, browsers and sockets share the machine with everything else on it: a failed test runs once more, and the run lists it at its end.
    retry: 1,
    reporters: reportersOf(announcement),
    // No test is of speed: this ends one that hangs, on a busy machine too.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    typecheck: { enabled: true, include: ["test/**/*.test-d.ts"] },
    coverage: {
      include: ["src/**/*.ts"],
      exclude: ["src/**/index.ts"],
      thresholds: { lines: 95, functions: 95, branches: 90, statements: 95 }
    }
  }
})
