/** The bottom of every contender: an answer at once, without a socket. */
import { Readable } from "node:stream"

import { Dispatcher } from "@effect/platform-node/Undici"
import type { AxiosAdapter } from "axios"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import type { RequestFunction } from "got"

import { repeatEffect, repeatSuspending, status, unyielding } from "../Evaluation.ts"
import type { Run } from "../Evaluation.ts"

export const url = "http://127.0.0.1/"
export const request = HttpClientRequest.get(url)

const body = new Response(null, { status })
export const response = HttpClientResponse.fromWeb(request, body)
const answered = Effect.succeed(response)

/** A client without the spans and the URL of `HttpClient.make`, which would hide what is above it. */
export const bare = <E>(
  answer: Effect.Effect<HttpClientResponse.HttpClientResponse, E>
): HttpClient.HttpClient.With<E> =>
  HttpClient.makeWith<E, never, E, never>((requests) => Effect.flatMap(requests, () => answer), Effect.succeed)

export const client = bare(answered)

/** As every transport of Effect is made. */
export const madeClient = HttpClient.make((request) => Effect.sync(() => HttpClientResponse.fromWeb(request, body)))

/** Each response with its body read: an unread one is watched until it is collected, at the cost of later code. */
export const repeatReading = <E>(client: HttpClient.HttpClient.With<E>): Run =>
  repeatSuspending(unyielding, () =>
    Effect.flatMap(client.execute(request), (response) => Effect.as(response.arrayBuffer, response))
  )

/** Executes the request again and again. */
export const repeat = <E>(client: HttpClient.HttpClient.With<E>, context = unyielding): Run =>
  repeatEffect(context, () => client.execute(request))

export const repeatAsleep = <E>(client: HttpClient.HttpClient.With<E>): Run =>
  repeatSuspending(unyielding, () => client.execute(request))

export const fetching = (): Promise<Response> => Promise.resolve(new Response(null, { status }))

const controller = { paused: false, aborted: false, reason: null, abort: () => {}, pause: () => {}, resume: () => {} }

class Answering extends Dispatcher {
  override dispatch(_: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    handler.onRequestStart?.(controller, null)
    handler.onResponseStart?.(controller, status, {})
    handler.onResponseEnd?.(controller, {})
    return true
  }
}

export const dispatcher: Dispatcher = new Answering()

export const adapter: AxiosAdapter = (config) =>
  Promise.resolve({ data: null, status, statusText: "", headers: {}, config })

/** The request function of got: it returns the response itself, as a cache does. */
export const gotRequest: RequestFunction = () => {
  const answer = new Readable({
    read() {
      this.push(null)
    }
  })
  return Object.assign(answer, { statusCode: status, headers: {}, url, complete: true }) as never
}
