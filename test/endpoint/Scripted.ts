/** A transport of which a test says all that it does. */
import { Duration, Effect, Exit } from "effect"
import { EndpointConnection, EndpointId, EndpointTransport } from "fairlead/endpoint"
import type { EndpointError } from "fairlead/endpoint"

import { echo } from "./Peers.ts"

const own = EndpointId.EndpointId.make("00".repeat(32))

const nothing = (): void => {}

/** `incoming` says who wants in, one after another, each in a step of its own. */
export const scripted = (
  script: Partial<EndpointTransport.BoundEndpoint> & {
    readonly incoming?: Effect.Effect<EndpointTransport.Incoming>
  }
) =>
  Effect.provideService(EndpointTransport.EndpointTransport, {
    bind: ({ onIncoming }) => {
      const { incoming = Effect.never, ...bound } = script
      const arriving = Effect.forever(
        Effect.andThen(
          Effect.flatMap(incoming, (one) => Effect.sync(() => onIncoming(one))),
          Effect.yieldNow
        )
      )
      return Effect.as(Effect.forkScoped(arriving), {
        id: own,
        addr: () => ({ id: own, addrs: [] }),
        finds: false,
        dial: () => nothing,
        setAlpns: nothing,
        close: Effect.void,
        ...bound
      })
    }
  })

export const knocking = (incoming: Partial<EndpointTransport.Incoming>): EndpointTransport.Incoming => ({
  address: "somewhere",
  validated: false,
  accept: () => nothing,
  refuse: nothing,
  ignore: nothing,
  retry: undefined,
  ...incoming
})

/** Knocks of these addresses, one after another, and what they were told. */
export const knocksOf = (addresses: ReadonlyArray<string>) => {
  const told: Array<"accept" | "refuse"> = []
  const waiting = addresses.map((address) =>
    knocking({
      address,
      accept: () => {
        told.push("accept")
        return nothing
      },
      refuse: () => void told.push("refuse")
    })
  )
  const incoming = Effect.suspend(() => {
    const next = waiting.shift()
    return next === undefined ? Effect.never : Effect.succeed(next)
  })
  return { told, incoming }
}

const noStreams = <A>(): EndpointTransport.Source<A, EndpointError.StreamError> =>
  new EndpointTransport.Source<A, EndpointError.StreamError>({
    poll: () => undefined,
    isReady: () => false
  })

export const other = { id: EndpointId.EndpointId.make("11".repeat(32)), addrs: ["somewhere"] }

/** A connection that writes down how it is closed. */
export const carried = (closes: Array<string>): EndpointTransport.TransportConnection => {
  const ending = new EndpointTransport.Ending()
  return {
    remoteId: other.id,
    alpn: echo,
    side: "dialer",
    remoteAddress: "somewhere",
    openBi: noStreams(),
    openUni: noStreams(),
    acceptBi: noStreams(),
    acceptUni: noStreams(),
    close(code, reason) {
      closes.push(`${code} ${reason}`)
      ending.end(EndpointConnection.CloseReason.make({ _tag: "LocallyClosed" }))
    },
    get ended() {
      return ending.reason
    },
    onEnd: ending.onEnd,
    stats: () => ({ bytesSent: 0, bytesReceived: 0 }),
    rtt: () => Duration.zero,
    paths: () => []
  }
}

/** A dial that connects in the same step. */
export const connectsTo =
  (connection: () => EndpointTransport.TransportConnection): EndpointTransport.BoundEndpoint["dial"] =>
  (_addr, _alpn, done) => {
    done(Exit.succeed(connection()))
    return nothing
  }
