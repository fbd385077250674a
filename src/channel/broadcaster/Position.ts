/**
 * Positions of the log that a recoverable topic is.
 *
 * @since 0.1.0
 */

/**
 * The place of an event in its topic: offsets count the topic's events from 1 without a gap, and the epoch changes when events may have been lost.
 *
 * @category models
 * @since 0.1.0
 */
export interface Position {
  readonly epoch: string
  readonly offset: number
}

/** A position as clients carry it: opaque to them. */
export const formatPosition = ({ epoch, offset }: Position): string => `${epoch}:${offset}`

const shape = /^([^:]{1,64}):(\d{1,15})$/

/** The position that a client sent, if it is one. */
export const parsePosition = (text: string): Position | undefined => {
  const [, epoch, offset] = shape.exec(text) ?? []
  return epoch === undefined ? undefined : { epoch, offset: Number(offset) }
}
