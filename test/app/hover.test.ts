import { readFileSync } from "node:fs"
import { join } from "node:path"

import { assert, beforeAll, describe, it } from "vitest"

import { hoversOf } from "../server/hoverServer.ts"
import type * as Apps from "./hoverApps.ts"

const file = join(import.meta.dirname, "hoverApps.ts")
const text = readFileSync(file, "utf8")

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

const words = (type: string): ReadonlyArray<string> => type.match(/[\w.]+|[<>,]/g) ?? []

describe("what an editor shows for an app", () => {
  let hovers: ReadonlyArray<string> = []
  beforeAll(async () => {
    const places = Object.keys(shown).map((name) => {
      const before = text.slice(0, text.indexOf(`export const ${name} `) + "export const ".length).split("\n")
      return { name, line: before.length - 1, character: before.at(-1)!.length }
    })
    hovers = await hoversOf(file, text, places)
  })

  it.each(Object.entries(shown).map(([name, type], index) => ({ name, type, index })))(
    "names services and errors and no machinery: $name",
    ({ index, type }) => {
      const hover = hovers[index] ?? ""
      assert.sameMembers([...words(hover)], [...words(type)], hover)
    }
  )
})
