/**
 * Harbour over a storage that a test steers by words. Posting the text
 *
 * - `wait` says "held" and waits for the word "go" before it stores; at its end it says how it ended;
 * - `stuck` says "held" and never ends;
 * - `iron` says "held", never ends, and cannot be interrupted;
 * - `defect` dies; `broken` fails as a storage whose disk is full.
 */
import { Effect, Exit, Layer } from "effect"
import { NodeApp } from "fairlead/app/node"

import { StorageError } from "../../examples/harbour/Domain.ts"
import { harbour } from "../../examples/harbour/Harbour.ts"
import { listening } from "../../examples/harbour/Settings.ts"
import * as SqliteStorage from "../../examples/harbour/SqliteStorage.ts"
import { Storage } from "../../examples/harbour/Storage.ts"

const say = (word: string) => Effect.sync(() => void process.stdout.write(`steered: ${word}\n`))

const go = Effect.callback<void>((resume) => {
  const hear = () => resume(Effect.void)
  process.once("message", hear)
  return Effect.sync(() => process.off("message", hear))
})

const held = <A, E>(work: Effect.Effect<A, E>) =>
  Effect.acquireUseRelease(
    say("held"),
    () => work,
    (_, exit) => say(Exit.isSuccess(exit) ? "ended" : Exit.hasInterrupts(exit) ? "interrupted" : "failed")
  )

const steered = Layer.effect(
  Storage,
  Effect.gen(function* () {
    const storage = yield* Storage
    return Storage.of({
      ...storage,
      post: (room, text, by, links, stored) => {
        const post = storage.post(room, text, by, links, stored)
        switch (String(text)) {
          case "wait":
            return held(Effect.andThen(go, post))
          case "stuck":
            return held(Effect.never)
          case "iron":
            return Effect.uninterruptible(held(Effect.never))
          case "defect":
            return Effect.die(new Error("the hull is breached"))
          case "broken":
            return Effect.fail(new StorageError({ operation: "post", cause: new Error("the disk at /secret is full") }))
          default:
            return post
        }
      }
    })
  })
).pipe(Layer.provide(SqliteStorage.layer))

NodeApp.run(harbour.override(SqliteStorage.layer, steered), listening)
