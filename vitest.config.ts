import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts"],
    // Tests start servers and processes of their own: a process each keeps a crash or a signal from its neighbours.
    pool: "forks",
    // They wait more than they compute.
    maxWorkers: 3,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    coverage: {
      provider: "v8",
      include: ["packages/router/src/**/*.ts", "packages/server/src/**/*.ts"],
      reporter: ["text-summary"],
      thresholds: { lines: 90 }
    }
  }
})
