import { defineConfig } from "vitest/config"

// Real servers, in real time: one file after the other, so that none slows another one down.
export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    include: ["test/servers/*.server.ts"],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000
  }
})
