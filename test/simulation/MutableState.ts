/**
 * Finds in a source the state that outlives an operation: fields that are not readonly, captured `let`s, and Maps and Sets that change.
 */
import ts from "typescript-6"

/** One piece of mutable state: a name and its line. */
export interface State {
  readonly name: string
  readonly line: number
}

const collections: ReadonlySet<string> = new Set(["Map", "Set", "WeakMap", "WeakSet"])
const mutators: ReadonlySet<string> = new Set(["set", "add", "delete", "clear"])

const isReadonly = (node: ts.HasModifiers): boolean =>
  (ts.getModifiers(node) ?? []).some(
    ({ kind }) => kind === ts.SyntaxKind.ReadonlyKeyword || kind === ts.SyntaxKind.DeclareKeyword
  )

const isCollection = (node: ts.Expression | undefined): boolean =>
  node !== undefined && ts.isNewExpression(node) && collections.has(node.expression.getText())

/** The function around a node, or the source. */
const functionAround = (node: ts.Node): ts.Node => {
  let around = node.parent
  while (!ts.isSourceFile(around) && !ts.isFunctionLike(around)) around = around.parent
  return around
}

const isAssignment = (node: ts.Identifier): boolean => {
  const { parent } = node
  if (ts.isBinaryExpression(parent) && parent.left === node) {
    const { kind } = parent.operatorToken
    return kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment
  }
  return (
    (ts.isPrefixUnaryExpression(parent) || ts.isPostfixUnaryExpression(parent)) &&
    (parent.operator === ts.SyntaxKind.PlusPlusToken || parent.operator === ts.SyntaxKind.MinusMinusToken)
  )
}

/** Whether `name.set(…)` or another change of a collection. */
const isChange = (node: ts.Identifier): boolean => {
  const { parent } = node
  return ts.isPropertyAccessExpression(parent) && parent.expression === node && mutators.has(parent.name.text)
}

/** The mutable state of a source. */
export const mutableState = (source: string): ReadonlyArray<State> => {
  const file = ts.createSourceFile("source.ts", source, ts.ScriptTarget.Latest, true)
  const found: Array<State> = []
  const note = (node: ts.Node, name: string): void => {
    found.push({ name, line: file.getLineAndCharacterOfPosition(node.getStart()).line + 1 })
  }
  const identifiers = new Map<string, Array<ts.Identifier>>()
  const collect = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) identifiers.set(node.text, [...(identifiers.get(node.text) ?? []), node])
    ts.forEachChild(node, collect)
  }
  collect(file)

  /** Uses of a variable from inside a function that is nested in the one that declares it; of one of the module, from any function. */
  const captured = (declaration: ts.Identifier): ReadonlyArray<ts.Identifier> => {
    const home = functionAround(declaration)
    return (identifiers.get(declaration.text) ?? []).filter(
      (use) => use !== declaration && functionAround(use) !== home && isInside(use, home)
    )
  }

  const visit = (node: ts.Node): void => {
    if (ts.isPropertyDeclaration(node) && (!isReadonly(node) || isCollection(node.initializer))) {
      note(node, node.name.getText())
    }
    if (ts.isVariableDeclaration(node) && ts.isVariableDeclarationList(node.parent)) {
      const isLet = (node.parent.flags & ts.NodeFlags.Let) !== 0
      for (const name of namesOf(node.name)) {
        const uses = captured(name)
        if (isLet && uses.some(isAssignment)) note(node, name.text)
        else if (isCollection(node.initializer) && uses.some(isChange)) note(node, name.text)
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

const isInside = (node: ts.Node, outer: ts.Node): boolean => {
  for (let around: ts.Node = node; ; around = around.parent) {
    if (around === outer) return true
    if (ts.isSourceFile(around)) return false
  }
}

const namesOf = (name: ts.BindingName): ReadonlyArray<ts.Identifier> =>
  ts.isIdentifier(name)
    ? [name]
    : name.elements.flatMap((element) => (ts.isOmittedExpression(element) ? [] : namesOf(element.name)))
