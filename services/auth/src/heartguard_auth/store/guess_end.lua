-- Ends an attempt. KEYS: as in guess.lua. ARGV: the attempt's member without ":p", how it ended, hash of the address.
-- failed: it stays counted; void: it never was; succeeded: the failures of account and address together go too.
for _, key in ipairs(KEYS) do
    local at = redis.call('ZSCORE', key, ARGV[1] .. ':p')
    if at then
        -- In this order: an empty set would vanish, and its expiry with it.
        if ARGV[2] == 'failed' then redis.call('ZADD', key, at, ARGV[1]) end
        redis.call('ZREM', key, ARGV[1] .. ':p')
    end
end
if ARGV[2] == 'succeeded' then
    local prefix = ARGV[3] .. ':'
    for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
        if string.sub(member, 1, #prefix) == prefix and string.sub(member, -2) ~= ':p' then
            redis.call('ZREM', KEYS[1], member)
        end
    end
end
