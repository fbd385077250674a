/** Twenty thousand texts for each reader of the fields that caches use. */
import { describe, it } from "vitest"

import { fuzzed } from "./CacheFuzzing.ts"
import { cacheReaders } from "./CacheReaders.ts"

describe("twenty thousand texts", () => {
  it.each(Object.entries(cacheReaders))("cache 8: are read by %s without a throw", (_, read) => fuzzed(read, 20_000))
})
