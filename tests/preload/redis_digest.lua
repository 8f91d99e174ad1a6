-- redis_digest.lua - for preload.sh: one digest of all keys and values.
--
-- SPDX-License-Identifier: MIT

local keys = redis.call('KEYS', '*')
local h = ''

table.sort(keys)
for _, k in ipairs(keys) do
	local kind = redis.call('TYPE', k).ok
	local v = {}

	if kind == 'string' then
		v = { redis.call('GET', k) }
	elseif kind == 'list' then
		v = redis.call('LRANGE', k, 0, -1)
	elseif kind == 'set' then
		v = redis.call('SMEMBERS', k)
		table.sort(v)
	elseif kind == 'zset' then
		v = redis.call('ZRANGE', k, 0, -1, 'WITHSCORES')
	elseif kind == 'hash' then
		local all = redis.call('HGETALL', k)
		for i = 1, #all, 2 do
			v[#v + 1] = all[i] .. '=' .. all[i + 1]
		end
		table.sort(v)
	end
	h = redis.sha1hex(h .. k .. ' ' .. kind .. ' ' .. table.concat(v, '\n'))
end
return #keys .. ' ' .. h
