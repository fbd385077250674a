/**
 * The names of streams and subjects. Internal to the NATS engine.
 *
 * @since 0.1.0
 */

/** A text as one token of a subject, in which dots, stars and spaces have a meaning. */
const tokenOf = (text: string): string =>
  text
    .replaceAll(/\p{Surrogate}/gu, "\uFFFD")
    .replaceAll(/[^\w:-]/gu, (character) => encodeURIComponent(character).replaceAll(/[!'()*.~]/g, escaped))

const escaped = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase()}`

/** The names for one application. */
export class Subjects {
  private readonly prefix: string

  constructor(prefix: string) {
    this.prefix = prefix
  }

  stream(part: string): string {
    return `${this.prefix}-${part}`
  }

  of(part: string, topic: string): string {
    return `${this.prefix}.${part}.${tokenOf(topic)}`
  }

  /** All topics of a part. */
  all(part: string): string {
    return `${this.prefix}.${part}.>`
  }

  /** The bucket of leases is one of NATS's key-value store. */
  get bucket(): string {
    return `${this.prefix}-lease`
  }

  lease(incarnation: string): string {
    return `$KV.${this.bucket}.${incarnation}`
  }
}
