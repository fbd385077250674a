/** The rate limiter of tests, with counts in memory. */
import { Layer } from "effect"
import { RateLimiter } from "effect/persistence"

export const limiter = RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))
