/**
 * The public signatures in which an error could be lost: those that take an Effect, a Layer, or a function of one, by a type parameter.
 */
import ts from "typescript-6"

/** A signature: its file in the API report, and its name, with that of its interface. */
export interface Taker {
  readonly file: string
  readonly name: string
}

const effectful = /\bEffect\.Effect<|\bYields<|\bLayer\.Layer<|\bMethods<|\bHooks<|\bImplementation<|=>/
const ofEffects = /\bEffect\b|\bYields\b|\bOr</

const takes = ({ parameters, typeParameters = ts.factory.createNodeArray() }: ts.SignatureDeclaration): boolean => {
  const bound = typeParameters.filter(({ constraint }) => ofEffects.test(constraint?.getText() ?? ""))
  return (
    typeParameters.length > 0 &&
    parameters.some(({ type }) => {
      const text = type?.getText() ?? ""
      return effectful.test(text) || bound.some(({ name }) => new RegExp(`\\b${name.text}\\b`).test(text))
    })
  )
}

/** The signatures of a type: itself, its overloads, and what it returns where it is curried. */
const signaturesOf = (type: ts.TypeNode | undefined): ReadonlyArray<ts.SignatureDeclaration> => {
  if (type === undefined) return []
  if (ts.isFunctionTypeNode(type)) return [type, ...signaturesOf(type.type)]
  if (!ts.isTypeLiteralNode(type)) return []
  return type.members.filter((member) => ts.isCallSignatureDeclaration(member))
}

const takersOf = (statement: ts.Statement): ReadonlyArray<string> => {
  if (ts.isVariableStatement(statement)) {
    const named = statement.declarationList.declarations.filter(({ type }) => signaturesOf(type).some(takes))
    return named.map(({ name }) => name.getText())
  }
  if (!ts.isInterfaceDeclaration(statement)) return []
  return statement.members.flatMap((member) => {
    const signatures = ts.isMethodSignature(member)
      ? [member]
      : ts.isPropertySignature(member)
        ? signaturesOf(member.type)
        : []
    return signatures.some(takes) ? [`${statement.name.text}.${member.name?.getText() ?? ""}`] : []
  })
}

/** The signatures of a report of the API. */
export const takers = (report: string): ReadonlyArray<Taker> =>
  report
    .split(/^\/\/ (?=\S+\.d\.ts$)/m)
    .filter((part) => part.trim() !== "")
    .flatMap((part) => {
      const [file = "", ...lines] = part.split("\n")
      const source = ts.createSourceFile(file, lines.join("\n"), ts.ScriptTarget.Latest, true)
      return source.statements.flatMap(takersOf).map((name) => ({ file: file.replace(/\.d\.ts$/, ""), name }))
    })
