/** The table of laws, run over all five parts. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"

import { app } from "./AppLaws.ts"
import { channel } from "./ChannelLaws.ts"
import { client } from "./ClientLaws.ts"
import { endpoint } from "./EndpointLaws.ts"
import { knownFailures } from "./KnownFailures.ts"
import { laws } from "./Laws.ts"
import { server } from "./ServerLaws.ts"

const parts = [server, app, client, channel, endpoint]

for (const part of parts) {
  describe(`the laws of the ${part.part} part`, () => {
    for (const { except = [], holds, name } of laws) {
      if (except.includes(part.part)) continue
      const row = `${part.part} ${name.slice(0, name.indexOf(":"))}`
      it.effect(`${row}${name.slice(name.indexOf(":"))}`, () =>
        knownFailures.has(row)
          ? Effect.map(Effect.exit(Effect.suspend(() => Effect.scoped(holds(part)))), (exit) =>
              assert.isTrue(Exit.isFailure(exit), `it holds now: delete "${row}" from KnownFailures.ts`)
            )
          : Effect.suspend(() => Effect.scoped(holds(part)))
      )
    }
  })
}
