"""The Lua scripts that write events to Redis or Valkey; `redis.py` describes the keys."""

from __future__ import annotations

ADD = """
local prefix, keep, oldest = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local new, touched = 0, {}
for i = 4, #ARGV, 5 do
    local id, time, unit, request, body = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
    local key = prefix .. 'event:' .. id
    if redis.call('EXISTS', key) == 0 then
        redis.call('SET', key, body)
        if keep > 0 then redis.call('PEXPIREAT', key, string.format('%.0f', time * 1000 + keep)) end
        local member = string.format('%013x', redis.call('INCR', prefix .. 'seq')) .. id
        redis.call('ZADD', prefix .. 'unit:' .. unit, time, member)
        redis.call('ZADD', prefix .. 'units', 'GT', time, unit)
        touched[prefix .. 'unit:' .. unit] = true
        if request ~= '' then
            redis.call('ZADD', prefix .. 'request:' .. request, time, member)
            touched[prefix .. 'request:' .. request] = true
        end
        new = new + 1
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
return new
"""
"""Adds events: prefix, retention in ms, oldest time, then id, time, unit, request id and body of each."""

REMOVE = """
local prefix, unit, last = ARGV[1], ARGV[2], ARGV[3]
local removed = 0
for _, member in ipairs(redis.call('ZRANGEBYSCORE', prefix .. 'unit:' .. unit, '-inf', last)) do
    local body = redis.call('GETDEL', prefix .. 'event:' .. string.sub(member, 14))
    if body then
        redis.call('ZREM', prefix .. 'request:' .. cjson.decode(body)[6], member)
        removed = removed + 1
    end
end
redis.call('ZREMRANGEBYSCORE', prefix .. 'unit:' .. unit, '-inf', last)
if redis.call('EXISTS', prefix .. 'unit:' .. unit) == 0 then
    redis.call('ZREM', prefix .. 'units', unit)
end
return removed
"""
"""Removes the events of a unit up to a time: prefix, unit, time; returns how many there were."""
