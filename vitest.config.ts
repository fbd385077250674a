import { defineConfig } from "vitest/config"

export default defineConfig({
  ssr: { resolve: { conditions: ["fairlead:source"] } },
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/Seed.ts"],
    // No test is of speed: one that hangs is what this ends, on however busy a machine.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    typecheck: { enabled: true, include: ["test/**/*.test-d.ts"] },
    coverage: {
      include: ["src/**/*.ts"],
      exclude: ["src/**/index.ts"],
      thresholds: { lines: 95, functions: 95, branches: 90, statements: 95 }
    }
  }
})
