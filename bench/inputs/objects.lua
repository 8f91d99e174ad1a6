-- objects.lua - work for a Lua interpreter: tables, strings, closures.  Its
-- argument is the number of rounds.
--
-- SPDX-License-Identifier: MIT

local state = 1

local function number(below)
	state = (state * 1103515245 + 12345) % 2147483648
	return math.floor(state / 256) % below
end

local function round_of()
	local list, count = {}, {}

	for i = 1, 20000 do
		local word = string.char(97 + number(26), 97 + number(26),
		    97 + number(26)) .. tostring(number(50))
		count[word] = (count[word] or 0) + 1
		list[i] = { id = i, word = word, next = list[i - 1],
		    get = function() return i end }
	end
	table.sort(list, function(a, b)
		return a.word < b.word or (a.word == b.word and a.id < b.id)
	end)
	local part = {}
	for i, r in ipairs(list) do
		part[i] = r.word .. "=" .. r.get() .. "\n"
	end
	return #table.concat(part)
end

local sum = 0
for _ = 1, tonumber(arg[1]) do
	sum = sum + round_of()
end
print(string.format("%d", sum))
