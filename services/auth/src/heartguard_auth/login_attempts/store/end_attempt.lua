-- Ends an attempt. KEYS: as in begin_attempt.lua.
-- ARGV: the attempt's member without ":p", its outcome, hash of the address, now, ms an attempt may be under way,
--       then for pair, account, address: failures, window in ms, lock in ms.
-- failed: it stays counted; cancelled: it is removed; succeeded: it is removed, and so are the failures of the account
-- from that address.
-- Returns, for pair, account and address, when the lock ends that ended failures have begun, in ms since 1970, or 0.
for _, key in ipairs(KEYS) do
    local at = redis.call('ZSCORE', key, ARGV[1] .. ':p')
    if at then
        -- In this order: an empty set would vanish, and its expiry with it.
        if ARGV[2] == 'failed' then redis.call('ZADD', key, at, ARGV[1]) end
        redis.call('ZREM', key, ARGV[1] .. ':p')
    end
end
local prefix = ARGV[3] .. ':'
if ARGV[2] == 'succeeded' then
    for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
        if string.sub(member, 1, #prefix) == prefix and string.sub(member, -2) ~= ':p' then
            redis.call('ZREM', KEYS[1], member)
        end
    end
end
if ARGV[2] ~= 'failed' then return {0, 0, 0} end

local now, pending = tonumber(ARGV[4]), tonumber(ARGV[5])

local function locked(key, start, rule)
    local most, window, lock = tonumber(ARGV[rule]), tonumber(ARGV[rule + 1]), tonumber(ARGV[rule + 2])
    local entries, times = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES'), {}
    for i = #entries - 1, 1, -2 do
        local member, at = entries[i], tonumber(entries[i + 1])
        local ended = string.sub(member, -2) ~= ':p' or now - at >= pending
        if #times < most and ended and string.sub(member, 1, #start) == start then times[#times + 1] = at end
    end
    if #times < most or times[1] - times[most] > window then return 0 end
    return times[1] + lock
end

return {locked(KEYS[1], prefix, 6), locked(KEYS[1], '', 9), locked(KEYS[2], '', 12)}
