extension RedisScript {
    /// Answers each lookup with its unexpired record, or nothing.
    static let find = RedisScript(
        ScriptParts.shared + #"""
            local answers = {}
            for lookup = 1, tonumber(take()) do
              local m
              if take() == 'key' then
                m = take()
              else
                local kp, entry = take(), take()
                local id = redis.call('GET', P .. 'i:' .. kp .. entry)
                m = id and kp .. id
              end
              local r = m and stored(m)
              if r and not expired(r) then
                answers[lookup] = {m, r.v, r.e, r.u, r.f, r.s, r.c, r.i, redis.call('HGET', P .. 'r:' .. m, 'p')}
              else
                answers[lookup] = false
              end
            end
            return answers
            """#
    )

    /// Answers where it stopped looking, or nothing if it came to an end, and the records.
    static let page = RedisScript(
        ScriptParts.shared + #"""
            local key, low, high, skip = P .. take(), take(), take(), tonumber(take())
            local kp, limit, patience = take(), tonumber(take()), tonumber(take())
            local answer, examined = {false}, 0
            while true do
              local members = redis.call('ZRANGEBYLEX', key, low, high, 'LIMIT', 0, math.min(limit, 100))
              if #members == 0 then return answer end
              for _, member in ipairs(members) do
                local id = string.sub(member, skip + 1)
                local m = kp .. id
                local r = stored(m)
                if not r then
                  redis.call('ZREM', key, member)
                elseif not expired(r) then
                  answer[#answer + 1] = {m, r.v, r.e, r.u, r.f, r.s, r.c, r.i, redis.call('HGET', P .. 'r:' .. m, 'p')}
                  if #answer > limit then return answer end
                end
                examined = examined + 1
                low = '(' .. member
                if examined >= patience then
                  answer[1] = id
                  return answer
                end
              end
            end
            """#
    )

    /// Answers how many expired records it removed, how many entries it looked at, and how many of those led nowhere.
    static let sweep = RedisScript(
        ScriptParts.shared + #"""
            local moment, limit = take(), take()
            local members = redis.call('ZRANGEBYSCORE', P .. 'x', '-inf', moment, 'LIMIT', 0, limit)
            local deleted, astray = 0, 0
            for _, m in ipairs(members) do
              local kp, id = parts(m)
              local r = stored(m)
              if not r then
                redis.call('ZREM', P .. 'x', m)
                redis.call('ZREM', P .. 'k:' .. kp, id)
                astray = astray + 1
              elseif expired(r) then
                for _, entry in ipairs(entries(r)) do redis.call('DEL', P .. 'i:' .. kp .. entry) end
                forget(m, r)
                deleted = deleted + 1
              end
            end
            return {deleted, #members, astray}
            """#
    )

    /// Uses every command that the other scripts use, so that one that the user may not use is found out before it
    /// breaks off a script in the middle; answers the version of the layout.
    static let probe = RedisScript(
        #"""
        local P, key = KEYS[1], KEYS[1] .. 'probe'
        local found = redis.call('GET', P .. 'layout')
        if found and found ~= ARGV[1] then return found end
        redis.call('DEL', key)
        redis.call('HSET', key, 'v', '1')
        redis.call('HMGET', key, 'v')
        redis.call('HGET', key, 'v')
        redis.call('DEL', key)
        redis.call('ZADD', key, 0, 'm')
        redis.call('ZRANGE', key, 0, -1)
        redis.call('ZRANGEBYLEX', key, '-', '+', 'LIMIT', 0, 1)
        redis.call('ZRANGEBYSCORE', key, '-inf', 0, 'LIMIT', 0, 1)
        redis.call('ZREM', key, 'm')
        if not found then redis.call('SET', P .. 'layout', ARGV[1]) end
        return ARGV[1]
        """#
    )
}
