/**
 * Keeps what a program logs.
 */
import { Cause, Effect, Logger, References } from "effect"
import type { Layer } from "effect"

export interface Line {
  readonly level: string
  readonly message: string
  readonly cause: Cause.Cause<unknown>
  readonly annotations: Readonly<Record<string, unknown>>
}

export const keepLogs = (): { readonly lines: Array<Line>; readonly layer: Layer.Layer<never> } => {
  const lines: Array<Line> = []
  const logger = Logger.make<unknown, void>(({ cause, fiber, logLevel, message }) => {
    lines.push({
      level: logLevel,
      message: (Array.isArray(message) ? message : [message]).map(String).join(" "),
      cause,
      annotations: fiber.getRef(References.CurrentLogAnnotations)
    })
  })
  return { lines, layer: Logger.layer([logger]) }
}

/** All that a log line could show, as text. */
export const shown = (line: Line): string =>
  [line.message, Cause.pretty(line.cause), JSON.stringify(line.cause), JSON.stringify(line.annotations)].join("\n")

/** The lines that an effect logs. */
export const logsOf = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<readonly [A, ReadonlyArray<Line>], E, R> =>
  Effect.suspend(() => {
    const { layer, lines } = keepLogs()
    return Effect.map(Effect.provide(effect, layer), (value) => [value, lines] as const)
  })
