import { join } from "node:path"

import { assert, beforeAll, describe, it } from "vitest"

import { hoversOfConstants, wordsOf } from "../server/hoverServer.ts"
import type * as Apps from "./hoverApps.ts"

const file = join(import.meta.dirname, "hoverApps.ts")

/** What an editor must show for each name. */
const shown: Readonly<
  Record<Exclude<keyof typeof Apps, "NoDatabase" | "Pool" | "Hits" | "Url" | "Mail" | "Database">, string>
> = {
  databaseLive: "const databaseLive: Layer<Database, never, Url>",
  counter: "const counter: Fairing.Fairing<Hits, never, Mail>",
  five: "const five: App.App<Database | Url | Pool | Hits, Config.ConfigError | NoDatabase, Mail>",
  ignited:
    "const ignited: Effect.Effect<App.Ignited, App.IgniteError<Config.ConfigError | NoDatabase | App.OwnFailure>, Mail | Scope>"
}

describe("the hover text of an editor for an app", () => {
  let hovers: ReadonlyArray<string> = []
  beforeAll(async () => {
    hovers = await hoversOfConstants(file, Object.keys(shown))
  })

  it.each(Object.entries(shown).map(([name, type], index) => ({ name, type, index })))(
    "names services and errors and no machinery: $name",
    ({ index, type }) => {
      const hover = hovers[index] ?? ""
      assert.sameMembers(wordsOf(hover), wordsOf(type), hover)
    }
  )
})
