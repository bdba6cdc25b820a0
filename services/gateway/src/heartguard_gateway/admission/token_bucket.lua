-- One token bucket: one key, the server's time, and a key that is gone when the bucket is full.
-- KEYS[1] the bucket; ARGV[1] its size in tokens; ARGV[2] microseconds until one token is back.
-- Answers {allowed, remaining, microseconds until full, microseconds until a token is there}.
-- All state is the instant at which the bucket will be full: no second field can disagree with it.
-- A bucket is not written to the append-only file: a request would wait for the disk, for what a restart may lose.
if redis.replicate_commands then redis.replicate_commands() end -- Redis 6 wants it said first
redis.set_repl(redis.REPL_NONE)
local capacity, interval = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local span = capacity * interval
-- Further away than an empty bucket takes: the server's clock was set back. Such a bucket counts as empty.
local missing = math.min(math.max((tonumber(redis.call('GET', KEYS[1])) or 0) - now, 0), span)
local allowed = 0
if missing + interval <= span then
  allowed = 1
  missing = missing + interval
  -- tostring() would round to 14 digits; microseconds since 1970 have 16.
  redis.call('SET', KEYS[1], string.format('%.0f', now + missing), 'PX', math.ceil(missing / 1000) + 1)
end
return {allowed, math.floor((span - missing) / interval), missing, math.max(missing + interval - span, 0)}
