/* check_conf.c - unit tests of MEMAIX_OPTIONS.
 *
 * SPDX-License-Identifier: MIT  */

#include "check_core.h"
#include "check_text.h"

#ifdef _AIX
extern char **environ;
#endif

static struct mx_conf defaults;

/* Where each number of struct mx_conf is.  */
static const struct number {
	const char *name;
	size_t *at;
	size_t value;           /* default */
	size_t min, max;
	bool is_size;
} numbers[] = {
	{ "arena", &mx_conf.arena, MX_GIB, 4 * MX_MIB, 64 * MX_GIB, true },
	{ "dirty_min", &mx_conf.dirty_min, 8 * MX_MIB, 0, 64 * MX_GIB, true },
	{ "dirty_percent", &mx_conf.dirty_percent, 300, 0, 1000, false },
	{ "decay_ms", &mx_conf.decay_ms, 1000, 0, 3600000, false },
	{ "huge_min", &mx_conf.huge_min, 32 * MX_MIB, 0, 64 * MX_GIB, true },
	{ "mixed_min", &mx_conf.mixed_min, 16 * MX_MIB, 0, 64 * MX_GIB, true },
	{ "mixed_percent", &mx_conf.mixed_percent, 12, 0, 100, false },
	{ "guard_rate", &mx_conf.guard_rate, 0, 0, 1000000000, false }
};

static const struct truth {
	const char *name;
	bool *at;
	bool value;             /* default */
} truths[] = {
	{ "help", &mx_conf.help, false },
	{ "verbose", &mx_conf.verbose, false },
	{ "stats", &mx_conf.stats, false },
	{ "stats_json", &mx_conf.stats_json, false },
	{ "move", &mx_conf.move, true },
	{ "brk", &mx_conf.brk, false },
	{ "secure", &mx_conf.secure, false },
	{ "explain_fault", &mx_conf.explain_fault, false },
	{ "explain_oom", &mx_conf.explain_oom, false },
	{ "background_thread", &mx_conf.background_thread, false }
};

#define N_NUMBERS (int)(sizeof numbers / sizeof numbers[0])
#define N_TRUTHS (int)(sizeof truths / sizeof truths[0])

static void
setup_conf(void)
{
	mx_conf_init(true);
	defaults = mx_conf;
}

/* Parse; `text' gets what was said.  */
static void
parse(const char *options_text)
{
	text_divert();
	mx_conf_parse(options_text);
	text_restore();
}

/* As above, with NAME, a separator and VALUE in one string.  */
static void
parse_pair(const char *name, char separator, const char *value)
{
	char pair[1000];

	snprintf(pair, sizeof pair, "%s%c%s", name, separator, value);
	parse(pair);
}

static void
assert_silent(void)
{
	ck_assert_str_eq(text, "");
}

static void
assert_defaults(void)
{
	ck_assert_mem_eq(&mx_conf, &defaults, sizeof defaults);
}

START_TEST(test_defaults)
{
	for (int i = 0; i < N_NUMBERS; i++)
		ck_assert_uint_eq(*numbers[i].at, numbers[i].value);
	for (int i = 0; i < N_TRUTHS; i++)
		ck_assert(*truths[i].at == truths[i].value);
	ck_assert_str_eq(mx_conf.stats_file, "");
}
END_TEST

START_TEST(test_number)
{
	const struct number *n = &numbers[_i];
	char value[40];

	snprintf(value, sizeof value, "%zu", n->min);
	parse_pair(n->name, ':', value);
	assert_silent();
	ck_assert_uint_eq(*n->at, n->min);
	snprintf(value, sizeof value, "%zu", n->max);
	parse_pair(n->name, '=', value);
	assert_silent();
	ck_assert_uint_eq(*n->at, n->max);
	snprintf(value, sizeof value, "%zu", n->max + 1);
	parse_pair(n->name, ':', value);
	text_has(n->name);
	text_has(value);
	ck_assert_uint_eq(*n->at, n->max);
	if (n->min > 0) {
		snprintf(value, sizeof value, "%zu", n->min - 1);
		parse_pair(n->name, ':', value);
		text_has("is not a number from");
		ck_assert_uint_eq(*n->at, n->max);
	}
	parse_pair(n->name, ':', "7G");
	if (n->is_size)
		ck_assert_uint_eq(*n->at, 7 * MX_GIB);
	else
		text_has("7G is not a number from");
}
END_TEST

static const char *const bad_numbers[] = {
	"", "x", "-1", "1x", "1KK", "1 ", " 1", "K", "0x10", "1.5M", "1KB",
	"99999999999999999999", "18446744073709551616", "17179869184T",
	"1@", "1!", "1\n"
};

#define N_BAD (int)(sizeof bad_numbers / sizeof bad_numbers[0])

START_TEST(test_bad_number)
{
	parse_pair("dirty_min", ':', bad_numbers[_i]);
	text_has("memaix: MEMAIX_OPTIONS: dirty_min: ");
	text_has(" is not a number from 0 to ");
	text_has("; using 8388608\n");
	assert_defaults();
}
END_TEST

