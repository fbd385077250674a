/** The binding of iroh as it is, with promises: nothing is checked, nothing is released but what ends by itself. */
import * as Iroh from "@number0/iroh"

import { bind, checkEcho, chunk, message, protocol } from "./Contender.ts"
import type { Accept, Dial } from "./Contender.ts"

const alpn = Array.from(new TextEncoder().encode(protocol))

const endpoint = (alpns: Array<Array<number>>): Promise<Iroh.Endpoint> => {
  const builder = Iroh.Endpoint.builder()
  builder.applyMinimal()
  builder.relayMode(Iroh.RelayMode.disabled())
  for (const address of bind) builder.bindAddr(address)
  builder.alpns(alpns)
  return builder.bind()
}

/** The most bytes of a read, as Fairlead reads. */
const most = 65_536

const echo = async ({ recv, send }: Iroh.BiStream): Promise<void> => {
  for (;;) {
    const bytes = await recv.read(most)
    if (bytes.length === 0) break
    await write(send, bytes)
  }
  await send.finish()
}

/** The binding says how many it took. */
const write = async (send: Iroh.SendStream, bytes: Array<number>): Promise<void> => {
  let rest = bytes
  while (rest.length > 0) {
    const sent = await send.write(rest)
    rest = sent === rest.length ? [] : rest.slice(sent)
  }
}

type Take = (bytes: Array<number>) => { readonly length: number }

const drain = async (recv: Iroh.RecvStream, take: Take): Promise<number> => {
  let size = 0
  for (;;) {
    const { length } = take(await recv.read(most))
    if (length === 0) return size
    size += length
  }
}

const each = async <A>(accept: () => Promise<A>, use: (stream: A) => Promise<void>): Promise<void> => {
  for (;;) void use(await accept()).catch(() => {})
}

const serve = (connection: Iroh.Connection, take: Take): void => {
  each(() => connection.acceptBi(), echo).catch(() => {})
  each(
    () => connection.acceptUni(),
    async (recv) => {
      await drain(recv, take)
      const back = await connection.openUni()
      await back.write(Array.from(message))
      await back.finish()
    }
  ).catch(() => {})
}

const accepting =
  (take: Take): Accept =>
  async () => {
    const native = await endpoint([alpn])
    const next = async (): Promise<void> => {
      const incoming = await native.acceptNext()
      void incoming
        ?.accept()
        .then((accepting) => accepting.connect())
        .then((connection) => serve(connection, take))
        .catch(() => {})
      return next()
    }
    void next()
    return { id: native.id().toString(), addrs: native.addr().directAddresses() }
  }

const dialling =
  (give: (bytes: Uint8Array) => Array<number>, take: Take): Dial =>
  async ({ addrs, id }) => {
    const native = await endpoint([])
    const connect = () =>
      native.connect(new Iroh.EndpointAddr(Iroh.EndpointId.fromString(id), undefined, [...addrs]), alpn)
    const connection = await connect()
    return {
      connect: async (next) => {
        while (next()) (await connect()).close(0n, [])
      },
      echo: async (next) => {
        const { recv, send } = await connection.openBi()
        while (next()) {
          await write(send, give(message))
          let size = 0
          while (size < message.length) size += take(await recv.read(most)).length
          checkEcho(size)
        }
        await send.finish()
      },
      stream: async (next) => {
        while (next()) {
          const { recv, send } = await connection.openBi()
          await write(send, give(message))
          await send.finish()
          checkEcho(await drain(recv, take))
        }
      },
      bytes: async (next) => {
        const send = await connection.openUni()
        while (next()) await write(send, give(chunk))
        await send.finish()
        await drain(await connection.acceptUni(), take)
      }
    }
  }

const take: Take = (bytes) => Uint8Array.from(bytes)

/** For those who have bytes, and want bytes. */
export const accept = accepting(take)
export const dial = dialling((bytes) => Array.from(bytes), take)

const arrays = new Map<Uint8Array, Array<number>>([message, chunk].map((bytes) => [bytes, Array.from(bytes)]))

/** The floor: arrays that were made before, and are not looked into. */
export const acceptArrays = accepting((bytes) => bytes)
export const dialArrays = dialling(
  (bytes) => arrays.get(bytes)!,
  (bytes) => bytes
)
