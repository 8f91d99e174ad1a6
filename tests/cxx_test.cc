/* cxx_test.cc - every form of operator new and delete.
 *
 * Runs with any malloc that is linked or preloaded.  Wants C++17.
 *
 * SPDX-License-Identifier: MIT  */

#include <algorithm>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "plain.h"

using std::align_val_t;
using std::nothrow;
using std::size_t;

static unsigned long checks, failures;

#define CHECK(x) check((x), __LINE__, #x)

static void
check(bool good, int line, const char *what)
{
	checks++;
	if (!good && failures++ < 50)
		printf("FAIL cxx_test.cc:%d: %s\n", line, what);
}

/* A compiler may leave out a new whose block it can follow to a delete; it can
 * follow none through here.  */
static void *volatile passed;

template <class T> static T *
pass(T *p)
{
	passed = const_cast<void *>(static_cast<const volatile void *>(p));
	return static_cast<T *>(passed);
}

static size_t
opaque(size_t n)
{
	volatile size_t v = n;

	return v;
}

static bool
is_aligned(const void *p, size_t a)
{
	return (reinterpret_cast<uintptr_t>(p) & (a - 1)) == 0;
}

/* Fill a block of N bytes to its end, as its owner may.  */
static void *
used(void *p, size_t n, size_t a)
{
	CHECK(p != nullptr && is_aligned(p, a));
	if (p != nullptr) {
		plain_fill(p, n, n);
		CHECK(plain_verify(p, n, n) == n);
	}
	return pass(p);
}

static const size_t sizes[] = {
	0, 1, 8, 16, 24, 100, 1000, 4096, 5000, 40000, 300000, 5000000
};

static void
test_plain_forms()
{
	const size_t a = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

	for (size_t n : sizes) {
		size_t least = n < a ? 1 : a;

		::operator delete(used(::operator new(n), n, least));
		::operator delete(used(::operator new(n), n, least), n);
		::operator delete(used(::operator new(n), n, least), nothrow);
		::operator delete(used(::operator new(n, nothrow), n, least));
		::operator delete(used(::operator new(n, nothrow), n, least),
		    n);
		::operator delete[](used(::operator new[](n), n, least));
		::operator delete[](used(::operator new[](n), n, least), n);
		::operator delete[](used(::operator new[](n), n, least),
		    nothrow);
		::operator delete[](used(::operator new[](n, nothrow), n,
		    least));
		::operator delete[](used(::operator new[](n, nothrow), n,
		    least), n);
	}
}

static void
test_aligned_forms()
{
	for (size_t b = 1; b <= 4 * PLAIN_MIB; b *= 2)
		for (size_t n : sizes) {
			align_val_t a = align_val_t(b);

			::operator delete(used(::operator new(n, a), n, b), a);
			::operator delete(used(::operator new(n, a), n, b), n,
			    a);
			::operator delete(used(::operator new(n, a), n, b), a,
			    nothrow);
			::operator delete(used(::operator new(n, a, nothrow),
			    n, b), a);
			::operator delete[](used(::operator new[](n, a), n,
			    b), a);
			::operator delete[](used(::operator new[](n, a), n,
			    b), n, a);
			::operator delete[](used(::operator new[](n, a), n,
			    b), a, nothrow);
			::operator delete[](used(::operator new[](n, a,
			    nothrow), n, b), a);
		}
}

static void
test_null()
{
	void *p = passed = nullptr;
	align_val_t a = align_val_t(64);

	::operator delete(p);
	::operator delete(p, opaque(8));
	::operator delete(p, nothrow);
	::operator delete(p, a);
	::operator delete(p, opaque(8), a);
	::operator delete(p, a, nothrow);
	::operator delete[](p);
	::operator delete[](p, opaque(8));
	::operator delete[](p, nothrow);
	::operator delete[](p, a);
	::operator delete[](p, opaque(8), a);
	::operator delete[](p, a, nothrow);
	delete static_cast<int *>(p);
	delete[] static_cast<std::string *>(p);
	CHECK(passed == nullptr);
}

static void
test_zero_is_unique()
{
	std::vector<void *> all;

	for (int i = 0; i < 100; i++)
		all.push_back(::operator new(opaque(0)));
	std::vector<void *> sorted(all);
	std::sort(sorted.begin(), sorted.end());
	CHECK(std::unique(sorted.begin(), sorted.end()) == sorted.end());
	for (void *p : all)
		::operator delete(p);
}

/* Failure.  HUGE_SIZE can be had by nobody.  */

static const size_t huge_size = static_cast<size_t>(PTRDIFF_MAX) - 100;

template <class F> static bool
throws_bad_alloc(F f)
{
	try {
		pass(f());
	} catch (const std::bad_alloc &) {
		return true;
	}
	return false;
}

