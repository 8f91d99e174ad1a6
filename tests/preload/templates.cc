/* templates.cc - for preload.sh: work for a C++ compiler.
 *
 * SPDX-License-Identifier: MIT  */

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

template <size_t N> struct fibonacci {
	static constexpr unsigned long value =
	    fibonacci<N - 1>::value + fibonacci<N - 2>::value;
};
template <> struct fibonacci<0> {
	static constexpr unsigned long value = 0;
};
template <> struct fibonacci<1> {
	static constexpr unsigned long value = 1;
};

template <class... T> struct types {
};

template <size_t... I> static constexpr auto
squares(std::index_sequence<I...>)
{
	return std::array<size_t, sizeof...(I)>{ I * I... };
}

template <size_t N> struct tower : tower<N - 1> {
	std::map<std::array<int, N>, std::vector<std::string>> level;

	virtual size_t
	size() const
	{
		return level.size() + tower<N - 1>::size();
	}
};
template <> struct tower<0> {
	virtual ~tower() = default;
	virtual size_t
	size() const
	{
		return 0;
	}
};

using value = std::variant<int, double, std::string, std::vector<int>,
    std::map<std::string, int>, std::tuple<int, std::string>>;

struct printer {
	std::ostringstream out;

	template <class T> void
	operator()(const T &x)
	{
		if constexpr (std::is_arithmetic_v<T>)
			out << x;
		else if constexpr (std::is_same_v<T, std::string>)
			out << '"' << x << '"';
		else
			out << sizeof x;
	}
};

template <class F, class... A> static auto
bind_all(F f, A... a)
{
	return [=] { return std::invoke(f, a...); };
}

size_t
use(const std::string &text)
{
	static const auto table = squares(std::make_index_sequence<400>());
	std::unordered_map<std::string, std::shared_ptr<value>> m;
	std::regex words("([a-z]+)=([0-9]+|\"[^\"]*\")");
	tower<40> t;
	printer p;

	for (std::sregex_iterator i(text.begin(), text.end(), words), end;
	    i != end; ++i)
		m[(*i)[1]] = std::make_shared<value>((*i)[2].str());
	for (auto &[k, v] : m)
		std::visit([&](const auto &x) { p(x); }, *v);
	t.level[{}].push_back(p.out.str());
	std::multiset<size_t, std::greater<>> s(table.begin(), table.end());
	return std::accumulate(s.begin(), s.end(), fibonacci<90>::value) +
	    t.size() + bind_all(std::plus<size_t>(), size_t(1), size_t(2))();
}
