/** Keys and accounts of a NATS of the tests' own: nkeys, and the JSON Web Tokens of an operator, an account and a user. */
import { nkeys } from "@nats-io/transport-node"

type KeyPair = ReturnType<typeof nkeys.createUser>

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const base64Url = (value: string | Uint8Array): string => Buffer.from(value).toString("base64url")

/** The public key of a new user, and its seed. */
export const newUser = (): { readonly publicKey: string; readonly seed: string } => {
  const user = nkeys.createUser()
  return { publicKey: user.getPublicKey(), seed: textOf(user.getSeed()) }
}

let tokens = 0

/** A token about a key, signed by another. */
const tokenOf = (issuer: KeyPair, subject: KeyPair, name: string, nats: object): string => {
  const claims = {
    jti: `test-${++tokens}`,
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    name,
    nats: { ...nats, version: 2 }
  }
  const head = base64Url(JSON.stringify({ typ: "JWT", alg: "ed25519-nkey" }))
  const text = `${head}.${base64Url(JSON.stringify(claims))}`
  return `${text}.${base64Url(issuer.sign(new TextEncoder().encode(text)))}`
}

const unlimited = {
  subs: -1,
  data: -1,
  payload: -1,
  imports: -1,
  exports: -1,
  conn: -1,
  leaf: -1,
  mem_storage: -1,
  disk_storage: -1,
  streams: -1,
  consumer: -1
}

/** The configuration of a server with one account, and the credentials file of its user. */
export const newAccount = (): { readonly configuration: string; readonly credentials: string } => {
  const [operator, account, system, user] = [
    nkeys.createOperator(),
    nkeys.createAccount(),
    nkeys.createAccount(),
    nkeys.createUser()
  ]
  const accountToken = (key: KeyPair, name: string, limits: object) =>
    tokenOf(operator, key, name, { type: "account", limits })
  const userLimits = { subs: -1, data: -1, payload: -1 }
  return {
    configuration: [
      `operator: ${tokenOf(operator, operator, "operator", { type: "operator" })}`,
      `system_account: ${system.getPublicKey()}`,
      "resolver: MEMORY",
      "resolver_preload: {",
      `  ${account.getPublicKey()}: ${accountToken(account, "chat", unlimited)}`,
      `  ${system.getPublicKey()}: ${accountToken(system, "system", { ...unlimited, mem_storage: 0, disk_storage: 0 })}`,
      "}"
    ].join("\n"),
    credentials: [
      "-----BEGIN NATS USER JWT-----",
      tokenOf(account, user, "ann", { type: "user", ...userLimits }),
      "------END NATS USER JWT------",
      "",
      "-----BEGIN USER NKEY SEED-----",
      textOf(user.getSeed()),
      "------END USER NKEY SEED------",
      ""
    ].join("\n")
  }
}
