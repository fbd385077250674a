import { assert, describe, it } from "@effect/vitest"

import { negotiate, V1, V2 } from "../../../src/channel/wire/Message.ts"
import * as Reserved from "../../../src/channel/wire/Reserved.ts"

describe("the version", () => {
  it("channel 1.1: no vsn is 1.0.0", () => {
    assert.strictEqual(negotiate(undefined), V1)
  })

  it.each(["1.0.0", "1.0.1", "1.0.10", "1.0.99999999999999999999", "1.0.0+build", "1.0.1-rc.1", "1.0.7--.0.0a+01.-"])(
    "channel 1.1: %s is V1",
    (vsn) => {
      assert.strictEqual(negotiate(vsn), V1)
    }
  )

  it.each(["2.0.0", "2.0.9", "2.0.0+b", "2.0.1-0"])("channel 1.1: %s is V2", (vsn) => {
    assert.strictEqual(negotiate(vsn), V2)
  })

  const others = "1.1.0 2.1.0 3.0.0 12.0.0 0.0.0 1.0.0-rc.1 2.0.0-0 2.0.0-rc+build 2.1.0-rc.1"
  const malformed =
    "1 2 1.0 2.0 v2.0.0 2.0.x 2,0,0 ٢.0.0 2.0.0.0 01.0.0 2.00.0 2.0.00 2.0.01 -2.0.0 2.0.-1 2.0.1- 2.0.1+ 2.0.1-a..b " +
    "2.0.1-01 2.0.1-a.00 2.0.1-ä 2.0.1+a+b 2.0.1+a..b 2.0.1+_ __proto__ toString null undefined"
  it.each(["", " ", "2.0.0 ", " 2.0.0", "2.0.0\n"].concat(others.split(" "), malformed.split(" ")))(
    "channel 1.1: %o is refused",
    (vsn) => {
      assert.strictEqual(negotiate(vsn), undefined)
    }
  )

  it("channel 1.1: of any length is refused", () => {
    for (const end of ["", "x", "-", "-0", "-a.", "+"]) {
      assert.strictEqual(negotiate(`2.0.0${"1".repeat(100_000)}${end}.`), undefined)
      assert.strictEqual(negotiate(`2.0.1-${"0".repeat(100_000)}${end}+`), undefined)
    }
  })

  it("channel 1.1: is a property of the wire", () => {
    assert.deepStrictEqual([V1.version, V2.version], ["1.0.0", "2.0.0"])
    assert.deepStrictEqual([negotiate(V1.version), negotiate(V2.version)], [V1, V2])
  })
})

describe("the reserved names", () => {
  it("channel 1.3: are these", () => {
    const events = [
      [Reserved.join, "phx_join"],
      [Reserved.leave, "phx_leave"],
      [Reserved.reply, "phx_reply"],
      [Reserved.close, "phx_close"],
      [Reserved.error, "phx_error"],
      [Reserved.heartbeat, "heartbeat"],
      [Reserved.presenceState, "presence_state"],
      [Reserved.presenceDiff, "presence_diff"],
      [Reserved.disconnect, "disconnect"],
      [Reserved.drain, "phx_drain"],
      [Reserved.chanReplyPrefix, "chan_reply_"]
    ]
    for (const [name, expected] of events) assert.strictEqual(name, expected)
    assert.strictEqual(Reserved.phoenix, "phoenix")
  })
})
