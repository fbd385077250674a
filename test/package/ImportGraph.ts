/** The imports of `src` as a graph, those of types too: a reader follows both. */
import { posix } from "node:path"

import { resolveFrom, specifiersOf } from "./ImportRules.ts"

/** Each file below `src`, and the files that it imports. */
export type ImportGraph = ReadonlyMap<string, ReadonlyArray<string>>

export const importGraph = (files: ReadonlyArray<string>, read: (file: string) => string): ImportGraph =>
  new Map(
    files.map((file) => [
      file,
      specifiersOf(read(file))
        .filter((specifier) => specifier.startsWith("."))
        .map((specifier) => resolveFrom(file, specifier))
    ])
  )

/** All files that a file reaches, through any number of imports. */
const reachedFrom = (graph: ImportGraph, file: string): ReadonlySet<string> => {
  const reached = new Set<string>()
  const waiting = [file]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const to of graph.get(next) ?? []) {
      if (reached.has(to)) continue
      reached.add(to)
      waiting.push(to)
    }
  }
  return reached
}

/** The files that reach themselves, in groups that reach one another. */
export const circles = (graph: ImportGraph): ReadonlyArray<string> => {
  const reached = new Map([...graph.keys()].map((file) => [file, reachedFrom(graph, file)]))
  const groups = new Set<string>()
  for (const [file, others] of reached) {
    if (!others.has(file)) continue
    const group = [...others].filter((other) => reached.get(other)?.has(file)).toSorted()
    groups.add(group.join(" ↔ "))
  }
  return [...groups].toSorted()
}

/** Imports that lead from an inner folder to a file outside of it, which itself builds on the inner folder. */
export const upwardArrows = (graph: ImportGraph): ReadonlyArray<string> =>
  [...graph].flatMap(([file, imports]) => {
    const folder = posix.dirname(file)
    return imports
      .filter((to) => folder.startsWith(`${posix.dirname(to)}/`))
      .filter((to) => [...reachedFrom(graph, to)].some((back) => posix.dirname(back) === folder))
      .map((to) => `${file} → ${to}`)
  })
