import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Context, Duration, Effect, Redacted } from "effect"
import { Yaml } from "effect/encoding"
import { App } from "fairlead/app"

import { listening, Settings, settings, sources } from "../../../examples/production/Settings.ts"
import { command, stage, user } from "./Container.ts"

const read = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../examples/production/${name}`, import.meta.url)), "utf8")

/** A document of the manifest, as far as these tests read it. */
interface Manifest {
  readonly kind: string
  readonly spec: any
}

const manifests = read("kubernetes.yaml")
  .split(/^---$/m)
  .map((document) => Yaml.parse(document) as Manifest)

const deployment = manifests.find(({ kind }) => kind === "Deployment")!.spec.template.spec
const [container] = deployment.containers

describe("the files of examples/production", () => {
  it("app2 3.5: the image runs node itself as process 1, by the exec form, and not as root", () => {
    assert.strictEqual(command[0], "node")
    assert.strictEqual(command.at(-1), "examples/production/main.ts")
    assert.strictEqual(user, "node")
    assert.include(stage, "STOPSIGNAL SIGTERM")
    assert.strictEqual(deployment.securityContext.runAsNonRoot, true)
  })

  it.effect("app2 3.5: the manifest allows the shop more time than its stop can take, and probes its admin port", () =>
    Effect.gen(function* () {
      const environment = Object.fromEntries(
        container.env.map(({ name, value }: { readonly name: string; readonly value?: string }) => [name, value ?? "x"])
      )
      assert.include(stage, "EXPOSE 3000 9090")
      const toml = read("shop.toml")
      const readinessDelay = /^readinessDelay = "(.*)"$/m.exec(toml)?.[1] ?? ""
      const provider = ConfigProvider.fromUnknown({
        host: "0.0.0.0",
        port: "3000",
        adminPort: "9090",
        databaseConnections: "10",
        databaseUrl: environment["DATABASE_URL"],
        otlpUrl: environment["OTLP_URL"],
        readinessDelay
      })
      const found = yield* settings.parse(provider)
      const { grace, mercy, port } = yield* Effect.provideContext(listening, Context.make(Settings, Settings.of(found)))
      const force = 5
      const most = [found.readinessDelay, grace, mercy].reduce<number>(
        (sum, part) => sum + Duration.toSeconds(part),
        force
      )
      assert.isAbove(deployment.terminationGracePeriodSeconds, most)
      const { failureThreshold, httpGet, periodSeconds } = container.readinessProbe
      assert.isAtMost(failureThreshold * periodSeconds * 2, Duration.toSeconds(found.readinessDelay))
      const portOf = (name: string): number =>
        container.ports.find((each: { readonly name: string }) => each.name === name).containerPort
      assert.deepStrictEqual([portOf("http"), portOf(httpGet.port)], [port, found.adminPort])
      assert.deepStrictEqual([httpGet.path, container.livenessProbe.httpGet.path], ["/ready", "/live"])
      assert.strictEqual(Redacted.value(found.databaseUrl), "x")
    })
  )

  it.live("app2 3.5: all faults of its settings are reported at once, with the sources and without the password", () =>
    Effect.gen(function* () {
      const app = App.make("shop").manage(sources).configure(Settings, settings)
      const environment = { PORT: "70000", DATABASE_CONNECTIONS: "many", ADMIN_PORT: "9090" }
      for (const [name, value] of Object.entries(environment)) process.env[name] = value
      const error = yield* Effect.flip(Effect.scoped(App.ignite(app))).pipe(
        Effect.ensuring(Effect.sync(() => Object.keys(environment).forEach((name) => delete process.env[name])))
      )
      assert.match(error.message, /a port from 0 to 65535 \(from environment\)\s+at \["port"\]/)
      assert.match(error.message, /\(from environment\)\s+at \["databaseConnections"\]/)
      assert.match(error.message, /databaseUrl is not set/)
    })
  )
})
