/**
 * The scripts of presence that Redis runs, each in one step. Internal to the Redis engine.
 *
 * A topic has a hash of its entries by id, each `INCARNATION REF SEQUENCE JSON`, and a hash with the epoch `e`, run `g` and offset `o` of its changes. A change is published as
 * `p EPOCH:OFFSET ENTRY` or `d EPOCH:OFFSET IDS`.
 *
 * @since 0.1.0
 */
import { run, script } from "./Scripts.ts"

/** The changes of another run of the server begin again, so that no position ever names two changes. */
const changed = `${run}
local function begin(epoch)
  local position = redis.call('HMGET', KEYS[2], 'e', 'g')
  local now = run()
  if not position[1] or position[2] ~= now then redis.call('HSET', KEYS[2], 'e', epoch, 'g', now, 'o', 0) end
end
local function changed(epoch, keep)
  begin(epoch)
  local offset = redis.call('HINCRBY', KEYS[2], 'o', 1)
  redis.call('PEXPIRE', KEYS[1], keep)
  redis.call('PEXPIRE', KEYS[2], keep)
  return redis.call('HGET', KEYS[2], 'e') .. ':' .. offset .. ' ', offset
end
`

/** Puts an entry. Keys: entries, position, lease. Arguments: channel, id, incarnation, ref, JSON, a new epoch, how long keys are kept. Returns 1, or 0 where the lease has expired. */
export const put = script(`${changed}
if redis.call('EXISTS', KEYS[3]) == 0 then return 0 end
local old = redis.call('HGET', KEYS[1], ARGV[2])
local at, offset = changed(ARGV[6], ARGV[7])
local sequence = old and string.match(old, '^%S+ %S+ (%d+) ') or offset
local entry = ARGV[3] .. ' ' .. ARGV[4] .. ' ' .. sequence .. ' ' .. ARGV[5]
redis.call('HSET', KEYS[1], ARGV[2], entry)
redis.call('PEXPIRE', KEYS[1], ARGV[7])
redis.call('PUBLISH', ARGV[1], 'p ' .. at .. entry)
return 1
`)

/** Removes entries. Keys: entries, position. Arguments: channel, a new epoch, how long keys are kept, then ids. Returns how many there were. */
export const remove = script(`${changed}
local gone = {}
for index = 4, #ARGV do
  if redis.call('HDEL', KEYS[1], ARGV[index]) == 1 then gone[#gone + 1] = ARGV[index] end
end
if #gone > 0 then redis.call('PUBLISH', ARGV[1], 'd ' .. changed(ARGV[2], ARGV[3]) .. cjson.encode(gone)) end
return #gone
`)

/**
 * Removes the entries of expired leases, and lists the others. Keys: entries, position. Arguments: channel, a new epoch, how long keys are kept, how keys of leases begin. Returns
 * epoch, offset and the entries.
 */
export const list = script(`${changed}
local all = redis.call('HGETALL', KEYS[1])
local alive, gone, kept = {}, {}, {}
for index = 1, #all, 2 do
  local holder = string.match(all[index + 1], '^%S+')
  if alive[holder] == nil then alive[holder] = redis.call('EXISTS', ARGV[4] .. holder) end
  if alive[holder] == 1 then kept[#kept + 1] = all[index + 1] else gone[#gone + 1] = all[index] end
end
for _, id in ipairs(gone) do redis.call('HDEL', KEYS[1], id) end
if #gone > 0 then
  local at = changed(ARGV[2], ARGV[3])
  redis.call('PUBLISH', ARGV[1], 'd ' .. at .. cjson.encode(gone))
else begin(ARGV[2]) end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
local position = redis.call('HMGET', KEYS[2], 'e', 'o')
return { position[1], position[2], kept }
`)
