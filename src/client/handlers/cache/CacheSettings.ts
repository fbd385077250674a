/**
 * The checked options of a cache, and the types that its parts share. Internal to the client part.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Fiber from "effect/Fiber"

import type { Directives } from "../../../core/heads/CacheDirectives.ts"
import type { Request, Response } from "../../Decision.ts"
import type { Mode } from "./CachePolicy.ts"
import { formatCacheStatus } from "./CacheStatus.ts"
import type { CacheStatus } from "./CacheStatus.ts"
import { shownFields } from "./HeaderFields.ts"
import type { HeaderFields } from "./HeaderFields.ts"
import { ageOf, facts } from "./StoredHead.ts"
import type { FreshnessSettings, StoredHead } from "./StoredHead.ts"
import type { CacheKey, StoreOperations } from "./StoreTypes.ts"
import type { RequestHeaders } from "./Vary.ts"

/** The settings of one cache. Times are milliseconds. */
export interface CacheSettings extends FreshnessSettings {
  readonly name: string
  readonly store: StoreOperations
  readonly partition: ((request: Request) => string) | undefined
  readonly timeToLive: ((request: Request, response: Response) => Duration.Input | undefined) | undefined
  readonly staleIfError: number
  readonly onUnreachable: "fail" | "respond"
  readonly onStoreError: "allow" | "fail"
  readonly lockTimeout: number
  readonly maxAbandonedBytes: number
}

/** One request as the parts of a cache see it. */
export interface CacheCall {
  readonly request: Request
  /** The absolute URL without a fragment. */
  readonly url: string
  readonly key: CacheKey
  readonly headers: RequestHeaders
  readonly directives: Directives
  readonly mode: Mode
}

/** The time of the `Clock` of the running fiber. */
export const millis = (): number => Fiber.getCurrent()!.getRef(Clock.Clock).currentTimeMillisUnsafe()

/** The fields of a response from the store: with `Age` and `Cache-Status`. */
export const shown = (head: StoredHead, settings: CacheSettings, now: number, status: CacheStatus): HeaderFields => {
  const age = ageOf(head, settings, now)
  const timeToLive = Math.floor((facts(head, settings).freshFor - age) / 1000)
  return shownFields(
    head.headers,
    String(Math.floor(age / 1000)),
    formatCacheStatus(settings.name, { ...status, timeToLive })
  )
}
