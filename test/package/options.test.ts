/** Every ready-made interceptor takes a name, and refuses each number, duration and size that cannot work. */
import { readFileSync } from "node:fs"
import { join } from "node:path"

import { Context, Effect, Redacted, Schedule, Schema } from "effect"
import { Interceptor, InvalidOption } from "fairlead"
import * as fairings from "fairlead/app/fairings"
import * as channelHandlers from "fairlead/channel/handlers"
import * as clientHandlers from "fairlead/client/handlers"
import * as hooks from "fairlead/endpoint/hooks"
import * as middleware from "fairlead/server/middleware"
import ts from "typescript-6"
import { assert, describe, it } from "vitest"

import { root } from "./Scratch.ts"

type Options = Readonly<Record<string, unknown>>
type Factory = (...parameters: ReadonlyArray<unknown>) => unknown
type Call = (factory: Factory, options: Options) => unknown

class User extends Context.Service<User, string>()("test/User") {}

const origins = ["https://a.test"]
const credentials = { origins, username: "ann", password: Redacted.make("secret") }
const limited = { limit: 1, window: "1 second" }
const having =
  (required: Options): Call =>
  (factory, options) =>
    factory({ ...required, ...options })

/** A folder of ready-made interceptors: what its factories need beside their options, and the exports that make no interceptor. */
interface Folder {
  readonly exports: Readonly<Record<string, unknown>>
  readonly calls: Readonly<Record<string, Call>>
  readonly others: ReadonlyArray<string>
}

const authenticating: Call = (factory, options) =>
  factory(User, { from: "bearer", verify: () => Effect.succeed("ann"), ...options })

const folders: Readonly<Record<string, Folder>> = {
  "server/middleware": {
    exports: middleware,
    calls: {
      addressList: having({ allow: ["10.0.0.0/8"] }),
      authentication: authenticating,
      cors: having({ allowedOrigins: "*" }),
      hostPolicy: having({ hosts: ["a.test"] }),
      rateLimit: having(limited),
      session: (factory, options) => factory(User, { schema: Schema.String, initial: "", ...options }),
      trustedProxy: having({ trust: ["10.0.0.0/8"] }),
      validation: (factory, options) => factory(Object.assign(User, { schemas: { body: Schema.String } }), options)
    },
    // An around and a preset are plain functions, and a router has its name already.
    others: ["secureCookie", "readSession", "idempotencyKey", "methodNotAllowed", "recommended", "sameSecret"]
  },
  "app/fairings": {
    exports: fairings,
    calls: {
      addressList: having({ allow: ["10.0.0.0/8"] }),
      hostPolicy: having({ hosts: ["a.test"] }),
      rateLimit: having(limited),
      // Jobs have no default name.
      backgroundJob: (factory, { name = "backgroundJob", ...options }) =>
        factory(name, Effect.void, { schedule: Schedule.forever, ...options }),
      configCheck: (factory, options) => factory([], options),
      cors: having({ allowedOrigins: "*" }),
      trustedProxy: having({ trust: ["10.0.0.0/8"] }),
      warmUp: (factory, options) => factory({}, options)
    },
    others: []
  },
  "client/handlers": {
    exports: clientHandlers,
    calls: {
      basic: having(credentials),
      bearer: having({ origins, token: Effect.succeed(Redacted.make("t")) }),
      digest: having(credentials),
      rateLimit: having(limited),
      refresh: having({ origins, refresh: () => Effect.succeed(Redacted.make("t")) })
    },
    others: ["addressRange", "formatChallenges", "parseChallenges", "ssrfPolicy", "webCodings"]
  },
  "channel/handlers": {
    exports: channelHandlers,
    calls: {
      authentication: (factory, options) => factory(User, { verify: () => Effect.succeed("ann"), ...options }),
      joinGuard: having({ rules: [] }),
      joinRateLimit: having(limited),
      payloadLimit: having({ maxBytes: 10 }),
      rateLimit: having(limited)
    },
    others: ["joinRule"]
  },
  "endpoint/hooks": {
    exports: hooks,
    calls: {
      alpnPolicy: having({ rules: [] }),
      idList: having({}),
      monitor: (factory, options) => Effect.runSync(factory(options) as Effect.Effect<{ hooks: unknown }>).hooks,
      preAuthAcceptor: (factory, options) =>
        (factory({ verify: () => Effect.void, ...options }) as { readonly hooks: unknown }).hooks,
      preAuthDialer: having({ token: Redacted.make("t") }),
      rateLimit: having(limited)
    },
    others: ["preAuthAlpn"]
  }
}

