/**
 * The scripts that Redis runs, each in one step. Internal to the Redis engine.
 *
 * A topic with a log has two keys in one slot: a hash with its epoch `e`, run `g`, offset `o`, retention `s` and expiry `x`; and a stream whose ids are the offsets. A published
 * message is `-BODY`, or `+EPOCH:OFFSET:R BODY` where the topic has a log; R is 1 where events carry their position.
 *
 * Each command of a script costs Redis a microsecond or two, and `INFO` twice as much: a publish to a log runs six.
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
 * The log of a topic. A log with less than a node knows of it is replaced before anything is numbered in it: no position ever names two messages. So is a log of another run, unless
 * the node proves that it has moved here whole: without a proof the second result is the run of the log, `~RUN` where a proof has begun. Epochs that replace another begin at 1,
 * so that the first position is later than none.
 */
const current = `${run}
local function whole(number) return string.format('%.0f', number) end
local function millis()
  local now = redis.call('TIME')
  return now[1] * 1000 + math.floor(now[2] / 1000)
end
local function current(retention, new, knownEpoch, knownOffset, proof)
  local found = redis.call('HMGET', KEYS[1], 'e', 'g', 'o', 's', 'x')
  local log = { epoch = found[1], offset = tonumber(found[3]), retention = found[4], expiry = tonumber(found[5] or 0) }
  if not log.retention and retention == '' then return false end
  local now = run()
  local isWhole = log.epoch and not (log.epoch == knownEpoch and log.offset < tonumber(knownOffset))
  if isWhole and found[2] ~= now then
    if proof == '${proofs.whole}' and found[2] == '~' .. now then redis.call('HSET', KEYS[1], 'g', now)
    elseif proof ~= '${proofs.lost}' then return false, found[2]
    else isWhole = false end
  end
  if not isWhole then
    log.offset = (log.epoch or knownEpoch ~= '') and 1 or 0
    log.epoch, log.expiry = new, 0
    redis.call('DEL', KEYS[2])
    redis.call('HSET', KEYS[1], 'e', new, 'g', now, 'o', log.offset, 'x', 0)
  end
  if retention ~= '' and retention ~= log.retention then
    log.retention = retention
    redis.call('HSET', KEYS[1], 's', retention)
  end
  return log
end
-- Keeps a log for at least so long from now on; a little longer, so that most uses need not say it again.
local function keep(log, now, keptMillis, isStreamNew)
  if not isStreamNew and log.expiry >= now + keptMillis then return end
  local expiry = whole(now + keptMillis * 9 / 8)
  redis.call('HSET', KEYS[1], 'x', expiry)
  redis.call('PEXPIREAT', KEYS[1], expiry)
  redis.call('PEXPIREAT', KEYS[2], expiry)
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
 * Publishes. Keys: hash, stream. Arguments: channel, body; the retention, empty without one; a new epoch; the epoch and offset that the node knows; the proof; how long keys are kept.
 * Returns epoch and offset, or nothing without a log, or `?` and the run of a log without a proof.
 */
export const publish = script(`${current}
local log, unproven = current(ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7])
if unproven then return { '?', unproven } end
if not log then
  redis.call('PUBLISH', ARGV[1], '-' .. ARGV[2])
  return false
end
local offset, now = whole(log.offset + 1), millis()
local most, recovery = string.match(log.retention, '^%a+:(%d+):%d+:([01])$')
redis.call('HSET', KEYS[1], 'o', offset)
redis.call('XADD', KEYS[2], 'MAXLEN', most, offset .. '-1', 't', whole(now), 'b', ARGV[2])
-- The first message makes the stream.
keep(log, now, tonumber(ARGV[8]), log.offset < 2)
redis.call('PUBLISH', ARGV[1], '+' .. log.epoch .. ':' .. offset .. ':' .. recovery .. ' ' .. ARGV[2])
return { log.epoch, offset }
`)

/**
 * The newest position. Keys: hash, stream. Arguments: the retention, empty without one; a new epoch; the epoch and offset that the node knows; the proof; how long keys are kept. Returns
 * as `publish` does.
 */
export const top = script(`${current}
local log, unproven = current(ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5])
if unproven then return { '?', unproven } end
if not log then return false end
keep(log, millis(), tonumber(ARGV[6]), false)
return { log.epoch, whole(log.offset) }
`)

/** The messages after a position. Keys: hash, stream. Arguments: epoch and offset, empty without a position; the limit. Returns epoch, offset, retention, the time, and the rows. */
export const range = script(`
local log = redis.call('HMGET', KEYS[1], 'e', 'o', 's')
if not log[3] then return false end
local rows = {}
if string.match(log[3], '^%a+') == 'cache' then rows = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
elseif ARGV[1] == log[1] then rows = redis.call('XRANGE', KEYS[2], '(' .. ARGV[2] .. '-1', '+', 'COUNT', ARGV[3]) end
local now = redis.call('TIME')
return { log[1], log[2], log[3], now[1] .. string.format('%03d', math.floor(now[2] / 1000)), rows }
`)
