/**
 * Records the responses and failures of a client's requests, and replays them: a handler that goes last in its chain, nearest to the network.
 *
 * 1. `replay` never goes to the network: equal recorded requests answer a request, in their order; the last one again and again.
 *    `strict` wants the requests exactly in the recorded order, each once, and all of them before the scope ends.
 *    `record` always goes to the network and replaces the cassette. `auto` replays each recorded interaction once, and records the other requests.
 * 2. Two requests are equal when their method, URL, body and the headers of `compare` are equal, after redaction of both.
 * 3. A request outside the cassette fails with `CassetteError`, which names the differences from the nearest recorded one.
 * 4. Requests and responses are redacted before anything is written. A recording program sees the real response, a replaying one the redacted one. Secrets in a body
 *    other than text, such as a compressed one, are not found.
 * 5. Interactions are in the order of their requests, whichever ended first; the cassette is written after each of them.
 * 6. While recording, a response returns when its body is complete, in the chunks in which it came: an endless body cannot be recorded. A body that breaks off,
 *    and a network that fails, are recorded and replayed as such. Interrupted requests, informational responses and upgrades are not recorded.
 *
 * Works over any `HttpClient`. Cassettes are kept in a `KeyValueStore`: `KeyValueStore.layerFileSystem` makes files `<name>.json` of them.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"

import { canReplay, isOpen } from "../../client/Body.ts"
import * as ClientChain from "../../client/ClientChain.ts"
import * as ClientHandler from "../../client/ClientHandler.ts"
import { secretParams } from "../../client/handlers/RequestUrl.ts"
import { CassetteError, cassetteError, parse, print } from "./Cassette.ts"
import type { CassetteReason, Interaction } from "./Cassette.ts"
import { explain } from "./Difference.ts"
import { compareEntries, failureEntry, refail, replayed, requestEntry, takeResponse } from "./Interactions.ts"
import type { CompareOptions } from "./Interactions.ts"
import { redactor } from "./Redaction.ts"
import type { RedactOptions } from "./Redaction.ts"
import { sentOf } from "./SentRequest.ts"
import type { SentRequest } from "./SentRequest.ts"

/**
 * Options of a cassette.
 *
 * @category models
 * @since 0.1.0
 */
export interface CassetteOptions {
  /** Default: `replay`. */
  readonly mode?: "replay" | "strict" | "record" | "auto"
  /** Names to redact in addition to the built-in list. */
  readonly redact?: RedactOptions
  /** The parts that must be equal, in addition to method and URL. Default: the body. */
  readonly compare?: CompareOptions
}

/** A loaded or a new interaction. A new one has no `interaction` until its outcome is known. */
interface Track {
  interaction: Interaction | undefined
  used: boolean
  readonly loaded: boolean
}