START_TEST(test_suffix)
{
	static const struct {
		const char *text;
		size_t value;
	} good[] = {
		{ "0", 0 }, { "1", 1 }, { "007", 7 }, { "3K", 3 * MX_KIB },
		{ "3k", 3 * MX_KIB }, { "2M", 2 * MX_MIB },
		{ "2m", 2 * MX_MIB }, { "1G", MX_GIB }, { "1g", MX_GIB },
		{ "0T", 0 }, { "0t", 0 }, { "65536M", 64 * MX_GIB }
	};

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		parse_pair("dirty_min", ':', good[i].text);
		assert_silent();
		ck_assert_uint_eq(mx_conf.dirty_min, good[i].value);
	}
	parse("dirty_min:1T");
	text_has("1T is not a number");
}
END_TEST

START_TEST(test_truth)
{
	static const char *const yes[] = { "true", "1", "yes", "on" };
	static const char *const no[] = { "false", "0", "no", "off" };
	const struct truth *b = &truths[_i];

	for (int i = 0; i < 4; i++) {
		parse_pair(b->name, ':', yes[i]);
		ck_assert(*b->at);
		parse_pair(b->name, '=', no[i]);
		ck_assert(!*b->at);
		assert_silent();
	}
	parse(b->name);
	assert_silent();
	ck_assert(*b->at);
	parse_pair(b->name, ':', "maybe");
	text_has("maybe is neither true nor false; using true\n");
	ck_assert(*b->at);
	parse_pair(b->name, ':', "TRUE");
	text_has("TRUE is neither true nor false");
}
END_TEST

START_TEST(test_path)
{
	char longest[MX_CONF_PATH_MAX + 1];

	parse("stats_file:/tmp/a:b=c.%p");
	assert_silent();
	ck_assert_str_eq(mx_conf.stats_file, "/tmp/a:b=c.%p");
	memset(longest, 'x', sizeof longest);
	longest[MX_CONF_PATH_MAX - 1] = '\0';
	parse_pair("stats_file", ':', longest);
	assert_silent();
	ck_assert_str_eq(mx_conf.stats_file, longest);
	longest[MX_CONF_PATH_MAX - 1] = 'x';
	longest[MX_CONF_PATH_MAX] = '\0';
	parse_pair("stats_file", ':', longest);
	text_has("is longer than 255 bytes; ignored\n");
	ck_assert_uint_eq(strlen(mx_conf.stats_file), MX_CONF_PATH_MAX - 1);
	parse("stats_file:");
	ck_assert_str_eq(mx_conf.stats_file, "");
}
END_TEST

START_TEST(test_list)
{
	parse(",,stats:true,decay_ms=5,,verbose,dirty_percent:7,");
	assert_silent();
	ck_assert(mx_conf.stats && mx_conf.verbose);
	ck_assert_uint_eq(mx_conf.decay_ms, 5);
	ck_assert_uint_eq(mx_conf.dirty_percent, 7);
	/* The last word counts, and an error does not stop the rest.  */
	parse("decay_ms:6,nonsense:1,decay_ms:8,stats:x,verbose:0");
	ck_assert_uint_eq(mx_conf.decay_ms, 8);
	ck_assert(mx_conf.stats && !mx_conf.verbose);
	ck_assert_uint_eq(text_lines(), 2);
	parse("");
	assert_silent();
}
END_TEST

START_TEST(test_name)
{
	static const struct {
		const char *wrong, *right;
	} guesses[] = {
		{ "stat:1", "stats?" }, { "arenas:1M", "arena?" },
		{ "decayms:1", "decay_ms?" }, { "dirty-min:1", "dirty_min?" },
		{ "Verbose", "verbose?" }, { "hlep", "help?" }
	};

	for (size_t i = 0; i < sizeof guesses / sizeof guesses[0]; i++) {
		parse(guesses[i].wrong);
		text_has("memaix: MEMAIX_OPTIONS: no option named ");
		text_has("did you mean ");
		text_has(guesses[i].right);
		ck_assert_uint_eq(text_lines(), 1);
	}
	parse("zzzzzzzzzzzz:1");
	text_has("no option named zzzzzzzzzzzz (help:true lists them)\n");
	text_has_not("did you mean");
	parse("a_name_that_is_much_longer_than_any_option_could_be:1");
	text_has_not("did you mean");
	parse(":1");
	text_has("no option named ");
	parse("=");
	text_has("no option named ");
	assert_defaults();
}
END_TEST

/* The names of options are at hand as prefixes of each other.  */
START_TEST(test_prefix)
{
	parse("stats_json:1");
	ck_assert(mx_conf.stats_json && !mx_conf.stats && !mx_conf.help);
	parse("huge_min:1");
	ck_assert(mx_conf.huge_min == 1 && mx_conf.huge == MX_CONF_AUTO);
	parse("hug:1");
	text_has("did you mean huge?");
}
END_TEST

