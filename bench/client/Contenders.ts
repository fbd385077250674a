/** The contenders of the client bench: each makes a call through a number of handlers that do nothing, forth and back. */
import type { Dispatcher } from "@effect/platform-node/Undici"
import { create } from "axios"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClient from "effect/http/HttpClient"
import got from "got"
import ky from "ky"

import { ClientChain, ClientHandler } from "../../src/client/index.ts"
import { repeatAsync, repeatPlain } from "../Evaluation.ts"
import type { Run } from "../Evaluation.ts"
import type * as Sampling from "../Sampling.ts"
import * as Bottom from "./Bottom.ts"
import type { NoOp } from "./Copies.ts"
import { depths, own, ownExit, steps } from "./Names.ts"

type Contender = Sampling.Contender<NoOp>

const contender = (name: string, make: Contender["make"]): Contender => ({ name, depths, make })

type Handler = ClientHandler.ClientHandler

/** A chain with each no-op as a handler. */
export const chained = (
  noOps: ReadonlyArray<NoOp>,
  handler: (noOp: NoOp, name: string) => Handler = plain
): ClientChain.ClientChain<never, never, never> =>
  noOps.reduce((chain, noOp, n) => chain.use(handler(noOp, `handler-${n}`)), ClientChain.make("bench"))

const plain = ({ back, forth }: NoOp, name: string): Handler =>
  ClientHandler.make(name, { run: forth, afterResponse: back })

const fairlead = (
  name: string,
  handler: (noOp: NoOp, name: string) => Handler,
  repeat: typeof Bottom.repeatAsleep = Bottom.repeat
): Contender => contender(name, (noOps) => repeat(chained(noOps, handler).pipe(ClientChain.over(Bottom.client))))

const chains: ReadonlyArray<Contender> = [
  fairlead(own, plain),
  fairlead(ownExit, ({ backExit, forthExit }, name) =>
    ClientHandler.make(name, { run: forthExit, afterResponse: backExit })
  ),
  fairlead("Fairlead, Effect.sync", ({ backSync, forthSync }, name) =>
    ClientHandler.make(name, { run: forthSync, afterResponse: backSync })
  ),
  fairlead(
    "Fairlead, methods suspend the fiber",
    ({ backSuspending, forthSuspending }, name) =>
      ClientHandler.make(name, { run: forthSuspending, afterResponse: backSuspending }),
    Bottom.repeatAsleep
  )
]

/** A step for each no-op, around those before it. */
export const stepped = <E>(
  client: HttpClient.HttpClient.With<E>,
  noOps: ReadonlyArray<NoOp>
): HttpClient.HttpClient.With<E> =>
  noOps.reduce(
    (client, noOp) =>
      HttpClient.transformResponse(HttpClient.mapRequest(client, noOp.request), (effect) =>
        Effect.map(effect, noOp.response)
      ),
    client
  )

const effectful = (
  noOps: ReadonlyArray<NoOp>,
  forth: (noOp: NoOp) => () => Effect.Effect<void>,
  back: (noOp: NoOp) => () => Effect.Effect<void>
): HttpClient.HttpClient.With<never> =>
  noOps.reduce((client, noOp) => {
    const [before, after] = [forth(noOp), back(noOp)]
    return HttpClient.transformResponse(
      HttpClient.mapRequestEffect(client, (request) => Effect.as(before(), request)),
      (effect) => Effect.tap(effect, after)
    )
  }, Bottom.client)

const pipes: ReadonlyArray<Contender> = [
  contender(steps, (noOps) => Bottom.repeat(stepped(Bottom.client, noOps))),
  contender("piped steps that see failures too", (noOps) =>
    Bottom.repeat(
      noOps.reduce(
        (client, { request, response }) =>
          HttpClient.transformResponse(HttpClient.mapRequest(client, request), (effect) =>
            Effect.matchCauseEffect(effect, {
              onSuccess: (given) => Effect.succeed(response(given)),
              onFailure: Exit.failCause
            })
          ),
        Bottom.client
      )
    )
  ),
  contender("piped steps, Effect.sync", (noOps) =>
    Bottom.repeat(
      effectful(
        noOps,
        (noOp) => noOp.forthSync,
        (noOp) => noOp.backSync
      )
    )
  ),
  contender("piped steps that suspend the fiber", (noOps) =>
    Bottom.repeatAsleep(
      effectful(
        noOps,
        (noOp) => noOp.forthSuspending,
        (noOp) => noOp.backSuspending
      )
    )
  )
]

const undici = (noOps: ReadonlyArray<NoOp>): Run => {
  const composed = Bottom.dispatcher.compose(noOps.map(({ back, forth, interceptor }) => interceptor(forth, back)))
  const options: Dispatcher.DispatchOptions = { origin: Bottom.url, path: "/", method: "GET" }
  return repeatPlain(() => {
    let status = 0
    composed.dispatch(options, {
      onResponseStart: (_, given) => {
        status = given
      }
    })
    return { status }
  })
}

/** Request interceptors run in a promise each, unless all are declared synchronous. */
const axioses = (name: string, synchronous: boolean): Contender =>
  contender(name, (noOps) => {
    const instance = create({ adapter: Bottom.adapter })
    for (const { request, response } of noOps) {
      instance.interceptors.request.use((config) => request(config), undefined, { synchronous })
      instance.interceptors.response.use((given) => response(given))
    }
    return repeatAsync(() => instance.get(Bottom.url))
  })

const kys = (noOps: ReadonlyArray<NoOp>): Run => {
  const instance = ky.create({
    fetch: Bottom.fetching,
    retry: 0,
    timeout: false,
    hooks: {
      beforeRequest: noOps.map(
        ({ forth }) =>
          () =>
            forth()
      ),
      afterResponse: noOps.map(
        ({ back }) =>
          () =>
            back()
      )
    }
  })
  return repeatAsync(() => instance(Bottom.url))
}

const gots = (noOps: ReadonlyArray<NoOp>): Run => {
  const instance = got.extend({
    request: Bottom.gotRequest,
    retry: { limit: 0 },
    hooks: {
      beforeRequest: noOps.map(
        ({ forth }) =>
          () =>
            forth()
      ),
      afterResponse: noOps.map(
        ({ response }) =>
          (given) =>
            response(given)
      )
    }
  })
  return repeatAsync(async () => ({ status: (await instance(Bottom.url)).statusCode }))
}

const peers: ReadonlyArray<Contender> = [
  contender("nested async functions around fetch", (noOps) => {
    const call = noOps.reduceRight(
      (next, { back, forth, nested }) => nested(forth, back, next),
      Bottom.fetching as (url: string) => Promise<Response>
    )
    return repeatAsync(() => call(Bottom.url))
  }),
  contender("undici interceptors, compose", undici),
  axioses("axios interceptors", false),
  axioses("axios interceptors, synchronous", true),
  contender("ky hooks", kys),
  contender("got hooks", gots)
]

export const contenders: ReadonlyArray<Contender> = [...chains, ...pipes, ...peers]
