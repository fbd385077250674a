/**
 * Draws a `Description`: the interceptors of a composite as text for a terminal, or as a Mermaid flowchart.
 *
 * @since 0.1.0
 */
import type { Description, Info } from "./Interceptor.ts"

/**
 * The interceptors as an indented text, one a line, in the order in which they run.
 *
 * @category drawing
 * @since 0.1.0
 */
export const toText = (description: Description): string => {
  const lines = rows(description.interceptors, 0)
  const width = Math.min(36, Math.max(0, ...lines.map((line) => line.name.length)))
  const kinds = Math.max(0, ...lines.map((line) => line.kind.length))
  return [
    `${description.name} (${description.part})`,
    ...lines.map(({ name, kind, note }) => `  ${kind.padEnd(kinds)}  ${name.padEnd(width)}  ${note}`.trimEnd())
  ].join("\n")
}

const rows = (
  infos: ReadonlyArray<Info>,
  depth: number
): ReadonlyArray<{ readonly name: string; readonly kind: string; readonly note: string }> =>
  infos.flatMap((info) => [
    { name: "  ".repeat(depth) + info.name, kind: info.kind, note: noteOf(info) },
    ...rows(info.inner, depth + 1)
  ])

// A recovery is mostly named after what it recovers: that is not said twice.
const noteOf = (info: Info): string => {
  const recovers = info.recovers.filter((what) => !info.name.includes(what.slice(what.lastIndexOf("/") + 1)))
  return [
    ...(info.provides.length > 0 ? [`provides ${info.provides.join(", ")}`] : []),
    ...(recovers.length > 0 ? [`recovers ${recovers.join(", ")}`] : [])
  ].join("; ")
}

/**
 * The interceptors as a Mermaid flowchart, top down; composites inside are subgraphs.
 *
 * @category drawing
 * @since 0.1.0
 */
export const toMermaid = (description: Description): string => {
  let count = 0
  const lines: Array<string> = ["flowchart TD"]
  const draw = (infos: ReadonlyArray<Info>, indent: string, previous: string | undefined): string | undefined => {
    for (const info of infos) {
      const id = `s${++count}`
      const note = noteOf(info)
      lines.push(
        `${indent}${id}["${escape(info.kind)}: ${escape(info.name)}${note === "" ? "" : `<br/>${escape(note)}`}"]`
      )
      if (previous !== undefined) lines.push(`${indent}${previous} --> ${id}`)
      previous = id
      if (info.inner.length > 0) {
        lines.push(`${indent}subgraph ${id}i["${escape(info.name)}"]`)
        previous = draw(info.inner, `${indent}  `, previous)
        lines.push(`${indent}end`)
      }
    }
    return previous
  }
  draw(description.interceptors, "  ", undefined)
  return lines.join("\n")
}

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