/**
 * A handler that records or replays. Add it last to its chain.
 *
 * **Example** (Replaying from files)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { KeyValueStore } from "effect/persistence"
 * import { ClientChain } from "fairlead/client"
 * import { TestClient } from "fairlead/testing/client"
 *
 * const program = Effect.gen(function*() {
 *   const recorder = yield* TestClient.cassette("rooms", { mode: "auto", redact: { fields: ["email"] } })
 *   return ClientChain.layer(ClientChain.make("api").recover(TestClient.CassetteError, Effect.die).use(recorder))
 * }).pipe(Effect.provide(KeyValueStore.layerFileSystem("test/cassettes")))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const cassette = (
  name: string,
  { compare = {}, mode = "replay", redact = {} }: CassetteOptions = {}
): Effect.Effect<
  ClientHandler.ClientHandler<CassetteError | HttpClientError.HttpClientError>,
  CassetteError,
  KeyValueStore.KeyValueStore | Scope.Scope
> =>
  Effect.gen(function* () {
    const store = yield* KeyValueStore.KeyValueStore
    const writing = yield* Semaphore.make(1)
    const hide = redactor(redact)
    const loaded = mode === "record" ? [] : yield* load(store, name, mode)
    const tracks = loaded.map((interaction): Track => ({ interaction, used: false, loaded: true }))
    const spent = new WeakSet<object>()
    const failed = (reason: CassetteReason, description: string) => cassetteError(reason, name, description)

    // Never the request of a live call while it waits: it has no interaction yet.
    const candidates = (): ReadonlyArray<Track> => {
      if (mode === "strict") return tracks.filter(({ used }) => !used).slice(0, 1)
      return mode === "auto" ? tracks.filter(({ loaded, used }) => loaded && !used) : tracks
    }

    const find = (request: Interaction["request"]): Track | CassetteError => {
      const compared = candidates().map((track) => ({
        track,
        name: `interaction ${tracks.indexOf(track) + 1}: ${nameOf(track)}`,
        differences: compareEntries(track.interaction!.request, request, compare)
      }))
      const equal = compared.filter(({ differences }) => differences.length === 0).map(({ track }) => track)
      return (
        equal.find(({ used }) => !used) ??
        equal.at(-1) ??
        failed("UnmatchedRequest", explain(request, compared, mode === "strict" ? inOrder : anywhere))
      )
    }

    const save = Effect.suspend(() => {
      const interactions = tracks.flatMap(({ interaction }) => interaction ?? [])
      return store.set(keyOf(name), print(interactions))
    }).pipe(
      Effect.mapError(({ message }) => failed("StorageError", message)),
      Effect.uninterruptible,
      (write) => writing.withPermit(write)
    )

    if (mode === "strict") {
      yield* Effect.addFinalizer((exit) => {
        const unused = tracks.filter(({ used }) => !used).map((track) => `  ${nameOf(track)}`)
        return exit._tag === "Failure" || unused.length === 0
          ? Effect.void
          : Effect.die(failed("UnusedInteractions", ["not asked for:", ...unused].join("\n")))
      })
    }

    const run = Effect.fnUntraced(function* ({ request }: ClientHandler.Exchange) {
      if (spent.has(request.body) && !canReplay(request)) return yield* spentBody(request)
      spent.add(request.body)
      const sent = yield* sentOf(request)
      const entry = requestEntry(sent, hide, secretParams(request))
      const found = mode === "record" ? undefined : find(entry)
      if (found === undefined || (mode === "auto" && found instanceof CassetteError)) {
        const track: Track = { interaction: undefined, used: true, loaded: false }
        tracks.push(track)
        return ClientHandler.proceedWith({ track, request: entry }, unspent(request, sent))
      }
      if (found instanceof CassetteError) return yield* found
      found.used = true
      const { failure, response } = found.interaction!
      if (failure !== undefined) return yield* refail(request, failure)
      return ClientHandler.halt(replayed(request, response!))
    })

    return ClientHandler.make(`cassette ${name}`, {
      run,
      afterResponse: Effect.fnUntraced(function* (outcome, _, state) {
        if (state._tag === "None") return undefined
        const { request, track } = state.value
        if (outcome._tag === "Failure") {
          const error = outcome.cause.reasons.find(Cause.isFailReason)?.error
          const failure = failureEntry(error, hide)
          if (failure === undefined) return undefined
          track.interaction = { request, failure }
          yield* save
          return undefined
        }
        if (outcome.response.status < 200) return undefined
        const { again, entry } = yield* takeResponse(outcome.response, hide)
        track.interaction = { request, response: entry }
        yield* save
        return ClientHandler.respond(again)
      })
    })
  })

/**
 * The cassette over the `HttpClient` service. A `CassetteError` of a request is a defect there, so that the code under test cannot take it for a network that
 * is down.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerCassette = (
  name: string,
  options?: CassetteOptions
): Layer.Layer<HttpClient.HttpClient, CassetteError, HttpClient.HttpClient | KeyValueStore.KeyValueStore> =>
  Layer.unwrap(
    Effect.map(cassette(name, options), (handler) =>
      ClientChain.layer(ClientChain.make(name).recover(CassetteError, Effect.die).use(handler))
    )
  )

const keyOf = (name: string): string => `${name}.json`

const nameOf = ({ interaction }: Track): string => `${interaction?.request.method} ${interaction?.request.url}`

const anywhere = { none: "nothing is recorded", nearest: "not recorded; the nearest is", used: "played already" }

const inOrder = {
  none: "every recorded interaction has been played",
  nearest: "not the next interaction, which is",
  used: ""
}

const load = (
  store: KeyValueStore.KeyValueStore,
  name: string,
  mode: CassetteOptions["mode"]
): Effect.Effect<ReadonlyArray<Interaction>, CassetteError> =>
  Effect.gen(function* () {
    const failed = (reason: CassetteReason, description: string) => cassetteError(reason, name, description)
    const text = yield* Effect.mapError(store.get(keyOf(name)), ({ message }) => failed("StorageError", message))
    if (text !== undefined) return yield* parse(name, text)
    return mode === "auto" ? [] : yield* failed("CassetteMissing", "it does not exist: run once with the mode `record`")
  })

// A stream can be read only once: send the bytes that were read from it.
const unspent = (
  request: HttpClientRequest.HttpClientRequest,
  { body: bytes }: SentRequest
): HttpClientRequest.HttpClientRequest | undefined => {
  const { body } = request
  if (body._tag === "Stream") return HttpClientRequest.setBody(request, HttpBody.uint8Array(bytes, body.contentType))
  if (body._tag !== "Raw" || !isOpen(request)) return undefined
  const { contentType } = body
  return HttpClientRequest.setBody(request, HttpBody.raw(bytes, { contentType, contentLength: bytes.length }))
}

const spentBody = (request: HttpClientRequest.HttpClientRequest): HttpClientError.HttpClientError =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.EncodeError({
      request,
      description: "the body was a stream and has been sent: declare it with ClientHandler.replayable, or send bytes"
    })
  })
