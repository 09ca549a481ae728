extension RedisScript {
    /// `ChangeJudge` in Lua: judges the changes in order over what is stored and what they themselves have done so far,
    /// and writes only if every one of them holds.
    ///
    /// Answers `{1}`, or `{0, position}` and the record that stood in the way, if one did.
    static let apply = RedisScript(
        ScriptParts.shared + #"""
            local seen, writes, holders, orphans = {}, {}, {}, {}

            local function note(m, r)
              writes[#writes + 1] = {m = m, before = r, after = r}
              seen[m] = #writes
              return r
            end

            local function look(m)
              local n = seen[m]
              if n then return writes[n].after end
              return note(m, stored(m))
            end

            local function living(m)
              local r = look(m)
              if r and not expired(r) then return r end
              return false
            end

            local function holder(kp, entry)
              local m = holders[kp .. entry]
              if m == nil then
                local id = redis.call('GET', P .. 'i:' .. kp .. entry)
                m = id and kp .. id
              end
              if not m then return false end
              return m, look(m)
            end

            local function put(m, r)
              local w, kp = writes[seen[m]], parts(m)
              if w.after then for _, entry in ipairs(entries(w.after)) do holders[kp .. entry] = false end end
              w.after = r
              if r then for _, entry in ipairs(entries(r)) do holders[kp .. entry] = m end end
            end

            local function spend(m, r)
              put(m, {v = string.format('%.0f', tonumber(r.v) + 1), u = now,
                e = r.e, f = r.f, s = r.s, c = r.c, i = r.i, p = r.p, x = r.x})
            end

            local function conflict(position, m, r)
              if not r then return {0, position} end
              return {0, position, m, r.v, r.e, r.u, r.f, r.s, r.c, r.i, r.p or redis.call('HGET', P .. 'r:' .. m, 'p')}
            end

            local function claim(m, r)
              local kp = parts(m)
              for _, entry in ipairs(entries(r)) do
                local hm, hr = holder(kp, entry)
                if hr and hm ~= m then
                  if not expired(hr) then return hm, hr end
                  put(hm, false)
                end
              end
            end

            local function revoke(family)
              for _, m in ipairs(redis.call('ZRANGE', P .. 'f:' .. family, 0, -1)) do
                if not seen[m] then
                  local r = stored(m)
                  if r then note(m, r) else orphans[#orphans + 1] = {P .. 'f:' .. family, m} end
                end
              end
              for n = 1, #writes do
                local m, r = writes[n].m, writes[n].after
                if r and r.u == '' and not expired(r) and r.f == '=' .. family then spend(m, r) end
              end
            end

            local count = tonumber(take())
            for change = 0, count - 1 do
              local op = take()
              if op == 'revoke' then
                revoke(take())
              else
                local m = take()
                if op == 'insert' or op == 'replace' then
                  local held = false
                  if op == 'replace' then held = take() end
                  local r = {v = take(), e = take(), x = take(), u = take(), f = take(), s = take(), c = take(),
                    i = take(), p = take()}
                  local present = living(m)
                  if op == 'insert' and present then return conflict(change, m, present) end
                  if op == 'replace' and not (present and present.v == held) then return conflict(change, m, present) end
                  local hm, hr = claim(m, r)
                  if hm then return conflict(change, hm, hr) end
                  put(m, r)
                elseif op == 'consume' then
                  local r = living(m)
                  if not r or r.u ~= '' then return conflict(change, m, r) end
                  spend(m, r)
                elseif op == 'delete' then
                  look(m)
                  put(m, false)
                elseif op == 'require' then
                  local version, r = take(), living(m)
                  if not r or r.v ~= version then return conflict(change, m, r) end
                elseif op == 'absent' then
                  local r = living(m)
                  if r then return conflict(change, m, r) end
                else
                  return redis.error_reply('ERR unknown change')
                end
              end
            end

            -- A record whose payload is not in hand was spent and nothing else.
            for _, w in ipairs(writes) do
              if w.before and w.before ~= w.after and not (w.after and w.after.p == nil) then
                local kp = parts(w.m)
                for _, entry in ipairs(entries(w.before)) do redis.call('DEL', P .. 'i:' .. kp .. entry) end
              end
            end
            for _, w in ipairs(writes) do
              local before, after = w.before, w.after
              if before ~= after then
                if not after then
                  if before then forget(w.m, before) end
                elseif after.p == nil then
                  redis.call('HSET', P .. 'r:' .. w.m, 'v', after.v, 'u', after.u)
                else
                  keep(w.m, before, after)
                end
              end
            end
            for _, orphan in ipairs(orphans) do redis.call('ZREM', orphan[1], orphan[2]) end
            return {1}
            """#
    )
}

/// What several scripts need.
enum ScriptParts {
    /// How records lie, and how they are read and removed; `Layout` says it in words.
    static let shared = #"""
        local P, now, position = KEYS[1], ARGV[1], 1

        local function take()
          position = position + 1
          return ARGV[position]
        end

        local function parts(m)
          local length, start = string.match(m, '^(%d+):()')
          local stop = start + tonumber(length) - 1
          return string.sub(m, 1, stop), string.sub(m, stop + 1)
        end

        local function entries(r)
          local found, at = {}, 1
          while at <= #r.i do
            local length, start = string.match(r.i, '^(%d+):()', at)
            local stop = start + tonumber(length) - 1
            found[#found + 1] = string.sub(r.i, start, stop)
            at = stop + 1
          end
          return found
        end

        local function stored(m)
          local h = redis.call('HMGET', P .. 'r:' .. m, 'v', 'e', 'u', 'f', 's', 'c', 'i')
          if not h[1] then return false end
          return {v = h[1], e = h[2], u = h[3], f = h[4], s = h[5], c = h[6], i = h[7]}
        end

        local function expired(r) return r.e ~= '' and r.e <= now end

        local function relink(letter, m, before, after)
          if before == after then return end
          if before ~= '' then redis.call('ZREM', P .. letter .. string.sub(before, 2), m) end
          if after ~= '' then redis.call('ZADD', P .. letter .. string.sub(after, 2), 0, m) end
        end

        local function forget(m, r)
          local kp, id = parts(m)
          redis.call('DEL', P .. 'r:' .. m)
          redis.call('ZREM', P .. 'k:' .. kp, id)
          redis.call('ZREM', P .. 'x', m)
          relink('f:', m, r.f, '')
          relink('s:', m, r.s, '')
          relink('c:', m, r.c, '')
        end

        local function keep(m, before, r)
          local kp, id = parts(m)
          before = before or {e = '', f = '', s = '', c = '', isNew = true}
          redis.call('HSET', P .. 'r:' .. m, 'v', r.v, 'e', r.e, 'u', r.u, 'f', r.f, 's', r.s, 'c', r.c, 'i', r.i, 'p', r.p)
          if before.isNew then redis.call('ZADD', P .. 'k:' .. kp, 0, id) end
          if r.e == '' then
            if before.e ~= '' then redis.call('ZREM', P .. 'x', m) end
          elseif r.e ~= before.e then
            redis.call('ZADD', P .. 'x', r.x, m)
          end
          relink('f:', m, before.f, r.f)
          relink('s:', m, before.s, r.s)
          relink('c:', m, before.c, r.c)
          for _, entry in ipairs(entries(r)) do redis.call('SET', P .. 'i:' .. kp .. entry, id) end
        end

        """#
}
