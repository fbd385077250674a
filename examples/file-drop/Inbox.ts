/** Where received files go: a folder, or memory for tests. A file is there whole or not at all. */
import { createHash, randomBytes } from "node:crypto"
import { createWriteStream } from "node:fs"
import { mkdir, rename, rm, stat } from "node:fs/promises"
import { join } from "node:path"

import { Context, Effect, Layer, Stream } from "effect"
import { EndpointHooks } from "fairlead/endpoint"

import type { Offer, Receipt } from "./Protocol.ts"

export class Inbox extends Context.Service<
  Inbox,
  {
    readonly has: (name: string) => Effect.Effect<boolean>
    /** Stores a file, which must have the size of its offer. */
    readonly store: <E>(
      offer: Offer,
      content: Stream.Stream<Uint8Array, E>
    ) => Effect.Effect<Receipt, E | EndpointHooks.Reject>
  }
>()("file-drop/Inbox") {
  /** In memory, with the files to look at. */
  static readonly layerMemory = (files: Map<string, Uint8Array>): Layer.Layer<Inbox> =>
    Layer.succeed(Inbox, {
      has: (name) => Effect.sync(() => files.has(name)),
      store: (offer, content) =>
        Effect.gen(function* () {
          const chunks: Array<Uint8Array> = []
          const receipt = yield* measured(offer, content, (chunk) => Effect.sync(() => void chunks.push(chunk)))
          files.set(offer.name, Uint8Array.from(Buffer.concat(chunks)))
          return receipt
        })
    })

  /** In a folder, which is made if it is missing. */
  static readonly layerFolder = (folder: string): Layer.Layer<Inbox> =>
    Layer.effect(
      Inbox,
      Effect.gen(function* () {
        yield* Effect.promise(() => mkdir(folder, { recursive: true }))
        const at = (name: string) => join(folder, name)
        return Inbox.of({
          has: (name) =>
            Effect.promise(() =>
              stat(at(name)).then(
                () => true,
                () => false
              )
            ),
          store: (offer, content) =>
            Effect.acquireUseRelease(
              Effect.sync(() => {
                const path = at(`.${randomBytes(6).toString("hex")}`)
                return { path, file: createWriteStream(path, { flags: "wx" }) }
              }),
              ({ file, path }) =>
                Effect.gen(function* () {
                  const write = (chunk: Uint8Array) =>
                    Effect.callback<void>((resume) => {
                      file.write(chunk, (error) => resume(error ? Effect.die(error) : Effect.void))
                    })
                  const receipt = yield* measured(offer, content, write)
                  yield* Effect.callback<void>((resume) => void file.end(() => resume(Effect.void)))
                  yield* Effect.promise(() => rename(path, at(offer.name)))
                  return receipt
                }),
              ({ file, path }) =>
                Effect.promise(() => {
                  file.destroy()
                  return rm(path, { force: true })
                })
            )
        })
      })
    )
}

/** Writes a file chunk by chunk; more or fewer bytes than were offered are rejected. */
const measured = <E>(
  { size }: Offer,
  content: Stream.Stream<Uint8Array, E>,
  write: (chunk: Uint8Array) => Effect.Effect<void>
): Effect.Effect<Receipt, E | EndpointHooks.Reject> =>
  Effect.suspend(() => {
    const hash = createHash("sha256")
    let received = 0
    const wrong = new EndpointHooks.Reject({ status: 400, reason: "not the size that was offered" })
    const each = (chunk: Uint8Array): Effect.Effect<void, EndpointHooks.Reject> => {
      received += chunk.length
      if (received > size) return Effect.fail(wrong)
      hash.update(chunk)
      return write(chunk)
    }
    return Effect.flatMap(Stream.runForEach(content, each), () =>
      received === size ? Effect.succeed({ size, sha256: hash.digest("hex") }) : Effect.fail(wrong)
    )
  })
