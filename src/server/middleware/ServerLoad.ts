/**
 * How busy this process is: the delay of its event loop, and how full its heap is.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

import { checkOptions } from "../../core/Options.ts"

/**
 * The load of a process.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProcessLoad {
  /** How late the event loop comes to its work, as the mean of the last interval. */
  readonly eventLoopDelay: Duration.Duration
  /** The used part of the heap's limit, from 0 to 1. */
  readonly heapRatio: number
}

/**
 * Options of `ServerLoad.layerOptions`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServerLoadOptions {
  /** How often the load is measured. Default: 500 milliseconds. */
  readonly interval?: Duration.Input | undefined
}

interface Runtime {
  readonly getBuiltinModule?: (id: string) => unknown
}

/** The used parts of `node:perf_hooks` and `node:v8`. */
interface Builtins {
  readonly "node:perf_hooks": {
    readonly monitorEventLoopDelay: (options: { readonly resolution: number }) => {
      readonly count: number
      /** In nanoseconds. */
      readonly mean: number
      readonly enable: () => unknown
      readonly disable: () => unknown
      readonly reset: () => void
    }
  }
  readonly "node:v8": {
    readonly getHeapStatistics: () => { readonly heap_size_limit: number; readonly used_heap_size: number }
  }
}

// A static import would keep the middleware from every runtime that is not Node.
const builtin = <K extends keyof Builtins>(id: K): Effect.Effect<Builtins[K]> =>
  Effect.suspend(() => {
    const { process } = globalThis as { readonly process?: Runtime }
    const found = process?.getBuiltinModule?.(id)
    return found === undefined
      ? Effect.die(new Error(`ServerLoad needs ${id} of Node: provide another ServerLoad on this runtime`))
      : Effect.succeed(found as Builtins[K])
  })

const resolution = 10

const measuring = (options: ServerLoadOptions) => {
  const interval = checkOptions("ServerLoad").duration("interval", options.interval ?? "500 millis")
  return Effect.gen(function* () {
    const { monitorEventLoopDelay } = yield* builtin("node:perf_hooks")
    const { getHeapStatistics } = yield* builtin("node:v8")
    const histogram = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const histogram = monitorEventLoopDelay({ resolution })
        histogram.enable()
        return histogram
      }),
      (histogram) => Effect.sync(() => histogram.disable())
    )
    const measure = (): ProcessLoad => {
      const { heap_size_limit: limit, used_heap_size: used } = getHeapStatistics()
      // The histogram holds the time between two looks; without one since the reset its mean is NaN.
      const delay = histogram.count === 0 ? 0 : Math.max(0, histogram.mean / 1e6 - resolution)
      histogram.reset()
      return { eventLoopDelay: Duration.millis(delay), heapRatio: used / limit }
    }
    let latest = measure()
    const again = Effect.sync(() => void (latest = measure()))
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(interval), again)))
    return { current: Effect.sync(() => latest) }
  })
}

/**
 * The load of this process. `loadShed` asks it for each request, so it must answer at once.
 *
 * @category services
 * @since 0.1.0
 */
export class ServerLoad extends Context.Service<ServerLoad, { readonly current: Effect.Effect<ProcessLoad> }>()(
  "fairlead/server/middleware/ServerLoad"
) {
  /** Measures by `node:perf_hooks` and `node:v8`, in intervals. A runtime without them is a defect. */
  static readonly layerOptions = (options: ServerLoadOptions): Layer.Layer<ServerLoad> =>
    Layer.effect(ServerLoad, measuring(options))

  /** `layerOptions` with its defaults. */
  static readonly layer: Layer.Layer<ServerLoad> = ServerLoad.layerOptions({})
}
