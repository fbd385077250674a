/**
 * Heads as a store keeps them outside of memory: read with distrust. Internal to the client part.
 *
 * @since 0.1.0
 */
import type { StoredHead } from "./StoredHead.ts"

type Unknown = Readonly<Record<string, unknown>>

const isRecord = (value: unknown): value is Unknown => typeof value === "object" && value !== null

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const isPair = (value: unknown, isValue: (value: unknown) => boolean): boolean =>
  Array.isArray(value) && value.length === 2 && typeof value[0] === "string" && isValue(value[1])

const isText = (value: unknown): boolean => typeof value === "string"

const isPart = (value: unknown): boolean =>
  value === undefined ||
  (isRecord(value) && isCount(value["first"]) && isCount(value["last"]) && isCount(value["total"]))

const isHead = (value: unknown): value is StoredHead =>
  isRecord(value) &&
  isText(value["id"]) &&
  isText(value["url"]) &&
  URL.canParse(value["url"] as string) &&
  Array.isArray(value["selecting"]) &&
  value["selecting"].every((pair) => isPair(pair, (each) => each === null || isText(each))) &&
  isCount(value["status"]) &&
  value["status"] >= 200 &&
  value["status"] <= 599 &&
  Array.isArray(value["headers"]) &&
  value["headers"].every((pair) => isPair(pair, isText)) &&
  Number.isFinite(value["requestedAt"]) &&
  Number.isFinite(value["respondedAt"]) &&
  isCount(value["bytes"]) &&
  isPart(value["part"]) &&
  (value["forcedLifetime"] === undefined || Number.isFinite(value["forcedLifetime"])) &&
  (value["isInvalid"] === undefined || typeof value["isInvalid"] === "boolean")

/** The heads of an entry that was written for this key; those that cannot be read are left out. */
export const parseHeads = (value: unknown, key: string): ReadonlyArray<StoredHead> =>
  isRecord(value) && value["key"] === key && Array.isArray(value["heads"]) ? value["heads"].filter(isHead) : []
