/**
 * A certificate for a server of this machine, made anew by each run: self-signed X.509 (RFC 5280), as much of it as Node's TLS asks for.
 */
import { generateKeyPairSync, sign } from "node:crypto"

/** A DER element: its tag, and what is in it. */
const element = (tag: number, ...parts: ReadonlyArray<Uint8Array>): Buffer => {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

const sequence = (...parts: ReadonlyArray<Uint8Array>): Buffer => element(0x30, ...parts)
const integer = (value: number): Buffer => element(0x02, Buffer.from([value]))
const oid = (hex: string): Buffer => element(0x06, Buffer.from(hex, "hex"))
const time = (text: string): Buffer => element(0x17, Buffer.from(text))

const ecdsaWithSha256 = sequence(oid("2a8648ce3d040302"))
const commonName = oid("550403")
const subjectAltName = oid("551d11")

/** A certificate for the names, valid from 2020 to 2049, and its key: what `createServer` of TLS and HTTP/2 takes. */
export const certificateFor = (
  ...names: readonly [string, ...Array<string>]
): { readonly cert: string; readonly key: string } => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const who = sequence(element(0x31, sequence(commonName, element(0x0c, Buffer.from(names[0])))))
  const alternatives = sequence(...names.map((name) => element(0x82, Buffer.from(name))))
  const content = sequence(
    element(0xa0, integer(2)),
    integer(1),
    ecdsaWithSha256,
    who,
    sequence(time("200101000000Z"), time("491231235959Z")),
    who,
    publicKey.export({ type: "spki", format: "der" }),
    element(0xa3, sequence(sequence(subjectAltName, element(0x04, alternatives))))
  )
  const signature = element(0x03, Buffer.from([0]), sign("sha256", content, privateKey))
  const lines = sequence(content, ecdsaWithSha256, signature).toString("base64").replaceAll(/.{64}/g, "$&\n")
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" })
  }
}
