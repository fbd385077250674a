/**
 * The scripts that Redis runs, each in one step. Internal to the Redis engine.
 *
 * A topic with a log has two keys in one slot: a hash with its epoch `e`, run `g`, offset `o`, limits `m` and `t`, mode `c` and recovery id `r`; and a stream whose ids are the offsets.
 * A published message is `-BODY`, or `+EPOCH:OFFSET:R BODY` where the topic has a log.
 *
 * @since 0.1.0
 */
/** A script: Redis remembers its text. */
export interface Script {
  readonly text: string
  /** The same on a cluster, where a message stays among the servers of its slot. */
  readonly clusterText: string
}

/** A script. */
export const script = (text: string): Script => ({ text, clusterText: text.replaceAll("'PUBLISH'", "'SPUBLISH'") })

/** The verdict of a node on a log of another run: not known yet, whole, or possibly without its end. */
export const proofs = { none: "", whole: "~", lost: "-" } as const

/**
 * The run: the history of the data set, as Redis names it. It changes when a replica takes over, also back to a server that was the primary before, and when a server restarts. Each
 * may have lost the end of what was acknowledged.
 */
export const run = `
local function run() return string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)') or '' end
`

/**
 * The epoch of a log. A log with less than a node knows of it is replaced before anything is numbered in it: no position ever names two messages. So is a log of another run, unless
 * the node proves that it has moved here whole: without a proof the second result is the run of the log, `~RUN` where a proof has begun. Epochs that replace another begin at 1,
 * so that the first position is later than none.
 */
const current = `${run}
local function current(new, knownEpoch, knownOffset, isKept, proof)
  local log = redis.call('HMGET', KEYS[1], 'e', 'g', 'o')
  if not log[1] and not isKept then return false end
  local now = run()
  local isShort = log[1] == knownEpoch and tonumber(log[3]) < tonumber(knownOffset)
  if log[1] and not isShort then
    if proof == '${proofs.whole}' and log[2] == '~' .. now then
      redis.call('HSET', KEYS[1], 'g', now)
      return log[1]
    end
    if log[2] == now then return log[1] end
    if proof ~= '${proofs.lost}' then return false, log[2] end
  end
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'e', new, 'g', now, 'o', (log[1] or knownEpoch ~= '') and 1 or 0)
  return new
end
`

/** Begins the proof that a log has moved here whole. Keys: hash. Arguments: the run of the log. Returns 1, or 0 where its run is another one by now. */
export const prove = script(`${run}
local mark = '~' .. run()
local log = redis.call('HGET', KEYS[1], 'g')
if log ~= ARGV[1] and log ~= mark then return 0 end
redis.call('HSET', KEYS[1], 'g', mark)
return 1
`)

/**
 * Publishes. Keys: hash, stream. Arguments: channel, body, then maxMessages, timeToLive, mode and recovery id, empty without a retention; a new epoch; the epoch and offset that the
 * node knows; how long keys are kept; the proof. Returns epoch and offset, or nothing without a log, or `?` and the run of a log without a proof.
 */
export const publish = script(`${current}
local epoch, unproven = current(ARGV[7], ARGV[8], ARGV[9], ARGV[3] ~= '', ARGV[11])
if unproven then return { '?', unproven } end
if not epoch then
  redis.call('PUBLISH', ARGV[1], '-' .. ARGV[2])
  return false
end
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'm', ARGV[3], 't', ARGV[4], 'c', ARGV[5], 'r', ARGV[6]) end
local kept = redis.call('HMGET', KEYS[1], 'm', 'r')
local offset = redis.call('HINCRBY', KEYS[1], 'o', 1)
local now = redis.call('TIME')
redis.call('XADD', KEYS[2], 'MAXLEN', kept[1], offset .. '-1', 't', now[1] .. string.format('%03d', math.floor(now[2] / 1000)), 'b', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[10])
redis.call('PEXPIRE', KEYS[2], ARGV[10])
redis.call('PUBLISH', ARGV[1], '+' .. epoch .. ':' .. offset .. ':' .. kept[2] .. ' ' .. ARGV[2])
return { epoch, offset }
`)

/**
 * The newest position. Keys: hash, stream. Arguments: maxMessages, timeToLive, mode and recovery id, empty without a retention; a new epoch; the epoch and offset that the node
 * knows; how long keys are kept; the proof. Returns as `publish` does.
 */
export const top = script(`${current}
local epoch, unproven = current(ARGV[5], ARGV[6], ARGV[7], ARGV[1] ~= '', ARGV[9])
if unproven then return { '?', unproven } end
if not epoch then return false end
if ARGV[1] ~= '' then redis.call('HSET', KEYS[1], 'm', ARGV[1], 't', ARGV[2], 'c', ARGV[3], 'r', ARGV[4]) end
redis.call('PEXPIRE', KEYS[1], ARGV[8])
redis.call('PEXPIRE', KEYS[2], ARGV[8])
return { epoch, tonumber(redis.call('HGET', KEYS[1], 'o')) }
`)

/** The messages after a position. Keys: hash, stream. Arguments: epoch and offset, empty without a position; the limit. Returns the hash, the time, and the rows. */
export const range = script(`
local top = redis.call('HMGET', KEYS[1], 'e', 'o', 't', 'c', 'r')
if not top[1] then return false end
local rows = {}
if top[4] == 'cache' then rows = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
elseif ARGV[1] == top[1] then rows = redis.call('XRANGE', KEYS[2], '(' .. ARGV[2] .. '-1', '+', 'COUNT', ARGV[3]) end
local now = redis.call('TIME')
return { top[1], top[2], top[3], top[4], top[5], now[1] .. string.format('%03d', math.floor(now[2] / 1000)), rows }
`)
