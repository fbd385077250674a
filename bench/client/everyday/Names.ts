/** The clients of the bench of everyday chains. */
export const names = [
  "bare",
  "three handlers",
  "recommended chain",
  "recommended chain without dedupe",
  "dedupe",
  "tracing",
  "metrics",
  "log",
  "timeouts",
  "circuitBreaker",
  "bodyLimit",
  "redirect",
  "retry",
  "bearer",
  "cookies",
  "rateLimit",
  "decompress",
  "ssrfGuard"
] as const

export type Name = (typeof names)[number]
