-- Adds events to the stream of an organization. KEYS: stream, counter. ARGV: how many milliseconds events are kept, how
-- many bytes, for how many seconds both keys, 1 to remove all earlier events; then topic and data of each event.
-- Each event gets the next number, so that a reader sees a missing one. A new counter starts at the time: after Redis has
-- lost its data no number comes twice.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('EXISTS', KEYS[2]) == 0 then
    redis.call('SET', KEYS[2], string.format('%.0f', time[1] * 1000000 + time[2]))
end
if ARGV[4] == '1' then
    redis.call('XTRIM', KEYS[1], 'MAXLEN', 0)
end
for place = 5, #ARGV, 2 do
    local number = redis.call('INCR', KEYS[2])
    redis.call('XADD', KEYS[1], 'MINID', '~', string.format('%.0f', now - ARGV[1]), '*',
        'n', number, 't', ARGV[place], 'd', ARGV[place + 1])
end
if (redis.call('MEMORY', 'USAGE', KEYS[1]) or 0) > tonumber(ARGV[2]) then
    redis.call('XTRIM', KEYS[1], 'MAXLEN', math.floor(redis.call('XLEN', KEYS[1]) / 2))
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 1
