/**
 * The kinds of interceptors: how one is made, known at run time, and refused where another is wanted. Internal to Fairlead.
 *
 * @since 0.1.0
 */
import { infoOf } from "./Description.ts"
import type { InterceptorInfo, Part } from "./Description.ts"
import * as Interceptor from "./Interceptor.ts"
import type { InvalidOption } from "./InvalidOption.ts"
import { checkOptions } from "./Options.ts"

/** A kind of interceptors. */
export interface InterceptorKind {
  readonly part: Part
  readonly typeId: string
  /** The word for it in descriptions, such as `handler`. */
  readonly kind: string
  /** Its constructor, such as `ClientHandler.make`. */
  readonly maker: string
  /** Whether something is of this kind: a value or a class. */
  readonly is: (u: unknown) => u is object
}

/** Declares a kind of interceptors. */
export const kindOf = (kind: Omit<InterceptorKind, "is">): InterceptorKind => ({ ...kind, is: hasTypeId(kind.typeId) })

/** The guard of a TypeId, whose type is that of the values that have it. */
export const hasTypeId =
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names the type
  <A = object>(typeId: string) =>
    (u: unknown): u is A =>
      ((typeof u === "object" && u !== null) || typeof u === "function") && typeId in u

/** Makes an interceptor of a kind: its methods, TypeId and description. */
export const interceptorOf = <V extends { readonly name: string }>(
  { kind, typeId }: Pick<InterceptorKind, "kind" | "typeId">,
  value: V,
  info: Partial<InterceptorInfo> = {}
): V & Interceptor.Described<InterceptorInfo> => ({
  ...value,
  [typeId]: typeId,
  [Interceptor.TypeId]: infoOf({ name: value.name, kind, ...info })
})

/** The error for a value of another kind. `at` is the name of the receiver, and `option` its method. */
export const refusedBy = (
  at: string,
  option: string,
  { maker }: Pick<InterceptorKind, "maker">,
  given: unknown
): InvalidOption => {
  const what = hasTypeId(Interceptor.TypeId)(given) ? `"${nameOf(given)}", of another kind,` : show(given)
  return checkOptions(at).invalid(option, `${what} is not allowed: use a value of ${maker}`)
}

const nameOf = (described: object): string => (described as Interceptor.Described)[Interceptor.TypeId].name

const show = (given: unknown): string => {
  if (typeof given === "function") return given.name === "" ? "a function" : `the function ${given.name}`
  if (typeof given !== "object" || given === null) return String(given)
  const keys = Object.keys(given).slice(0, 5)
  return keys.length === 0 ? "an object without properties" : `an object with ${keys.join(", ")}`
}
