/**
 * Loads code that needs an optional peer dependency when it is first used, so that its entry can be imported without that package. Internal to the parts.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

/** An entry that needs a package, and the package to install. */
export interface OptionalPeer {
  readonly entry: string
  readonly install: string
}

// Node, Deno and Bun use the same code; the message names the package that was looked for.
const isMissing = (cause: unknown, name: string): cause is Error =>
  cause instanceof Error &&
  "code" in cause &&
  cause.code === "ERR_MODULE_NOT_FOUND" &&
  cause.message.includes(`'${name}`)

/** Imports the code. A missing package is a defect whose message has the command that installs it; any other failure of the import is a defect as it is. */
export const loadPeer = <M>(load: () => Promise<M>, { entry, install }: OptionalPeer): Effect.Effect<M> =>
  Effect.catchDefect(Effect.promise(load), (cause) =>
    Effect.die(
      isMissing(cause, install.replace(/(?!^)@.*$/, ""))
        ? new Error(`${entry} needs a package that is not installed. Run: npm install ${install}`, { cause })
        : cause
    )
  )
