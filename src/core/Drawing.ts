/**
 * Draws a composite or one interceptor, as text for a terminal or as a Mermaid flowchart. Internal to Fairlead: public through `Interceptor`.
 *
 * @since 0.1.0
 */
import type { Description, InterceptorInfo } from "./Description.ts"

/** Indented text, one interceptor a line. */
export const toText = (drawn: Description | InterceptorInfo): string => {
  const lines = rows(interceptorsOf(drawn), 0)
  const width = Math.min(36, Math.max(0, ...lines.map((line) => line.name.length)))
  const kinds = Math.max(0, ...lines.map((line) => line.kind.length))
  return [
    ...("part" in drawn ? [`${drawn.name} (${drawn.part})`] : []),
    ...lines.map(({ name, kind, note }) => `  ${kind.padEnd(kinds)}  ${name.padEnd(width)}  ${note}`.trimEnd())
  ].join("\n")
}

const rows = (
  infos: ReadonlyArray<InterceptorInfo>,
  depth: number
): ReadonlyArray<{ readonly name: string; readonly kind: string; readonly note: string }> =>
  infos.flatMap((info) => [
    { name: "  ".repeat(depth) + info.name, kind: info.kind, note: noteOf(info) },
    ...rows(info.inner, depth + 1)
  ])

// A recovery is mostly named after its errors, which are not repeated then.
const noteOf = (info: InterceptorInfo): string => {
  const recovers = info.recovers.filter((what) => !info.name.includes(what.slice(what.lastIndexOf("/") + 1)))
  const notes: ReadonlyArray<readonly [what: string, names: ReadonlyArray<string>]> = [
    ["implements", info.service === undefined || info.service === info.name ? [] : [info.service]],
    ["provides", info.provides],
    ["raises", info.error],
    ["requires", info.requires],
    ["recovers", recovers]
  ]
  return notes
    .filter(([, names]) => names.length > 0)
    .map(([what, names]) => `${what} ${names.join(", ")}`)
    .join("; ")
}

const interceptorsOf = (drawn: Description | InterceptorInfo): ReadonlyArray<InterceptorInfo> =>
  "part" in drawn ? drawn.interceptors : [drawn]

/** A flowchart, top down; composites inside are subgraphs. */
export const toMermaid = (drawn: Description | InterceptorInfo): string => {
  let count = 0
  const lines: Array<string> = ["flowchart TD"]
  const draw = (
    infos: ReadonlyArray<InterceptorInfo>,
    indent: string,
    previous: string | undefined
  ): string | undefined => {
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
  draw(interceptorsOf(drawn), "  ", undefined)
  return lines.join("\n")
}

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
