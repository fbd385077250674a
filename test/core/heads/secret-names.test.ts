import { assert, describe, it } from "vitest"

import { redactUrl } from "../../../src/core/heads/RedactedUrl.ts"
import { isSecretName, secretNames } from "../../../src/core/heads/SecretNames.ts"

const secretHeaders =
  `authorization proxy-authorization cookie set-cookie x-api-key api-key apikey x-auth-token x-csrf-token x-xsrf-token x-access-token
  x-amz-security-token x-goog-iap-jwt-assertion dpop private-token x-gitlab-token x-session-id x-functions-key ocp-apim-subscription-key x-vault-token x-api-secret
  x-auth x-user-password x-hub-signature-256 x-client-secret x-jwt x-oauth x-authtoken x-shopify-access-token x-figma-token x-tenant-key`.split(
    /\s+/
  )

const plainHeaders =
  `accept accept-encoding content-type content-length content-security-policy www-authenticate proxy-authenticate authentication-info idempotency-key
  if-none-match user-agent origin referer x-request-id traceparent x-ratelimit-remaining-tokens sec-websocket-key x-author cache-control retry-after etag location`.split(
    /\s+/
  )

const secretMembers =
  `password passwd userPassword secret clientSecret client_secret token accessToken access_token refreshToken idToken id_token apiKey api_key APIKEY
  privateKey sessionId session_id signature X-Amz-Signature credential credentials jwt csrfToken _csrf xsrf assertion client_assertion code_verifier authToken auth oauth
  otp pwd sig passphrase accessKeyId secretAccessKey`.split(/\s+/)

const plainMembers =
  `id name author authors authority authenticated title status statusCode code errorCode zipcode country_code key keys max_tokens maxTokens prompt_tokens
  total_tokens token_type tokenType token_endpoint authorization_endpoint password_policy expires_in compass passenger monkey keyboard turkey`.split(
    /\s+/
  )

describe("secret names", () => {
  it("client2 3.2: are known in headers by pattern, and other headers stay", () => {
    assert.deepStrictEqual(
      secretHeaders.filter((name) => !isSecretName(name, "header")),
      []
    )
    assert.deepStrictEqual(
      plainHeaders.filter((name) => isSecretName(name, "header")),
      []
    )
  })

  it("client2 3.2: are known in JSON and forms by pattern; code only where OAuth sends one", () => {
    assert.deepStrictEqual(
      secretMembers.filter((name) => name !== "code_verifier" && !isSecretName(name, "json")),
      []
    )
    assert.deepStrictEqual(
      plainMembers.filter((name) => isSecretName(name, "json")),
      []
    )
    for (const name of ["code", "device_code", "code_verifier", "key"]) {
      assert.isTrue(isSecretName(name, "query") && isSecretName(name, "form"), name)
      assert.isFalse(isSecretName(name, "json"), name)
    }
  })

  it("client2 3.2: have the caller's own, and lose what is kept", () => {
    const isSecret = secretNames({ add: ["X-Tenant", /^x-internal-/], keep: ["X-Api-Key"] })
    for (const name of ["x-tenant", "x-internal-a", "authorization"]) assert.isTrue(isSecret(name, "header"), name)
    for (const name of ["x-api-key", "X-API-KEY", "accept"]) assert.isFalse(isSecret(name, "header"), name)
  })

  it("client2 3.2: are hidden in queries and fragments of URLs, whatever their encoding", () => {
    assert.strictEqual(
      redactUrl("https://u:p@a.test/x?page=1&access%5Ftoken=t&Code=c#id_token=i&state=s"),
      "https://REDACTED:REDACTED@a.test/x?page=1&access%5Ftoken=REDACTED&Code=REDACTED#id_token=REDACTED&state=s"
    )
    for (const url of ["https://a.test/", "https://a.test/?", "/x?a=1#part", "not a url", ""]) {
      assert.strictEqual(redactUrl(url), url)
    }
  })
})
