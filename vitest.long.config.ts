import { defineConfig } from "vitest/config"

import { reportersOf } from "./test/kit/PartShares.ts"
import { slowestFirst } from "./test/kit/SlowestFirst.ts"

const announcement =
  "npm run test:long takes 12 to 25 minutes on two cores: soak tests, mutations, injected faults, type-check times, installations, every sweep with six schedules, 1,000 simulated Harbours."

export default defineConfig({
  ssr: { resolve: { conditions: ["fairlead:source"] } },
  test: {
    include: [
      "test/**/*.long.test.ts",
      "test/**/sweeps.test.ts",
      "test/*/sweeps/*.test.ts",
      "test/simulation/{app,client,endpoint,limits,services}.test.ts"
    ],
    env: { FAIRLEAD_SWEEPS: "all" },
    setupFiles: ["test/Seed.ts"],
    maxWorkers: 2,
    sequence: {
      sequencer: slowestFirst([
        "channel/histories/histories.long.test.ts",
        "channel/real/histories.long.test.ts",
        "simulation/injection.long.test.ts",
        "simulation/harbour.long.test.ts"
      ])
    },
    // Processes, browsers and sockets share the machine with everything else on it: a failed test runs once more, and the run lists it at its end.
    retry: 1,
    reporters: reportersOf(announcement),
    testTimeout: 1_800_000,
    hookTimeout: 1_800_000
  }
})
