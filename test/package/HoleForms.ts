/**
 * The rows of the table of holes, written out in every form of a catch.
 */
import ts from "typescript-6"

const forms: Readonly<Record<string, ReadonlyArray<(effect: string) => string>>> = {
  hole: [
    (effect) => `Effect.catchTag(${effect}, "TooSlow", caught(${effect}))`,
    (effect) => `Effect.catchTags(${effect}, { TooSlow: caught(${effect}) })`,
    (effect) => `Effect.catchIf(${effect}, isSlow, caught(${effect}))`,
    (effect) => `${effect}.pipe(Effect.catchTag("TooSlow", caught(${effect})))`,
    (effect) => `${effect}.pipe(Effect.catchTags({ TooSlow: caught(${effect}) }))`,
    (effect) => `${effect}.pipe(Effect.catchIf(isSlow, caught(${effect})))`
  ],
  layerHole: [
    (layer) => `Layer.catchTag(${layer}, "TooSlow", caughtLayer(${layer}))`,
    (layer) => `Layer.catchTag(${layer}, ["TooSlow"], caughtLayer(${layer}))`,
    (layer) => `${layer}.pipe(Layer.catchTag("TooSlow", caughtLayer(${layer})))`,
    (layer) => `${layer}.pipe(Layer.catchTag(["TooSlow"], caughtLayer(${layer})))`,
    (layer) => `${layer}.pipe(Layer.catchTag("TooSlow", caughtLayer(${layer})), Layer.fresh)`,
    (layer) => `Layer.fresh(Layer.catchTag(${layer}, "TooSlow", caughtLayer(${layer})))`
  ]
}

const holesIn = (node: ts.Node): ReadonlyArray<ts.CallExpression> => {
  const found: Array<ts.CallExpression> = []
  const visit = (child: ts.Node): void => {
    if (ts.isCallExpression(child) && ts.isIdentifier(child.expression) && child.expression.text in forms) {
      found.push(child)
    } else ts.forEachChild(child, visit)
  }
  visit(node)
  return found
}

/** A row of the table: a statement with a hole, in the source of a table file. */
interface Row {
  readonly start: number
  readonly end: number
  readonly forms: ReadonlyArray<string>
}

const rowsOf = (source: ts.SourceFile): ReadonlyArray<Row> => {
  const rows: Array<Row> = []
  const visit = (node: ts.Node): void => {
    if (!ts.isExpressionStatement(node)) return ts.forEachChild(node, visit)
    const isTest = node.getText(source).startsWith("test(")
    const holes = holesIn(node)
    if (isTest || holes.length === 0) return ts.forEachChild(node, visit)
    const [start, end] = [node.getStart(source), node.getEnd()]
    const kind = forms[holes[0]?.expression.getText(source) ?? ""] ?? []
    const written = kind.map((_, form) => {
      let text = source.text.slice(start, end)
      for (const call of [...holes].toReversed()) {
        const argument = call.arguments[0]?.getText(source) ?? ""
        const write = forms[call.expression.getText(source)]?.[form]
        const [from, to] = [call.getStart(source) - start, call.getEnd() - start]
        text = text.slice(0, from) + (write?.(argument) ?? "") + text.slice(to)
      }
      // An error is expected on the next line, so a row is one line.
      return text.replaceAll(/\s*\n\s*/g, " ")
    })
    rows.push({ start, end, forms: written })
    return undefined
  }
  visit(source)
  return rows
}

/** The names that the forms use, before the imports of a table file. */
const prelude = `import { Effect, Layer } from "effect"
declare const caught: <A, E, R>(effect: Effect.Effect<A, E, R>) => () => Effect.Effect<A>
declare const caughtLayer: <A, E, R>(layer: Layer.Layer<A, E, R>) => () => Layer.Layer<A>
declare const isSlow: <E extends { readonly _tag: string }>(error: E) => error is Extract<E, { readonly _tag: "TooSlow" }>
`

const expected = /\/\/ @ts-expect-error[^\n]*\n\s*$/

/** A table file with each row written out once for each form, and how many rows it had. */
export const writtenOut = (file: string, text: string): { text: string; rows: number } => {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  let result = text
  const rows = rowsOf(source)
  for (const row of rows.toReversed()) {
    const [comment = ""] = expected.exec(text.slice(0, row.start)) ?? []
    const lines = row.forms.map((form, index) => (index === 0 ? form : `${comment.trimEnd()}\n${form}`.trimStart()))
    result = result.slice(0, row.start) + lines.join("\n") + result.slice(row.end)
  }
  const own = result
    .replaceAll(/^import (?:type )?\{[^}]*\} from "effect"$/gm, (line) => withoutNames(line, ["Effect", "Layer"]))
    .replaceAll(/^import \{[^}]*\} from "\.\/Hole\.ts"$/gm, "")
  return { text: prelude + own, rows: rows.length }
}

const withoutNames = (line: string, names: ReadonlyArray<string>): string => {
  const kept = (/\{([^}]*)\}/.exec(line)?.[1] ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "" && !names.includes(name.replace(/^type /, "")))
  return kept.length === 0 ? "" : line.replace(/\{[^}]*\}/, `{ ${kept.join(", ")} }`)
}
