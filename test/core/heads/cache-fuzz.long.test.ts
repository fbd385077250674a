/** A million texts for each reader of the fields that caches use. */
import { describe, it } from "vitest"

import { fuzzed } from "./CacheFuzzing.ts"
import { cacheReaders } from "./CacheReaders.ts"

describe("a million texts", () => {
  it.each(Object.entries(cacheReaders))("cache 8: are read by %s without a throw", (_, read) => fuzzed(read, 1_000_000))
})
