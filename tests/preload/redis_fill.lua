-- redis_fill.lua - for preload.sh: keys of every type.
--
-- SPDX-License-Identifier: MIT

for i = 1, 20000 do
	redis.call('SET', 's:' .. i, string.rep(i, i % 100))
	redis.call('HSET', 'h:' .. i % 300, 'f' .. i, string.rep('v', i % 90))
	redis.call('RPUSH', 'l:' .. i % 200, string.rep('e', i % 70) .. i)
	redis.call('SADD', 't:' .. i % 100, i, 'm' .. i)
	redis.call('ZADD', 'z:' .. i % 100, i % 1013, 'n' .. i)
end
for i = 1, 20000, 3 do
	redis.call('DEL', 's:' .. i)
	redis.call('APPEND', 's:' .. i + 1, string.rep('a', 200))
end
return redis.call('DBSIZE')
