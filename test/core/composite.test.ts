import { assert, describe, it } from "@effect/vitest"
import type { Pipeable } from "effect"
import { Context, Effect, Exit, Layer, References, Schema, Scope } from "effect"
import { Interceptor, InvalidOption } from "fairlead"

import * as Composite from "../../src/core/Composite.ts"
import { interceptorOf, kindOf } from "../../src/core/InterceptorKind.ts"
import { isAmbient, LayerServices } from "../../src/core/LayerServices.ts"
import * as ServiceClass from "../../src/core/ServiceClass.ts"

interface Counter extends Composite.Recipe {
  readonly count: () => number
}

interface Chain
  extends Pipeable.Pipeable, Interceptor.Described<Interceptor.Description>, Composite.CompositeValue<Counter> {
  use(interceptor: unknown): Chain
  append(chain: unknown): Chain
}

const kind = kindOf({ part: "client", typeId: "~test/Counter", kind: "counter", maker: "Counter.make" })
const Proto = Composite.prototype(
  { part: "client", typeId: "~test/Chain", kind, maker: "Chain.make" },
  {
    renamed(this: Chain, name: string) {
      return Composite.change(this, { name })
    }
  }
)
const make = (name: string): Chain => Composite.open(Proto, { name, entries: [] })

const plain = (name: string, more: Partial<Counter> = {}): Counter =>
  interceptorOf(kind, { name, count: () => 0, ...more })

const counter = (name: string): Counter =>
  plain(name, {
    build: ({ composite, name: given }) => {
      let count = 0
      return plain(`${composite}/${given}`, { count: () => ++count })
    }
  })

class Store extends Context.Service<Store, string>()("test/Store") {}
class User extends Context.Service<User, string>()("test/User") {}
class Down extends Schema.TaggedError<Down>("test/Down")("StoreDown", {}) {}
class Odd extends Error {}

const Tagged: any = ServiceClass.make("test/Tagged", { provides: Store, error: [Down, Odd], requires: [User] }, kind)

const faultOf = (make: () => unknown): InvalidOption => {
  try {
    make()
  } catch (error) {
    if (error instanceof InvalidOption) return error
    throw error
  }
  return assert.fail("it was accepted")
}

const countOf = (bound: Composite.Bound<Counter> | undefined): number => bound!.interceptor.count()

describe("a composite", () => {
  it("is immutable and ordered, and can be piped", () => {
    const one = make("c").use(plain("a"))
    const two = one.use(plain("b")).append(make("d").use(plain("x")).use(Tagged))
    const names = (chain: Chain) => Interceptor.describe(chain).interceptors.map(({ name }) => name)
    assert.deepStrictEqual([names(one), names(two)], [["a"], ["a", "b", "x", "test/Tagged"]])
    assert.strictEqual(
      one.pipe((chain) => chain.use(plain("z")).entries.length),
      2
    )
  })

  it("describes what its classes declare", () => {
    const [info] = Interceptor.describe(make("c").use(Tagged)).interceptors
    assert.deepStrictEqual(info, {
      name: "test/Tagged",
      service: "test/Tagged",
      kind: "counter",
      provides: ["test/Store"],
      error: ["StoreDown", "Odd"],
      requires: ["test/User"],
      recovers: [],
      inner: []
    })
    assert.strictEqual(
      Interceptor.toText(make("c").use(Tagged)),
      "c (client)\n  counter  test/Tagged  provides test/Store; raises StoreDown, Odd; requires test/User"
    )
    assert.strictEqual(Interceptor.toText(plain("alone")), "  counter  alone")
    assert.include(Interceptor.toMermaid(Tagged), 's1["counter: test/Tagged<br/>provides test/Store')
  })

  it("refuses what is no interceptor of its kind", () => {
    const other = interceptorOf({ kind: "hooks", typeId: "~test/Other" }, { name: "o" })
    const given: ReadonlyArray<readonly [unknown, string]> = [
      [{}, "an object without properties is not allowed: use a value of Counter.make"],
      [{ a: 1, b: 2 }, "an object with a, b is not allowed"],
      [undefined, "undefined is not allowed"],
      [function later() {}, "the function later is not allowed"],
      [other, '"o", of another kind, is not allowed']
    ]
    for (const [value, description] of given) {
      const fault = faultOf(() => make("c").use(value))
      assert.deepInclude(fault, { interceptor: "c", option: "use" })
      assert.include(fault.description, description)
    }
    assert.deepInclude(
      faultOf(() => make("c").append(plain("a"))),
      { option: "append" }
    )
  })

  it("refuses two that would share what they store, whichever way they are added", () => {
    const limited = (name: string, storeKey: string) => plain(name, { storeKey })
    const chain = make("c").use(limited("limit", "10/1000"))
    const fault = faultOf(() => chain.use(limited("limit", "10/1000")))
    assert.deepInclude(fault, { interceptor: "limit", option: "name" })
    assert.strictEqual(faultOf(() => make("d").append(chain).append(chain)).option, "name")
    assert.lengthOf(
      chain.use(limited("limit", "10/2000")).use(limited("second", "10/1000")).use(plain("limit")).entries,
      4
    )
  })
})

