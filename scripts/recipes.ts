/**
 * Writes the programs of examples/recipes into docs/recipes.md, each below the heading with its name: `node scripts/recipes.ts`.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

import { shown } from "./recipes/Shown.ts"

const root = join(import.meta.dirname, "..")
const page = join(root, "docs/recipes.md")
const read = (name: string): string => readFileSync(join(root, `examples/recipes/${name}.ts`), "utf8")

writeFileSync(page, shown(readFileSync(page, "utf8"), read))
