/**
 * Configuration in layers: defaults, files, a profile, `.env`, the environment and flags; each value knows the layer it came from.
 *
 * **Example** (Defaults, a file and the environment)
 *
 * ```ts
 * import { Config, Context, Effect } from "effect"
 * import { App, AppConfig } from "fairlead/app"
 * import { ConfigSources, NodeApp } from "fairlead/app/node"
 *
 * class Settings extends Context.Service<Settings, { readonly port: number }>()("shop/Settings") {}
 *
 * const shop = App.make("shop")
 *   .manage(ConfigSources.layer({ defaults: { port: 3000 }, files: ["shop.toml"], profile: "production" }))
 *   .configure(Settings, AppConfig.all({ port: Config.Port("port") }))
 *
 * const main = () => NodeApp.run(shop, Effect.map(Settings, ({ port }) => ({ port })))
 * ```
 *
 * Rules
 * 1. Later layers win, value by value: `defaults`, then `files` in their order, then the section of the files that `profile` names, then `.env`, the environment, `flags`.
 * 2. A file is JSON, YAML or TOML by its extension, parsed by `effect/encoding`. A missing file is skipped. A file that cannot be read or parsed fails the ignition
 *    with a `SourceError` that names it, and several with all their names; later steps then report no faults that only follow from it.
 * 3. `.env` and the environment have `DB_URL` for the path `db.url`, and take the exact name too. Flags are in camel case, `dbUrl`, or as they are written, `db-url`.
 * 4. `values` lists every value that was read, with its source. A value whose name sounds secret is `<redacted>`, as are those of the names in `secrets` and the
 *    password of a URL.
 * 5. The faults of `App.configure`, `AppConfig` and `configCheck` name the source of the wrong value: `Expected a valid URL string (from shop.toml)`.
 *
 * Works with `AppConfig.all`, which reports the faults of all layers at once, and with `effect/cli`, whose parsed flags are passed as `flags`.
 *
 * Gotchas: a profile that no file has a section for changes nothing.
 *
 * @since 0.1.0
 */
import { readFile } from "node:fs/promises"
import { extname } from "node:path"

import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Toml from "effect/encoding/Toml"
import * as Yaml from "effect/encoding/Yaml"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"

import { isSecretName } from "../../core/heads/SecretNames.ts"
import { sourceSegment } from "../ConfigFaults.ts"

/**
 * The layers of a configuration.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The values that hold when nothing else says otherwise. Default: none. */
  readonly defaults?: Readonly<Record<string, unknown>>
  /** Files, JSON, YAML or TOML; later ones win. Default: none. */
  readonly files?: ReadonlyArray<string>
  /** The section of the files whose values win over the others. Default: none. */
  readonly profile?: string
  /** The path of the `.env` file; `false` reads none. Default: `.env`. */
  readonly dotEnv?: string | false
  /** Default: the environment of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** The values of flags, as `effect/cli` parses them; `undefined` and `None` count as absent. Default: none. */
  readonly flags?: Readonly<Record<string, unknown>>
  /** Names beyond those that sound secret, whose values are not shown. Default: none. */
  readonly secrets?: ReadonlyArray<string>
}

/**
 * A value that was read, and its source: `defaults`, a file, a file with its profile, `.env`, `environment` or `flags`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SourcedValue {
  readonly path: string
  readonly source: string
  /** The text of the value, or `<redacted>`. */
  readonly value: string
}

/**
 * The values that were read so far, in the order of their first reading.
 *
 * @category services
 * @since 0.1.0
 */
export class ConfigValues extends Context.Service<
  ConfigValues,
  { readonly values: Effect.Effect<ReadonlyArray<SourcedValue>> }
>()("fairlead/app/node/ConfigSources/ConfigValues") {}

/**
 * A Layer of the `ConfigProvider` that reads all layers, and of the values that were read.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<ConfigValues, ConfigProvider.SourceError> =>
  Layer.effectContext(
    Effect.map(sourcesOf(options), (sources) => {
      const read = new Map<string, SourcedValue>()
      const secrets = new Set(options.secrets ?? [])
      const provider = ConfigProvider.make((path) => {
        const asked = path.filter((segment) => segment !== sourceSegment)
        return Effect.map(firstOf(sources, asked), (found) => {
          if (found === undefined) return undefined
          if (asked.length < path.length) return ConfigProvider.makeValue(found.source)
          const name = path.map(String).join(".")
          const { value } = found.node
          if (value !== undefined) {
            const isSecret = path.some(
              (segment) => isSecretName(String(segment), "json") || secrets.has(String(segment))
            )
            read.set(name, {
              path: name,
              source: found.source,
              value: isSecret ? "<redacted>" : withoutPassword(value)
            })
          }
          return found.node
        })
      })
      return Context.make(ConfigValues, { values: Effect.sync(() => Array.from(read.values())) }).pipe(
        Context.add(ConfigProvider.ConfigProvider, provider)
      )
    })
  )

const withoutPassword = (value: string): string => value.replace(/(:\/\/[^\s/?#@:]*:)[^\s/?#@]+@/, "$1<redacted>@")

interface Source {
  readonly name: string
  readonly provider: ConfigProvider.ConfigProvider
}

/** The first source that has a value; of containers, the union of their keys. */
const firstOf = Effect.fnUntraced(function* (sources: ReadonlyArray<Source>, path: ConfigProvider.Path) {
  let container: { readonly source: string; readonly node: ConfigProvider.Node } | undefined
  for (const { name: source, provider } of sources) {
    const node = yield* provider.load(path)
    if (node === undefined) continue
    if (node._tag !== "Record" || node.value !== undefined) return container ?? { source, node }
    container =
      container === undefined || container.node._tag !== "Record"
        ? { source, node }
        : { source, node: ConfigProvider.makeRecord(new Set([...container.node.keys, ...node.keys])) }
  }
  return container
})

