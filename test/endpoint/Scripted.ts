/** A transport of which a test says all that it does. */
import { Effect } from "effect"
import { Identity, Transport } from "fairlead/endpoint"

const own = Identity.EndpointId.make("00".repeat(32))

export const scripted = (script: Partial<Transport.Bound>) =>
  Effect.provideService(Transport.Transport, {
    bind: () =>
      Effect.succeed({
        id: own,
        addr: { id: own, addrs: [] },
        dial: () => Effect.never,
        knock: Effect.never,
        close: Effect.void,
        ...script
      })
  })

export const knocking = (knock: Partial<Transport.Knock>): Transport.Knock => ({
  address: "somewhere",
  validated: false,
  accept: Effect.never,
  refuse: Effect.void,
  ignore: Effect.void,
  retry: undefined,
  ...knock
})

/** Knocks of these addresses, one after another, and what they were told. */
export const knocksOf = (addresses: ReadonlyArray<string>) => {
  const told: Array<"accept" | "refuse"> = []
  const tell = (what: "accept" | "refuse") => Effect.sync(() => void told.push(what))
  const waiting = addresses.map((address) =>
    knocking({ address, accept: Effect.andThen(tell("accept"), Effect.never), refuse: tell("refuse") })
  )
  const knock = Effect.suspend(() => {
    const next = waiting.shift()
    return next === undefined ? Effect.never : Effect.succeed(next)
  })
  return { told, knock }
}
