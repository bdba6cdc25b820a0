-- Counts one attempt against an account, an address, and both together, or returns how long to wait.
-- KEYS: the failures of the account, the failures of the address; sorted sets, scored by time in ms.
-- ARGV: now, attempt, hash of the address, ms an attempt may be under way, then for pair, account, address:
--       failures, window in ms, lock in ms.
-- Returns {ms to wait, 1 when attempts under way are among the reasons}; {0, 0}: the attempt is counted.
-- A member is "<hash of the address>:<attempt>", with ":p" behind it while the attempt is under way.
local now, pending = tonumber(ARGV[1]), tonumber(ARGV[4])
local longest = 0
for rule = 5, 11, 3 do
    longest = math.max(longest, tonumber(ARGV[rule + 1]) + tonumber(ARGV[rule + 2]))
end

local function lock_of(key, prefix, rule)
    local most, window, lock = tonumber(ARGV[rule]), tonumber(ARGV[rule + 1]), tonumber(ARGV[rule + 2])
    local entries = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    local times, busy = {}, 0
    for i = #entries - 1, 1, -2 do
        local member, at = entries[i], tonumber(entries[i + 1])
        if #times < most and string.sub(member, 1, #prefix) == prefix then
            times[#times + 1] = at
            if string.sub(member, -2) == ':p' and now - at < pending then busy = 1 end
        end
    end
    if #times < most or times[1] - times[most] > window then return 0, 0 end
    return math.max(0, times[1] + lock - now), busy
end

local wait, busy = 0, 0
local counters = {{KEYS[1], ARGV[3] .. ':', 5}, {KEYS[1], '', 8}, {KEYS[2], '', 11}}
for _, counter in ipairs(counters) do
    local ms, under_way = lock_of(counter[1], counter[2], counter[3])
    if ms > 0 then
        -- Waiting for attempts under way helps only where they are among the reasons of each lock.
        if wait == 0 then busy = under_way else busy = math.min(busy, under_way) end
        wait = math.max(wait, ms)
    end
end
if wait > 0 then return {wait, busy} end
for _, key in ipairs(KEYS) do
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now - longest)
    redis.call('ZADD', key, now, ARGV[3] .. ':' .. ARGV[2] .. ':p')
    redis.call('PEXPIRE', key, longest)
end
return {0, 0}