/** The sources, the strongest first. */
const sourcesOf = Effect.fnUntraced(function* (options: Options) {
  const { defaults = {}, dotEnv = ".env", env = process.env, files = [], flags = {}, profile } = options
  const [parsed, failures] = yield* Effect.partition(files, (file) =>
    Effect.map(parse(file), (content) => ({ file, content }))
  )
  const [dots, unread] = yield* Effect.partition(dotEnv === false ? [] : [dotEnv], textOf)
  const [first, ...others] = [...failures, ...unread]
  if (first !== undefined) return yield* others.length === 0 ? first : several([first, ...others])
  const present = parsed.filter(({ content }) => content !== undefined).toReversed()
  const profiles = present.flatMap(({ content, file }): ReadonlyArray<Source> => {
    const section = profile === undefined ? undefined : content?.[profile]
    return section === undefined
      ? []
      : [{ name: `${file} [${profile}]`, provider: ConfigProvider.fromUnknown(section) }]
  })
  const sources: ReadonlyArray<Source> = [
    { name: "flags", provider: byName(ConfigProvider.fromUnknown(flagsOf(flags)), kebab) },
    { name: "environment", provider: byName(ConfigProvider.fromEnvRecord({ ...env }), constant) },
    ...dots.flatMap((content) =>
      content === undefined
        ? []
        : [{ name: String(dotEnv), provider: byName(ConfigProvider.fromDotEnvContents(content), constant) }]
    ),
    ...profiles,
    ...present.map(({ content, file }) => ({ name: file, provider: ConfigProvider.fromUnknown(content) })),
    { name: "defaults", provider: ConfigProvider.fromUnknown(defaults) }
  ]
  return sources
})

/** Looks a path up as it is, then by the names that its source has for it. */
const byName = (
  provider: ConfigProvider.ConfigProvider,
  rename: (path: ConfigProvider.Path) => ConfigProvider.Path
): ConfigProvider.ConfigProvider =>
  ConfigProvider.make((path) =>
    Effect.flatMap(provider.load(path), (node) =>
      node === undefined && path.length > 0 ? provider.load(rename(path)) : Effect.succeed(node)
    )
  )

const words = (segment: string | number): string =>
  String(segment)
    .replaceAll(/([a-z\d])([A-Z])/g, "$1 $2")
    .replaceAll(/[-_ ]+/g, " ")
const constant = (path: ConfigProvider.Path): ConfigProvider.Path =>
  path.map((segment) => words(segment).replaceAll(" ", "_").toUpperCase())
const kebab = (path: ConfigProvider.Path): ConfigProvider.Path => [
  path.map((segment) => words(segment).replaceAll(" ", "-").toLowerCase()).join("-")
]

const flagsOf = (flags: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(flags).flatMap(([name, value]) => {
      const given = Option.isOption(value) ? Option.getOrUndefined(value) : value
      if (given === undefined) return []
      return [
        [name, given],
        [kebab([name])[0], given]
      ]
    })
  )

const parse = (file: string): Effect.Effect<FileValues | undefined, ConfigProvider.SourceError> =>
  Effect.flatMap(textOf(file), (content) =>
    content === undefined ? Effect.succeed(undefined) : decoded(file, content)
  )

type FileValues = Readonly<Record<string, unknown>>

const decoded = (file: string, content: string): Effect.Effect<FileValues, ConfigProvider.SourceError> => {
  const extension = extname(file)
  const parsed: Effect.Effect<unknown, ConfigProvider.SourceError> =
    extension === ".toml"
      ? Effect.mapError(Effect.fromResult(Toml.parse(content)), failed(file))
      : Effect.try({
          try: () =>
            (extension === ".yaml" || extension === ".yml" ? Yaml.parse(content) : JSON.parse(content)) as unknown,
          catch: failed(file)
        })
  return Effect.flatMap(parsed, (values) => {
    if (values === null || values === undefined) return Effect.succeed({})
    return typeof values === "object" && !Array.isArray(values)
      ? Effect.succeed(values as FileValues)
      : Effect.fail(failed(file)("Its content is no object"))
  })
}

/** The text of a file; `undefined` where the file is missing. */
const textOf = (file: string): Effect.Effect<string | undefined, ConfigProvider.SourceError> =>
  Effect.tryPromise({
    try: () =>
      readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
        if (cause.code === "ENOENT") return undefined
        throw cause
      }),
    catch: failed(file)
  })

const failed =
  (file: string) =>
  (cause: unknown): ConfigProvider.SourceError =>
    new ConfigProvider.SourceError({ message: `The configuration file ${file} cannot be read`, cause })

/** Several files that cannot be read, as one error that names each with its reason. */
const several = (errors: ReadonlyArray<ConfigProvider.SourceError>): ConfigProvider.SourceError =>
  new ConfigProvider.SourceError({
    message: errors
      .map(({ cause, message }) => `${message}: ${cause instanceof Error ? cause.message : String(cause)}`)
      .join("\n"),
    cause: new AggregateError(errors)
  })
