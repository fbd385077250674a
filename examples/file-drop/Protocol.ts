/** The messages of a file drop: the sender offers a file and sends its bytes, the receiver answers with a receipt. */
import { Schema } from "effect"
import { Alpn, Streams } from "fairlead/endpoint"

export const protocol = Alpn.fromString("file-drop/1")

/** A name within a folder, never a path. */
const FileName = Schema.String.check(
  Schema.isPattern(/^(?!\.)[^/\\\p{Cc}]{1,100}$/u, { expected: "a file name without a path" })
)

export const Offer = Schema.Struct({ name: FileName, size: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)) })
export type Offer = typeof Offer.Type

export const Receipt = Schema.Struct({ size: Schema.Int, sha256: Schema.String })
export type Receipt = typeof Receipt.Type

export const offers = Streams.messages(Offer, { maxBytes: "4 KiB" })
export const receipts = Streams.messages(Receipt, { maxBytes: "4 KiB" })
