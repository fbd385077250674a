/**
 * The key that a Harbour's id as a peer comes from: 32 bytes in a file of its owner's alone, in the folder of the database, made when it is first needed.
 *
 * The file proves the identity to peers. Without it Harbour has a new id, which its peers must allow again; its rooms stay the same.
 */
import { randomBytes } from "node:crypto"
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs"

import { Effect, Redacted, Schema } from "effect"

/** The key cannot be used. */
export class KeyError extends Schema.TaggedError<KeyError>()("KeyError", {
  file: Schema.String,
  fault: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {
  override get message() {
    return `The key of this Harbour as a peer, ${this.file}, ${this.fault}.`
  }
}

const size = 32

const read = (file: string): Uint8Array => {
  if (!existsSync(file)) {
    // Whole or not at all, however the process ends.
    const making = `${file}.${randomBytes(6).toString("hex")}`
    writeFileSync(making, randomBytes(size), { mode: 0o600, flag: "wx", flush: true })
    renameSync(making, file)
  }
  return readFileSync(file)
}

/** The key in a file. */
export const keyIn = Effect.fnUntraced(function* (file: string) {
  const fail = (fault: string, cause?: unknown) => new KeyError({ file, fault, cause })
  const [key, mode] = yield* Effect.try({
    try: () => [read(file), statSync(file).mode] as const,
    catch: (cause) =>
      fail(`can neither be read nor made: ${cause instanceof Error ? cause.message : String(cause)}`, cause)
  })
  if (process.platform !== "win32" && (mode & 0o077) !== 0) return yield* fail("can be read by others: chmod 600 it")
  if (key.length !== size) return yield* fail(`has ${key.length} bytes instead of ${size}: remove it to get a new one`)
  return Redacted.make(key)
})