describe("a build", () => {
  it("has separate state, and knows its composite and name", () => {
    const chain = make("c").use(counter("n")).use(plain("p"))
    const [first, second] = [new Composite.Build(chain).fixed!, new Composite.Build(chain).fixed!]
    assert.deepStrictEqual([countOf(first[0]), countOf(first[0]), countOf(second[0])], [1, 2, 1])
    assert.deepStrictEqual([first[0]!.interceptor.name, first[0]!.name], ["c/n", "n"])
    assert.strictEqual(first[1]!.interceptor, chain.entries[1])
  })

  it.effect("looks a class up, with separate state, under the id of the class", () =>
    Effect.gen(function* () {
      const chain = make("c").use(Tagged)
      const [one, two] = [new Composite.Build(chain), new Composite.Build(chain)]
      assert.isUndefined(one.fixed)
      const context = yield* Layer.build(Tagged.layer(counter("impl")) as Layer.Layer<never>)
      const count = (build: Composite.Build<Counter>) => countOf(build.lookUp(context)[0])
      assert.deepStrictEqual([count(one), count(one), count(two)], [1, 2, 1])
      const [bound] = one.lookUp(context)
      assert.deepStrictEqual(
        [bound!.name, bound!.info.name, bound!.info.service],
        ["test/Tagged", "impl", "test/Tagged"]
      )
      assert.strictEqual(bound!.interceptor.name, "c/test/Tagged")
      const replaced = yield* Layer.build(Tagged.layer(plain("fake")) as Layer.Layer<never>)
      assert.strictEqual(count(one), 3)
      assert.strictEqual(countOf(one.lookUp(replaced)[0]), 0)
    })
  )

  it.effect("is described with the implementations among the services, at any depth", () =>
    Effect.gen(function* () {
      const services = yield* Layer.build(Tagged.layer(plain("impl")) as Layer.Layer<never>)
      const inner = interceptorOf(kind, { name: "outside" }, { inner: [Tagged[Interceptor.TypeId]] })
      const chain = make("c").use(Tagged).use(inner).use(plain("p"))
      const described = Interceptor.describeIn(chain, services)
      const implemented = {
        ...Tagged[Interceptor.TypeId],
        name: "impl"
      }
      assert.deepStrictEqual(described.interceptors[0], implemented)
      assert.deepStrictEqual(described.interceptors[1]!.inner, [implemented])
      assert.strictEqual(described.interceptors[2]!.name, "p")
      assert.deepStrictEqual(Interceptor.describeIn(Tagged, services), implemented)
      assert.deepStrictEqual(Interceptor.describeIn(chain, Context.empty()), Interceptor.describe(chain))
      assert.include(Interceptor.toText(described), "impl     implements test/Tagged; provides test/Store")
    })
  )

  it.effect("by an Effect runs Effects of makers, with their Layer's services; a synchronous build refuses them", () =>
    Effect.gen(function* () {
      const ended: Array<string> = []
      const scoped = (name: string) =>
        plain(name, {
          build: ({ name: given }) =>
            Effect.gen(function* () {
              const store = yield* Effect.serviceOption(Store)
              yield* Effect.addFinalizer(() => Effect.sync(() => ended.push(given)))
              return plain(`${given} of ${store._tag === "Some" ? store.value : "nobody"}`)
            })
        })
      const chain = make("c").use(scoped("s")).use(Requiring)
      assert.strictEqual(faultOf(() => new Composite.Build(chain)).option, "use")
      const layer: Layer.Layer<never> = Layer.provide(Requiring.layer(scoped("impl")), Layer.succeed(Store, "layer"))
      const context = yield* Layer.build(layer)
      const names = yield* Composite.build(chain).pipe(
        Effect.map((bound) => bound.map(({ interceptor }) => interceptor.name)),
        Effect.provideContext(Context.add(context, Store, "call")),
        Effect.scoped
      )
      assert.deepStrictEqual(names, ["s of call", "test/Requiring of layer"])
      assert.deepStrictEqual(ended, ["test/Requiring", "s"])
    })
  )
})

