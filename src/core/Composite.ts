/**
 * The common ground of all composites: an immutable ordered list of interceptors, `use`, `append` and `pipe`, their description, and the build that looks
 * class-tagged interceptors up and makes the state of stateful ones. Internal to Fairlead.
 *
 * An interceptor is a recipe. Its `build` makes the instance of one build of a composite, so that two builds of a recipe never influence each other. Without a `build` it
 * has no state, and is its own instance.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { pipeArguments } from "effect/Pipeable"

import type { BuildSite } from "./BuildSite.ts"
import { implementedBy } from "./Description.ts"
import type { Description, InterceptorInfo, Part } from "./Description.ts"
import { isEffect } from "./Effects.ts"
import * as Interceptor from "./Interceptor.ts"
import { hasTypeId, refusedBy } from "./InterceptorKind.ts"
import type { InterceptorKind } from "./InterceptorKind.ts"
import type { LayerServices } from "./LayerServices.ts"
import { checkOptions } from "./Options.ts"
import { isServiceKey } from "./ServiceClass.ts"
import type { Implementation, ServiceKey } from "./ServiceClass.ts"

/** An interceptor with its types erased; each part adds what it does. */
export interface Recipe {
  readonly name: string
  readonly [Interceptor.TypeId]: InterceptorInfo
  /** Makes the instance of one build: an interceptor of the same part, or an Effect of one, which only an effectful build can run. */
  readonly build?: (site: BuildSite) => unknown
  /** Its limits, where it uses a shared store: part of its keys there, with its name. Two in one composite with the same name and limits are refused. */
  readonly storeKey?: string
}

/** The elements of a composite: values, and classes to be looked up. */
export type Entry<V> = V | ServiceKey<V>

/** A composite with its types erased. */
export interface CompositeValue<V> {
  readonly name: string
  readonly entries: ReadonlyArray<Entry<V>>
}

/**
 * A composite or an interceptor by its other type: the public one, which says what it provides, raises and needs, or that of its run-time value. The two share only the
 * description, so this is the one place that casts between them.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names the type
export const cast = <A>(described: Interceptor.Described): A => described as unknown as A

/** A new composite of a prototype. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names the type
export const open = <C>(proto: object, value: CompositeValue<Recipe>): C => Object.assign(Object.create(proto), value)

/** The composite with some properties changed. */
export const change = <C extends object>(self: C, changes: Partial<C>): C =>
  Object.assign(Object.create(Object.getPrototypeOf(self)), self, changes)

/** The interceptor, when it is of the kind; throws `InvalidOption` with the option `use` for anything else. */
export const accept = <V>(composite: string, kind: InterceptorKind, given: unknown): Entry<V> => {
  if (kind.is(given)) return given as Entry<V>
  throw refusedBy(composite, "use", kind, given)
}

/** The composite with an entry more. Two that would share what they store are refused: `InvalidOption` with the option `name`. */
export const add = <V extends Recipe, C extends CompositeValue<V>>(self: C, entry: Entry<V>): C => {
  checkStoreKey(self.name, self.entries, entry)
  return change<CompositeValue<V>>(self, { entries: [...self.entries, entry] }) as C
}

/** The composite with the entries of another after its own, one by one. */
export const append = <V extends Recipe, C extends CompositeValue<V>>(self: C, { entries }: CompositeValue<V>): C =>
  entries.reduce<C>((composite, entry) => add<V, C>(composite, entry), self)

/** Throws `InvalidOption` when one of the entries would share its store keys with the added one. */
export const checkStoreKey = <V extends Recipe>(
  composite: string,
  entries: Iterable<Entry<V>>,
  added: Entry<V>
): void => {
  if (isServiceKey(added) || added.storeKey === undefined) return
  for (const entry of entries) {
    if (isServiceKey(entry) || entry.name !== added.name || entry.storeKey !== added.storeKey) continue
    throw checkOptions(added.name).invalid(
      "name",
      `"${composite}" has an interceptor with this name and the same limits: rename one of them`
    )
  }
}

/** The prototype of a part's composites. `methods` are those that only this part has. */
export const prototype = (
  options: {
    readonly part: Part
    readonly typeId: string
    /** The kind that `use` accepts. */
    readonly kind: InterceptorKind
    /** The constructor of such composites, such as `ClientChain.make`. */
    readonly maker: string
    /** The interceptors of the description. Default: those of the entries. */
    readonly describe?: (self: any) => ReadonlyArray<InterceptorInfo>
  },
  methods: object
): object => {
  const { describe = infosOf, kind, maker, part, typeId } = options
  const isSame = hasTypeId(typeId)
  const base = {
    [typeId]: typeId,
    get [Interceptor.TypeId](): Description {
      const self = cast<CompositeValue<Recipe>>(this)
      return { part, name: self.name, interceptors: describe(self) }
    },
    use(this: CompositeValue<Recipe>, given: unknown) {
      return add(this, accept<Recipe>(this.name, kind, given))
    },
    append(this: CompositeValue<Recipe>, other: unknown) {
      if (!isSame(other)) throw refusedBy(this.name, "append", { maker }, other)
      return append(this, other as CompositeValue<Recipe>)
    },
    pipe() {
      return pipeArguments(this, arguments)
    }
  }
  return Object.assign(base, methods)
}

