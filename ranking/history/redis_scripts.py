"""The Lua scripts that write events to Redis or Valkey; `redis.py` describes the keys."""

from __future__ import annotations

ADD = """
local prefix, keep, oldest = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local server = tonumber(redis.call('TIME')[1])
for i = 6, #ARGV, 7 do
    if keep > 0 and ARGV[i] * 1000 + keep < (server - 86400) * 1000 then
        return redis.error_reply('CLOCKS its clock shows ' .. server)
    end
end
local new, touched = {}, {}
for i = 4, #ARGV, 7 do
    local name, id, time, unit, kind = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
    local request, body = ARGV[i + 5], ARGV[i + 6]
    local key = prefix .. 'event:' .. name
    local known = redis.call('EXISTS', key) == 1
    if not known then
        -- an event of version 1, whose key is its id
        local old = redis.call('GET', prefix .. 'event:' .. id)
        if old then
            local fields = cjson.decode(old)
            local whose = fields[4] ~= '' and 'user:' .. fields[4] or 'session:' .. fields[5]
            known = #fields == 7 and fields[1] == kind and whose == unit
        end
    end
    if known then
        table.insert(new, '0')
    else
        redis.call('SET', key, body)
        if keep > 0 then redis.call('PEXPIREAT', key, string.format('%.0f', time * 1000 + keep)) end
        local member = string.format('%013x', redis.call('INCR', prefix .. 'seq')) .. name
        redis.call('ZADD', prefix .. 'unit:' .. unit, time, member)
        redis.call('ZADD', prefix .. 'units', 'GT', time, unit)
        touched[prefix .. 'unit:' .. unit] = true
        if request ~= '' then
            redis.call('ZADD', prefix .. 'request:' .. request, time, member)
            touched[prefix .. 'request:' .. request] = true
        end
        table.insert(new, '1')
    end
end
if keep > 0 then
    for key in pairs(touched) do
        redis.call('ZREMRANGEBYSCORE', key, '-inf', '(' .. oldest)
        local latest = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2]
        if latest then redis.call('PEXPIREAT', key, string.format('%.0f', latest * 1000 + keep)) end
    end
    redis.call('ZREMRANGEBYSCORE', prefix .. 'units', '-inf', '(' .. oldest)
end
return table.concat(new)
"""
"""Adds events: prefix, retention in ms, oldest time, then name, id, time, unit, kind, request, body of each.

Returns a digit for each, 1 for a new one. An event that the server would remove at once, as its clock is over
a day ahead of the sender's, is refused, and all others with it.
"""

REMOVE = """
local prefix, unit, first, last = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local removed = 0
for _, member in ipairs(redis.call('ZRANGEBYSCORE', prefix .. 'unit:' .. unit, first, last)) do
    local body = redis.call('GETDEL', prefix .. 'event:' .. string.sub(member, 14))
    if body then
        redis.call('ZREM', prefix .. 'request:' .. cjson.decode(body)[6], member)
        removed = removed + 1
    end
end
redis.call('ZREMRANGEBYSCORE', prefix .. 'unit:' .. unit, first, last)
local latest = redis.call('ZRANGE', prefix .. 'unit:' .. unit, -1, -1, 'WITHSCORES')[2]
if latest then
    redis.call('ZADD', prefix .. 'units', latest, unit)
else
    redis.call('ZREM', prefix .. 'units', unit)
end
return removed
"""
"""Removes the events of a unit within a time: prefix, unit, first, last; returns how many there were."""
