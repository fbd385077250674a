/**
 * A store whose failures and delays are bounded for the calls that use it. Internal to the client part.
 *
 * 1. An operation that is slower than the limit fails. The store then rests: its operations fail at once, so that not every call waits.
 * 2. An invalidation that could not be written is kept, and is written before the store is read again.
 * 3. The first failure after a success is logged as a warning.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"

import { within } from "../../../core/TimeBound.ts"
import { millis } from "./CacheSettings.ts"
import { readFailed, writeFailed } from "./StoreError.ts"
import type { CacheStoreError } from "./StoreError.ts"
import type { EntryWriter, Invalidation, StoreOperations } from "./StoreTypes.ts"

type Stored<A> = Effect.Effect<A, CacheStoreError>
type ToError = (cause: unknown) => CacheStoreError

/** How long a store rests after it was too slow, in milliseconds. */
const restMillis = 5000

/** How many invalidations are kept; beyond that everything is invalidated. */
const maxPending = 100

/** The store with its operations bounded to `timeout` milliseconds. */
export const guarded = (store: StoreOperations, timeout: number): StoreOperations => {
  const bound = new StoreBound(timeout)
  let pending: ReadonlyArray<Invalidation> = []

  const deliver = Effect.suspend(() =>
    Effect.forEach(
      pending,
      (each) =>
        Effect.map(bound.write(store.invalidate(each)), () => {
          pending = pending.filter((other) => other !== each)
        }),
      { discard: true }
    )
  )

  const writer = ({ abandon, commit, write }: EntryWriter): EntryWriter => ({
    write: (piece) => bound.write(write(piece)),
    commit: (head, replaces) => bound.write(commit(head, replaces)),
    abandon: Effect.ignore(bound.write(abandon))
  })

  return {
    maxEntryBytes: store.maxEntryBytes,
    secret: bound.read(store.secret),
    find: (key) => {
      if (pending.length === 0) return bound.read(store.find(key))
      return Effect.flatMap(deliver, () => bound.read(store.find(key)))
    },
    read: (head) =>
      Stream.timeoutOrElse(store.read(head), {
        duration: timeout,
        orElse: () => Stream.fail(bound.tooSlow(readFailed))
      }),
    peek: store.peek,
    write: (key) => Effect.map(bound.write(store.write(key)), writer),
    update: (key, head) => bound.write(store.update(key, head)),
    remove: (key, head) => bound.write(store.remove(key, head)),
    invalidate: (invalidation) =>
      Effect.suspend(() => {
        pending = pending.length < maxPending ? [...pending, invalidation] : [{ _tag: "All" }]
        return deliver
      })
  }
}

/** Runs the operations of a store within a time. */
class StoreBound {
  private readonly timeout: number
  private restsUntil = Number.NEGATIVE_INFINITY
  private isFailing = false

  constructor(timeout: number) {
    this.timeout = timeout
  }

  read<A>(operation: Stored<A>): Stored<A> {
    return this.bounded(operation, readFailed)
  }
  /** A change goes on when its caller leaves or its time is over: it cannot be undone half-way. */
  write<A>(operation: Stored<A>): Stored<A> {
    if (Exit.isExit(operation)) return operation
    const detached = Effect.flatMap(Effect.forkDetach(operation, { startImmediately: true }), Fiber.join)
    return this.bounded(detached, writeFailed)
  }

  tooSlow(toError: ToError): CacheStoreError {
    return toError(new Error(`no answer within ${Duration.format(Duration.millis(this.timeout))}`))
  }

  private bounded<A>(operation: Stored<A>, toError: ToError): Stored<A> {
    // Memory answers at once.
    if (Exit.isExit(operation)) return operation
    const limited = Effect.suspend(() => {
      const now = millis()
      if (now < this.restsUntil) return Effect.fail(this.tooSlow(toError))
      const onTimeout = (): CacheStoreError => {
        this.restsUntil = now + this.timeout + restMillis
        return this.tooSlow(toError)
      }
      return within(operation, () => ({ millis: this.timeout, onTimeout }))
    })
    return Effect.onExit(limited, (exit) => {
      const wasFailing = this.isFailing
      this.isFailing = Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)
      return this.isFailing && !wasFailing && Exit.isFailure(exit)
        ? Effect.logWarning("The store of a cache fails: the network answers", exit.cause)
        : Effect.void
    })
  }
}