static void
test_failure()
{
	size_t n = opaque(huge_size);
	align_val_t a = align_val_t(4096);

	std::set_new_handler(nullptr);
	CHECK(throws_bad_alloc([&] { return ::operator new(n); }));
	CHECK(throws_bad_alloc([&] { return ::operator new[](n); }));
	CHECK(throws_bad_alloc([&] { return ::operator new(n, a); }));
	CHECK(throws_bad_alloc([&] { return ::operator new[](n, a); }));
	CHECK(throws_bad_alloc([&] { return ::operator new(SIZE_MAX); }));
	CHECK(throws_bad_alloc([&] { return new char[n]; }));
	CHECK(throws_bad_alloc([&] { return new long[opaque(SIZE_MAX / 4)]; }));
	CHECK(pass(::operator new(n, nothrow)) == nullptr);
	CHECK(pass(::operator new[](n, nothrow)) == nullptr);
	CHECK(pass(::operator new(n, a, nothrow)) == nullptr);
	CHECK(pass(::operator new[](n, a, nothrow)) == nullptr);
	CHECK(pass(new (nothrow) char[n]) == nullptr);
}

static int handler_calls, calls_before_end;
static bool handler_throws;

/* As the standard allows: free memory and return, throw bad_alloc, or put
 * another handler in place.  */
static void
handler()
{
	handler_calls++;
	if (handler_calls < calls_before_end)
		return;
	if (handler_throws)
		throw std::bad_alloc();
	std::set_new_handler(nullptr);
}

template <class F> static void
try_handler(F f, bool may_throw)
{
	for (int how = 0; how < 2; how++) {
		void *p = nullptr;
		bool thrown = false;

		handler_calls = 0;
		calls_before_end = 5;
		handler_throws = how == 1;
		std::set_new_handler(handler);
		try {
			p = f();
		} catch (const std::bad_alloc &) {
			thrown = true;
		}
		CHECK(pass(p) == nullptr);
		CHECK(thrown == may_throw);
		CHECK(handler_calls == 5);
		CHECK(std::get_new_handler() ==
		    (handler_throws ? handler : nullptr));
		std::set_new_handler(nullptr);
	}
}

static void
test_new_handler()
{
	size_t n = opaque(huge_size);
	align_val_t a = align_val_t(128);

	try_handler([&] { return ::operator new(n); }, true);
	try_handler([&] { return ::operator new[](n); }, true);
	try_handler([&] { return ::operator new(n, a); }, true);
	try_handler([&] { return ::operator new[](n, a); }, true);
	try_handler([&] { return ::operator new(n, nothrow); }, false);
	try_handler([&] { return ::operator new[](n, nothrow); }, false);
	try_handler([&] { return ::operator new(n, a, nothrow); }, false);
	try_handler([&] { return ::operator new[](n, a, nothrow); }, false);
}

/* Objects.  */

template <size_t A> struct alignas(A) object {
	char bytes[A];
	static int alive;

	object()
	{
		alive++;
		memset(bytes, 7, sizeof bytes);
	}
	~object()
	{
		CHECK(bytes[0] == 7 && bytes[A - 1] == 7);
		alive--;
	}
};

template <size_t A> int object<A>::alive;

struct thrower {
	explicit thrower(int n)
	{
		if (n == 3)
			throw n;
	}
};

template <size_t A> static void
test_objects()
{
	for (size_t n = 0; n < 50; n++) {
		object<A> *one = pass(new object<A>);
		object<A> *many = pass(new object<A>[opaque(n)]);
		object<A> *quiet = pass(new (nothrow) object<A>);

		CHECK(is_aligned(one, A) && is_aligned(many, A));
		CHECK(is_aligned(quiet, A));
		CHECK(object<A>::alive == static_cast<int>(n) + 2);
		delete one;
		delete[] many;
		delete quiet;
		CHECK(object<A>::alive == 0);
	}
}

/* The matching delete runs when a constructor throws.  */
static void
test_throwing_constructor()
{
	int caught = 0;

	for (int i = 0; i < 1000; i++) {
		try {
			delete pass(new thrower(i % 6));
		} catch (int) {
			caught++;
		}
	}
	CHECK(caught == 167);
}

static void
test_containers()
{
	uint64_t state = plain_seed("cxx_test");
	std::map<std::string, std::shared_ptr<std::vector<int>>> m;
	std::list<std::unique_ptr<std::string>> l;
	size_t total = 0, counted = 0;

	for (int i = 0; i < 20000; i++) {
		std::string key(plain_below(&state, 100) + 1,
		    static_cast<char>('a' + i % 26));

		key += std::to_string(i);
		m[key] = std::make_shared<std::vector<int>>(
		    plain_below(&state, 300), i);
		total += m[key]->size();
		l.push_back(std::make_unique<std::string>(std::move(key)));
		if (i % 3 == 0) {
			total -= m[*l.front()]->size();
			m.erase(*l.front());
			l.pop_front();
		}
	}
	for (const auto &pair : m)
		counted += pair.second->size();
	CHECK(counted == total && m.size() == l.size());
}

int
main()
{
	test_plain_forms();
	test_aligned_forms();
	test_null();
	test_zero_is_unique();
	test_failure();
	test_new_handler();
	test_objects<1>();
	test_objects<16>();
	test_objects<64>();
	test_objects<4096>();
	test_objects<65536>();
	test_throwing_constructor();
	test_containers();
	printf("cxx_test: %lu checks, %lu failures\n", checks, failures);
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