/** The descriptions of a composite's entries. */
export const infosOf = <V extends Recipe>({ entries }: CompositeValue<V>): ReadonlyArray<InterceptorInfo> =>
  entries.map((entry) => entry[Interceptor.TypeId])

/** An interceptor in a built composite. */
export interface Bound<V> {
  /** Its name in the Probe, in logs and in store keys: a class-tagged interceptor has the id of its class. */
  readonly name: string
  /** Its description; a class-tagged interceptor has the name of its implementation here. */
  readonly info: InterceptorInfo
  readonly interceptor: V
  /** The services of its Layer, for a class-tagged interceptor. */
  readonly services: LayerServices | undefined
}

/** One build of a composite. It makes the instances of plain interceptors at once, and that of a class-tagged one when its implementation is first met. */
export class Build<V extends Recipe> {
  /** The interceptors, when none is looked up: the same for all calls. */
  readonly fixed: ReadonlyArray<Bound<V>> | undefined
  private readonly composite: string
  private readonly slots: ReadonlyArray<Slot<V>>

  constructor({ entries, name }: CompositeValue<V>) {
    this.composite = name
    this.slots = entries.map((entry) =>
      isServiceKey<V>(entry)
        ? { key: entry, bound: new WeakMap<Implementation<V>, Bound<V>>() }
        : boundOf(entry, entry.name, instanceOf(entry, name, entry.name))
    )
    this.fixed = this.slots.every(isBound) ? this.slots : undefined
  }

  /** The interceptors, with the implementations in the context. */
  lookUp(context: Context.Context<never>): ReadonlyArray<Bound<V>> {
    return (
      this.fixed ??
      this.slots.map((slot) => {
        if (isBound(slot)) return slot
        const implementation = Context.getUnsafe(context as Context.Context<unknown>, slot.key)
        let bound = slot.bound.get(implementation)
        if (bound === undefined) {
          const { interceptor, services } = implementation
          bound = boundOf(
            slot.key,
            slot.key.key,
            instanceOf(interceptor, this.composite, slot.key.key),
            interceptor,
            services
          )
          slot.bound.set(implementation, bound)
        }
        return bound
      })
    )
  }
}

/** Builds a composite where an Effect can be run: a `build` may need a scope and services, a class-tagged one those of its Layer too. */
export const build = <V extends Recipe>({ entries, name }: CompositeValue<V>): Effect.Effect<ReadonlyArray<Bound<V>>> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.forEach(entries, (entry) => {
      if (!isServiceKey<V>(entry)) {
        return Effect.map(made(entry, name, entry.name), (instance) => boundOf(entry, entry.name, instance))
      }
      const { interceptor, services } = Context.getUnsafe(context as Context.Context<unknown>, entry)
      return Effect.map(services.provide(made(interceptor, name, entry.key)), (instance) =>
        boundOf(entry, entry.key, instance, interceptor, services)
      )
    })
  )

type Slot<V> = Bound<V> | { readonly key: ServiceKey<V>; readonly bound: WeakMap<Implementation<V>, Bound<V>> }

const isBound = <V>(slot: Slot<V>): slot is Bound<V> => "interceptor" in slot

const boundOf = <V extends Recipe>(
  entry: Entry<V>,
  name: string,
  interceptor: V,
  implementation?: V,
  services?: LayerServices
): Bound<V> => {
  const declared = entry[Interceptor.TypeId]
  const info = implementation === undefined ? declared : implementedBy(declared, implementation[Interceptor.TypeId])
  return { name, info, interceptor, services }
}

const make = (recipe: Recipe, composite: string, name: string): unknown =>
  recipe.build === undefined ? recipe : recipe.build({ composite, name })

const made = <V extends Recipe>(recipe: V, composite: string, name: string): Effect.Effect<V> =>
  Effect.suspend(() => {
    const instance = make(recipe, composite, name)
    return isEffect(instance) ? (instance as Effect.Effect<V>) : Effect.succeed(instance as V)
  })

const instanceOf = <V extends Recipe>(recipe: V, composite: string, name: string): V => {
  const instance = make(recipe, composite, name)
  if (!isEffect(instance)) return instance as V
  throw checkOptions(composite).invalid(
    "use",
    `"${name}" is made by an Effect: build the composite by a Layer, or within a scope`
  )
}
