/** Bound transports, without an endpoint's hooks and scopes, with their calls as Effects. */
import { Effect, Queue } from "effect"
import { EndpointTransport } from "fairlead/endpoint"
import type { Alpn, CloseCode, EndpointAddr, EndpointConnection, EndpointError } from "fairlead/endpoint"

const handshake = (start: (done: EndpointTransport.Done) => () => void) =>
  Effect.callback<EndpointTransport.TransportConnection, EndpointError.ConnectError>((resume) => {
    const giveUp = start(resume)
    return Effect.sync(giveUp)
  })

/** A connection's calls as Effects. */
export const effectsOf = (connection: EndpointTransport.TransportConnection) => ({
  connection,
  remoteId: connection.remoteId,
  alpn: connection.alpn,
  side: connection.side,
  get remoteAddress() {
    return connection.remoteAddress
  },
  openBi: connection.openBi.next,
  openUni: connection.openUni.next,
  acceptBi: connection.acceptBi.next,
  acceptUni: connection.acceptUni.next,
  close: (code: CloseCode.CloseCode, reason: string) => Effect.sync(() => connection.close(code, reason)),
  closed: Effect.callback<EndpointConnection.CloseReason>((resume) => {
    connection.onEnd((reason) => resume(Effect.succeed(reason)))
  }),
  stats: Effect.sync(() => connection.stats())
})

/** Binds the transport in use. */
export const boundTo = (alpns: ReadonlyArray<Alpn.Alpn>) =>
  Effect.gen(function* () {
    const { bind } = yield* EndpointTransport.EndpointTransport
    const knocks = yield* Queue.unbounded<EndpointTransport.Incoming>()
    const bound = yield* bind({ alpns, onIncoming: (incoming) => Queue.offerUnsafe(knocks, incoming) })
    return {
      ...bound,
      addr: bound.addr(),
      dial: (addr: EndpointAddr.EndpointAddr, alpn: Alpn.Alpn) =>
        Effect.map(
          handshake((done) => bound.dial(addr, alpn, done)),
          effectsOf
        ),
      knock: Effect.map(Queue.take(knocks), ({ accept, ignore, refuse, retry, ...incoming }) => ({
        ...incoming,
        accept: Effect.map(handshake(accept), effectsOf),
        refuse: Effect.sync(refuse),
        ignore: Effect.sync(ignore),
        retry: retry && Effect.sync(retry)
      }))
    }
  })