START_TEST(test_environment)
{
	ck_assert_int_eq(setenv("MEMAIX_OPTIONSX", "stats:1", 1), 0);
	ck_assert_int_eq(setenv("XMEMAIX_OPTIONS", "stats:1", 1), 0);
	ck_assert_int_eq(setenv("MEMAIX_OPTION", "stats:1", 1), 0);
	ck_assert_int_eq(setenv("MEMAIX_OPTIONS", "decay_ms:77,verbose", 1),
	    0);
	mx_conf_init(true);
	assert_defaults();
	mx_conf_init(false);
	ck_assert_uint_eq(mx_conf.decay_ms, 77);
	ck_assert(mx_conf.verbose && !mx_conf.stats);
	environ = NULL;
	mx_conf_init(false);
	assert_defaults();
}
END_TEST

/* A word is one of its list.  */
START_TEST(test_word)
{
	ck_assert_uint_eq(mx_conf.on_misuse, MX_CONF_ABORT);
	parse("on_misuse:report");
	text_has_not("memaix:");
	ck_assert_uint_eq(mx_conf.on_misuse, MX_CONF_REPORT);
	parse("on_misuse:reports");
	text_has("on_misuse: reports is not one of abort, report; "
	    "using report\n");
	parse("on_misuse");
	text_has("is not one of abort, report");
	parse("on_misuse=abort");
	ck_assert_uint_eq(mx_conf.on_misuse, MX_CONF_ABORT);
}
END_TEST

/* A word that was a truth once: what a truth may be it may, too.  */
START_TEST(test_huge)
{
	static const struct {
		const char *text;
		size_t value;
	} words[] = {
		{ "huge:false", MX_CONF_FALSE }, { "huge", MX_CONF_TRUE },
		{ "huge:off", MX_CONF_FALSE }, { "huge:true", MX_CONF_TRUE },
		{ "huge:auto", MX_CONF_AUTO }, { "huge=1", MX_CONF_TRUE },
		{ "huge=0", MX_CONF_FALSE }
	};

	ck_assert_uint_eq(mx_conf.huge, MX_CONF_AUTO);
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		parse(words[i].text);
		text_has_not("memaix:");
		ck_assert_uint_eq(mx_conf.huge, words[i].value);
	}
	parse("huge:maybe");
	text_has("huge: maybe is not one of false, true, auto; using false\n");
}
END_TEST

/* The help names every option with the value in force, one line each.  */
START_TEST(test_help)
{
	char line[60];

	parse("decay_ms:4321,stats_file:/some/where,huge:1,dirty_min:5000");
	text_divert();
	mx_conf_help(STDERR_FILENO);
	text_restore();
	ck_assert_uint_eq(text_lines(), 2 + N_NUMBERS + N_TRUTHS + 3);
	text_has("MEMAIX_OPTIONS=name:value,name:value\n");
	for (int i = 0; i < N_NUMBERS; i++) {
		snprintf(line, sizeof line, "\n  %-17s ", numbers[i].name);
		text_has(line);
	}
	for (int i = 0; i < N_TRUTHS; i++) {
		snprintf(line, sizeof line, "\n  %-17s %-12s %-8s true, false",
		    truths[i].name, *truths[i].at ? "true" : "false",
		    truths[i].value ? "true" : "false");
		text_has(line);
	}
	/* Value, default, range: as they may be written.  */
	text_has("\n  decay_ms          4321         1000     0 to 3600000 ");
	text_has("\n  dirty_min         5000         8M       0 to 64G ");
	text_has("\n  arena             1G           1G       4M to 64G ");
	text_has("\n  stats_file        /some/where  -        path to 255 bytes ");
	text_has("\n  on_misuse         abort        abort    abort, report ");
	text_has("\n  huge              true         auto     false, true, auto ");
}
END_TEST

/* No text makes it do more than complain.  */
START_TEST(test_random_text)
{
	static const char letters[] = "stahelpr:=,_0123456789KMGTx%\n";
	char in[60];
	size_t n;

	property_start();
	text_divert();
	for (property_steps(20000)) {
		n = property_below(sizeof in);
		for (size_t i = 0; i < n; i++)
			in[i] = letters[property_below(sizeof letters - 1)];
		in[n] = '\0';
		mx_conf_parse(in);
		expect(mx_conf.arena >= 4 * MX_MIB);
		expect(mx_conf.dirty_percent <= 1000);
		expect(memchr(mx_conf.stats_file, '\0', MX_CONF_PATH_MAX) !=
		    NULL);
	}
	text_restore();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, setup_conf, NULL);
	tcase_set_timeout(tc, 120);
	suite_add_tcase(s, tc);
	tcase_add_test(tc, test_defaults);
	tcase_add_loop_test(tc, test_number, 0, N_NUMBERS);
	tcase_add_loop_test(tc, test_bad_number, 0, N_BAD);
	tcase_add_test(tc, test_suffix);
	tcase_add_loop_test(tc, test_truth, 0, N_TRUTHS);
	tcase_add_test(tc, test_path);
	tcase_add_test(tc, test_list);
	tcase_add_test(tc, test_name);
	tcase_add_test(tc, test_prefix);
	tcase_add_test(tc, test_environment);
	tcase_add_test(tc, test_word);
	tcase_add_test(tc, test_huge);
	tcase_add_test(tc, test_help);
	tcase_add_test(tc, test_random_text);
	return run(s);
}
