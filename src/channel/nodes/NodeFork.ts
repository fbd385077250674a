/**
 * Work of a node that belongs to no caller. Internal to the channel part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"

/** Starts work. */
export type NodeFork = (work: Effect.Effect<void>) => Fiber.Fiber<void>

/**
 * Starts work that goes on while resources are released that were added to the scope later, since their release may need it. What is then still at work is interrupted. Work that
 * was started in the scope itself would end before any release.
 */
export const nodeFork: Effect.Effect<NodeFork, never, Scope.Scope> = Effect.gen(function* () {
  const context = yield* Effect.context()
  const scope = yield* Effect.acquireRelease(Scope.make(), (scope, exit) => Scope.close(scope, exit))
  return (work) => Fiber.runIn(Effect.runForkWith(context)(work), scope)
})