/** The interfaces of a folder's files, by name. */
const interfacesOf = (folder: string): ReadonlyMap<string, ts.InterfaceDeclaration> => {
  const found = new Map<string, ts.InterfaceDeclaration>()
  const read = (file: string): ts.SourceFile =>
    ts.createSourceFile(file, readFileSync(join(root, "src", folder, file), "utf8"), ts.ScriptTarget.Latest, true)
  for (const statement of read("index.ts").statements) {
    if (!ts.isExportDeclaration(statement) || statement.moduleSpecifier === undefined) continue
    const specifier = (statement.moduleSpecifier as ts.StringLiteral).text
    if (!specifier.startsWith("./")) continue
    for (const declared of read(specifier.slice(2)).statements) {
      if (ts.isInterfaceDeclaration(declared)) found.set(declared.name.text, declared)
    }
  }
  return found
}

type BadOption = readonly [option: string, value: unknown]

/** The options of an interface that are numbers, durations or sizes, alone or in a list, with values that cannot work. */
const badOptions = (
  name: string,
  interfaces: ReadonlyMap<string, ts.InterfaceDeclaration>
): ReadonlyArray<BadOption> => {
  const declared = interfaces.get(name)
  if (declared === undefined) return []
  const inherited = (declared.heritageClauses ?? []).flatMap(({ types }) =>
    types.flatMap(({ expression }) => badOptions(expression.getText(), interfaces))
  )
  const own = declared.members.flatMap((member): ReadonlyArray<BadOption> => {
    if (!ts.isPropertySignature(member) || member.type === undefined) return []
    const type = member.type.getText().replace(/ \| undefined$/, "")
    const option = member.name.getText()
    const bad: ReadonlyArray<unknown> =
      type === "number" || type === "ByteSize.Input"
        ? [Number.NaN, -1]
        : type === "Duration.Input"
          ? [Number.NaN, "-1 second"]
          : type === "ReadonlyArray<number>"
            ? [[Number.NaN]]
            : []
    return bad.map((value) => [option, value] as const)
  })
  return [...inherited, ...own]
}

const faultOf = (make: () => unknown): unknown => {
  try {
    return make()
  } catch (fault) {
    return fault
  }
}

const capitalized = (name: string): string => `${name[0]!.toUpperCase()}${name.slice(1)}`

describe.each(Object.entries(folders))("the factories of %s", (folder, { calls, exports, others }) => {
  const interfaces = interfacesOf(folder)
  const factories = Object.entries(exports).flatMap(([name, factory]) =>
    /^[a-z]/.test(name) && typeof factory === "function" && !others.includes(name)
      ? [[name, (options: Options) => (calls[name] ?? having({}))(factory as Factory, options)] as const]
      : []
  )
  const nameOf = (made: unknown): string => (Interceptor.describe(made as never) as { readonly name: string }).name

  it.each(factories)("%s is called as its export, takes another name, and refuses an empty name", (name, make) => {
    assert.deepStrictEqual([nameOf(make({})), nameOf(make({ name: "other" }))], [name, "other"])
    const fault = faultOf(() => make({ name: " " }))
    assert.instanceOf(fault, InvalidOption)
  })

  it.each(factories)("%s refuses every number, duration and size that cannot work", (name, make) => {
    for (const [option, value] of badOptions(`${capitalized(name)}Options`, interfaces)) {
      const fault = faultOf(() => make({ [option]: value }))
      assert.instanceOf(fault, InvalidOption, `${option}: ${String(value)}`)
      assert.strictEqual(fault.option, option)
    }
  })

  it("have options that this test can read", () => {
    assert.isAbove(factories.length, 2)
    assert.includeMembers(Object.keys(exports), [...Object.keys(calls), ...others])
    if (folder === "app/fairings") assert.isNotEmpty(badOptions("WarmUpOptions", interfaces))
  })
})
