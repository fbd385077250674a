/**
 * The presence of the conformance server, as it is on the wire.
 */
import { NodeUpgrade } from "fairlead/channel/node"
import { afterEach, assert, describe, it } from "vitest"

import { shared } from "./Conformance.ts"
import { cut, Peer } from "./Peer.ts"

afterEach(cut)

const topic = "presence:1"

type Metas = Readonly<Record<string, { readonly metas: ReadonlyArray<Readonly<Record<string, unknown>>> }>>

describe("presence", () => {
  const { server } = shared(NodeUpgrade.layer)

  const enter = async (payload: object, query = "") =>
    (await Peer.connect(`${server().ws}/socket/websocket?vsn=2.0.0${query}`)).joins(topic, payload)

  const take = async (peer: Peer, joinRef: string | null, event: string): Promise<never> => {
    const frame = JSON.parse(String(await peer.next()))
    assert.deepStrictEqual(frame.slice(0, 4), [joinRef, null, topic, event])
    return frame[4] as never
  }

  const state = (peer: Peer): Promise<Metas> => take(peer, "1", "presence_state")
  const diff = (peer: Peer): Promise<{ readonly joins: Metas; readonly leaves: Metas }> =>
    take(peer, null, "presence_diff")

  const refOf = (metas: Metas, key: string): unknown => metas[key]?.metas[0]?.["phx_ref"]

  it("channel 1.8: a joiner sees its own join, and gets the state; an update is one diff; an untrack and the end are leaves", async () => {
    const ann = await enter({ user: "ann", meta: { at: "home" } })
    const joined = await diff(ann)
    const phx_ref = refOf(joined.joins, "ann")
    assert.isString(phx_ref)
    assert.deepStrictEqual(joined, { joins: { ann: { metas: [{ at: "home", phx_ref }] } }, leaves: {} })
    assert.deepStrictEqual(await state(ann), joined.joins)

    ann.send(["1", "2", topic, "update_meta", { at: "work" }])
    await ann.gets(["1", "2", topic, "phx_reply", { status: "ok", response: {} }])
    const updated = await diff(ann)
    const next = refOf(updated.joins, "ann")
    assert.notStrictEqual(next, phx_ref)
    assert.deepStrictEqual(updated, {
      joins: { ann: { metas: [{ at: "work", phx_ref: next, phx_ref_prev: phx_ref }] } },
      leaves: joined.joins
    })

    const ben = await enter({}, "&user_id=ben")
    const came = await diff(ben)
    assert.deepStrictEqual(Object.keys(came.joins), ["ben"])
    assert.deepStrictEqual(await state(ben), { ...updated.joins, ...came.joins })
    assert.deepStrictEqual(await diff(ann), came)

    ann.send(["1", "3", topic, "untrack", {}])
    await ann.gets(["1", "3", topic, "phx_reply", { status: "ok", response: {} }])
    assert.deepStrictEqual(await diff(ann), { joins: {}, leaves: updated.joins })
    ann.send(["1", "4", topic, "list", {}])
    await ann.gets(["1", "4", topic, "phx_reply", { status: "ok", response: came.joins }])

    ben.socket.terminate()
    assert.deepStrictEqual(await diff(ann), { joins: {}, leaves: came.joins })
    ann.send(["1", "5", topic, "list", {}])
    await ann.gets(["1", "5", topic, "phx_reply", { status: "ok", response: {} }])
  })

  it("channel 1.8: a key has a meta for each channel, and nobody is anon", async () => {
    const one = await enter({ meta: { n: 1 } })
    await diff(one)
    await state(one)
    const two = await enter({ meta: { n: 2 } })
    await diff(two)
    assert.deepStrictEqual(
      (await state(two))["anon"]?.metas.map(({ n }) => n),
      [1, 2]
    )
  })

  it("channel 1.8: an update of nothing, and an unknown event, crash the channel", async () => {
    const peer = await enter({ user: "ann" })
    await diff(peer)
    await state(peer)
    peer.send(["1", "2", topic, "untrack", {}])
    await peer.gets(["1", "2", topic, "phx_reply", { status: "ok", response: {} }])
    await diff(peer)
    peer.send(["1", "3", topic, "update_meta", {}])
    await peer.gets(["1", "1", topic, "phx_error", { reason: "channel_crash" }])
    await peer.joins(topic)
    await diff(peer)
    await state(peer)
    peer.send(["1", "4", topic, "no such event", {}])
    await peer.gets(["1", "1", topic, "phx_error", { reason: "channel_crash" }])
  })
})