const Requiring: any = ServiceClass.make("test/Requiring", { requires: User }, kind)

describe("a class-tagged interceptor", () => {
  it("is implemented by an interceptor of its kind only, and not by a class", () => {
    assert.deepInclude(
      faultOf(() => Tagged.layer({})),
      { interceptor: "test/Tagged", option: "layer" }
    )
    assert.deepInclude(
      faultOf(() => Tagged.layer(Requiring)),
      { option: "layer" }
    )
  })

  it.effect("may be made by an Effect, once, with a scope", () =>
    Effect.gen(function* () {
      let made = 0
      const layer = Tagged.layerEffect(
        Effect.gen(function* () {
          yield* Effect.addFinalizer(() => Effect.sync(() => (made = -made)))
          made++
          return plain("made")
        })
      ) as Layer.Layer<never>
      yield* Effect.scoped(
        Effect.gen(function* () {
          const context = yield* Layer.build(layer)
          const build = new Composite.Build(make("c").use(Tagged))
          assert.strictEqual(build.lookUp(context)[0]!.info.name, "made")
        })
      )
      assert.strictEqual(made, -1)
      const failing = Tagged.layerEffect(Effect.fail("down")) as Layer.Layer<never, string>
      assert.deepStrictEqual(yield* Effect.exit(Effect.scoped(Layer.build(failing))), Exit.fail("down"))
    })
  )
})

describe("the services of a Layer", () => {
  const Locale = Context.Reference<string>("test/Locale", { defaultValue: () => "en" })
  const built = Context.make(Store, "layer").pipe(
    Context.add(User, "nobody"),
    Context.add(Scope.Scope, Scope.makeUnsafe()),
    Context.add(References.CurrentLogAnnotations, { at: "layer" })
  ) as Context.Context<never>
  const services = new LayerServices(built, [User.key])
  const seen = Effect.gen(function* () {
    const { at } = yield* References.CurrentLogAnnotations
    return [yield* Store, yield* User, at, yield* Locale]
  }) as unknown as Effect.Effect<ReadonlyArray<unknown>>

  it.effect("win over the call's, save what is ambient or declared as required", () =>
    Effect.gen(function* () {
      const call = Context.make(Store, "call").pipe(
        Context.add(User, "ann"),
        Context.add(References.CurrentLogAnnotations, { at: "call" }),
        Context.add(Locale, "de")
      )
      assert.deepStrictEqual(yield* Effect.provide(services.provide(seen), call), ["layer", "ann", "call", "de"])
    })
  )

  it.effect("are replaced by those of the call inside of an around, and additions stay", () =>
    Effect.gen(function* () {
      const call = Context.make(Store, "call").pipe(Context.add(User, "ann")) as Context.Context<never>
      const wrapped = Effect.provideService(services.restore(call, seen), Locale, "fr")
      assert.deepStrictEqual(yield* Effect.provide(services.provide(wrapped), call), ["call", "ann", undefined, "fr"])
      const bare = Context.make(User, "ann") as Context.Context<never>
      const missing = services.restore(bare, Effect.serviceOption(Store))
      assert.strictEqual((yield* Effect.provide(services.provide(missing), bare))._tag, "None")
    })
  )

  it("cost no new context where the call has the same", () => {
    const call = Context.make(Store, "layer").pipe(Context.add(User, "ann")) as Context.Context<never>
    assert.strictEqual(services.over(call), call)
  })

  it("never contain the References of Effect that belong to a fiber", () => {
    for (const reference of Object.values(References)) {
      assert.isTrue(isAmbient(reference.key), reference.key)
    }
    for (const key of ["effect/HttpClient", "effect/FileSystem", "effect/ClockWork", "test/Store"])
      assert.isFalse(isAmbient(key))
  })
})
