/**
 * Tests what sends requests: a network of scripted answers, cassettes that record a real one and replay it, and a journal of the handlers that ran.
 *
 * @since 0.1.0
 */
export { CassetteError } from "./client/Cassette.ts"
export type { Expected, ExpectedRequest } from "./client/Expectation.ts"
export type { Compare } from "./client/Interactions.ts"
export { journalLines, observe } from "./client/Journal.ts"
export type { Observed } from "./client/Journal.ts"
export { cassette, layerCassette } from "./client/Recorder.ts"
export type { CassetteOptions } from "./client/Recorder.ts"
export { redactedFields, redactedHeaders, redactedQuery } from "./client/Redaction.ts"
export type { Redact } from "./client/Redaction.ts"
export type { Sent } from "./client/Sent.ts"
export { always, fails, once, silence, transport, UnmatchedRequest, UnusedAnswers } from "./client/Transport.ts"
export type { Answer, Call, Line, Reply, Transport } from "./client/Transport.ts"
