import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { NatsBroadcaster } from "fairlead/channel/nats"

import { certificateFor } from "../../client/node/Certificate.ts"
import { enter, got, nodeOver, Room, until } from "../nodes/Chat.ts"
import { newAccount, newUser } from "./Accounts.ts"
import { missing, Nats } from "./Nats.ts"

/** A NATS with a configuration, and the files that it names. */
const configured = (configuration: string, files: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "fairlead-nats-"))),
      (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
    )
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    const file = join(folder, "nats.conf")
    writeFileSync(file, configuration.replaceAll("FOLDER", folder))
    return yield* Effect.acquireRelease(
      Effect.promise(() => Nats.start(["-js", "-c", file])),
      (nats) => Effect.promise(() => nats.kill())
    )
  })

/** Two nodes with these options carry a recoverable event. */
const carries = (options: NatsBroadcaster.LayerOptions) =>
  Effect.scoped(
    Effect.gen(function* () {
      const [a, b] = [yield* nodeOver(NatsBroadcaster.layer(options)), yield* nodeOver(NatsBroadcaster.layer(options))]
      const ann = yield* enter(a, "room:safe", { recover_from: null })
      yield* b.run(Room.publish({ id: "safe" }, "said", "hello"))
      yield* until(() => got(ann).includes("hello"))
    })
  )

/** A node with these options is not let in. */
const refused = (options: NatsBroadcaster.LayerOptions) =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(
      Effect.scoped(Layer.build(NatsBroadcaster.layer({ connectTimeout: "1 second", ...options })))
    )
    assert.strictEqual(error._tag, "NatsConnectError")
    return error
  })

const tlsFiles = (name: string) => {
  const { cert, key } = certificateFor(name)
  return { cert, files: { "cert.pem": cert, "key.pem": key } }
}

describe.skipIf(missing)("a NATS that asks who connects", () => {
  it.live("nodes 1: over TLS a server is checked against the certificate of `tls.ca`, by its name", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { cert, files } = tlsFiles("localhost")
        const { port } = yield* configured('tls: { cert_file: "FOLDER/cert.pem", key_file: "FOLDER/key.pem" }', files)
        yield* carries({ url: `tls://localhost:${port}`, tls: { ca: cert } })
        // Certificates alone ask for TLS too.
        yield* carries({ url: `nats://localhost:${port}`, tls: { ca: cert } })
        yield* refused({ url: `tls://localhost:${port}` })
        yield* refused({ url: `tls://localhost:${port}`, tls: { ca: tlsFiles("localhost").cert } })
        const other = tlsFiles("other.example")
        const elsewhere = yield* configured(
          'tls: { cert_file: "FOLDER/cert.pem", key_file: "FOLDER/key.pem" }',
          other.files
        )
        yield* refused({ url: `tls://localhost:${elsewhere.port}`, tls: { ca: other.cert } })
      })
    )
  )

  it.live("nodes 1: a server without TLS is refused where the URL or `tls` asks for it", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { port } = yield* configured("")
        yield* refused({ url: `tls://localhost:${port}` })
        yield* refused({ url: `nats://localhost:${port}`, tls: {} })
      })
    )
  )

  it.live("nodes 1: a server that verifies its clients gets `tls.cert`", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { cert, files } = tlsFiles("localhost")
        const client = certificateFor("node-1")
        const configuration =
          'tls: { cert_file: "FOLDER/cert.pem", key_file: "FOLDER/key.pem", ca_file: "FOLDER/ca.pem", verify: true }'
        const { port } = yield* configured(configuration, { ...files, "ca.pem": client.cert })
        const url = `tls://localhost:${port}`
        yield* carries({ url, tls: { ca: cert, cert: client.cert, key: Redacted.make(client.key) } })
        yield* refused({ url, tls: { ca: cert } })
      })
    )
  )

  it.live("nodes 1: a user and a password are taken from the URL, over TLS too", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { cert, files } = tlsFiles("localhost")
        const configuration = `
          tls: { cert_file: "FOLDER/cert.pem", key_file: "FOLDER/key.pem" }
          authorization: { user: ann, password: "p@ss" }`
        const { port } = yield* configured(configuration, files)
        yield* carries({ url: Redacted.make(`tls://ann:p%40ss@localhost:${port}`), tls: { ca: cert } })
        const error = yield* refused({ url: `tls://ann:wrong@localhost:${port}`, tls: { ca: cert } })
        assert.notInclude(error.message, "wrong")
      })
    )
  )

  it.live("nodes 1: `nkey` proves a user by its seed", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const [ann, other] = [newUser(), newUser()]
        const { url } = yield* configured(`authorization: { users: [ { nkey: ${ann.publicKey} } ] }`)
        yield* carries({ url, nkey: Redacted.make(ann.seed) })
        yield* refused({ url, nkey: other.seed })
        yield* refused({ url })
      })
    )
  )

  it.live("nodes 1: `credentials` prove a user of an account by the text of a credentials file", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { configuration, credentials } = newAccount()
        const { url } = yield* configured(configuration)
        yield* carries({ url, credentials: Redacted.make(credentials) })
        yield* refused({ url, credentials: newAccount().credentials })
        yield* refused({ url })
      })
    )
  )
})
