/* conf.c - MEMAIX_OPTIONS: one table, one parser.  See conf.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "conf.h"

#include <string.h>

#include "out.h"

#define NAME MX_CONF_VARIABLE

extern char **environ;

enum type { BOOL, SIZE, COUNT, PATH, WORD };

struct option {
	const char *name;
	enum type type;
	size_t offset;          /* of the field in struct mx_conf */
	size_t min, max;        /* numbers: the range; path: longest length */
	size_t value;           /* default of a number, a truth or a word */
	const char *help;
	const char *const *words;       /* WORD: max + 1 of them */
};

static const char *const misuse_words[] = { "abort", "report" };
static const char *const huge_words[] = { "false", "true", "auto" };

#define AT(name) offsetof(struct mx_conf, name)

static const struct option options[] = {
	{ "help", BOOL, AT(help), 0, 1, 0,
	    "print this table at start, then run on", NULL },
	{ "verbose", BOOL, AT(verbose), 0, 1, 0,
	    "say at start that memaix is active", NULL },
	{ "stats", BOOL, AT(stats), 0, 1, 0,
	    "print statistics at exit, as text", NULL },
	{ "stats_json", BOOL, AT(stats_json), 0, 1, 0,
	    "print statistics at exit, as JSON", NULL },
	{ "stats_file", PATH, AT(stats_file), 0, MX_CONF_PATH_MAX - 1, 0,
	    "file for statistics, %p is the process; none: standard error", NULL },
	{ "arena", SIZE, AT(arena), 4 * MX_MIB, 64 * MX_GIB, MX_GIB,
	    "address space reserved at a time", NULL },
	{ "dirty_min", SIZE, AT(dirty_min), 0, 64 * MX_GIB, 8 * MX_MIB,
	    "free memory that may stay, whatever is in use", NULL },
	{ "dirty_percent", COUNT, AT(dirty_percent), 0, 1000, 300,
	    "free memory that may stay, in percent of memory in use", NULL },
	{ "decay_ms", COUNT, AT(decay_ms), 0, 3600000, 1000,
	    "age at which free memory goes back, in milliseconds", NULL },
	{ "background_thread", BOOL, AT(background_thread), 0, 1, 0,
	    "a thread gives old free memory back while the program rests", NULL },
	{ "move", BOOL, AT(move), 0, 1, 1,
	    "grow a large block by moving its pages, not by copying", NULL },
	{ "huge", WORD, AT(huge), 0, 2, MX_CONF_AUTO,
	    "huge pages where memory fills densely; auto: if they are cheap",
	    huge_words },
	{ "brk", BOOL, AT(brk), 0, 1, 0,
	    "AIX: take memory from the break, as libc's malloc does", NULL },
	{ "huge_min", SIZE, AT(huge_min), 0, 64 * MX_GIB, 32 * MX_MIB,
	    "memory in use from which huge pages are asked for", NULL },
	{ "mixed_min", SIZE, AT(mixed_min), 0, 64 * MX_GIB, 16 * MX_MIB,
	    "memory in use from which sparse spans serve larger blocks", NULL },
	{ "mixed_percent", COUNT, AT(mixed_percent), 0, 100, 12,
	    "part of it that has to be in sparse spans for that", NULL },
	{ "secure", BOOL, AT(secure), 0, 1, 0,
	    "guard pages, checked tails, wiped and late reused blocks", NULL },
	{ "explain_fault", BOOL, AT(explain_fault), 0, 1, 0,
	    "say on SIGSEGV and SIGBUS what was hit", NULL },
	{ "explain_oom", BOOL, AT(explain_oom), 0, 1, 0,
	    "say which limit refused memory", NULL },
	{ "guard_rate", COUNT, AT(guard_rate), 0, 1000000000, 0,
	    "one allocation of so many lies between guards; 0: none", NULL },
	{ "on_misuse", WORD, AT(on_misuse), 0, 1, MX_CONF_ABORT,
	    "when the program misuses a block: abort, or report and go on",
	    misuse_words },
};

#define N_OPTIONS (sizeof options / sizeof options[0])

struct mx_conf mx_conf;

static void *
field_of(const struct option *o)
{
	return (char *)&mx_conf + o->offset;
}

static void
set_number(const struct option *o, size_t v)
{
	if (o->type == BOOL)
		*(bool *)field_of(o) = v != 0;
	else
		*(size_t *)field_of(o) = v;
}

static size_t
get_number(const struct option *o)
{
	return o->type == BOOL ? *(const bool *)field_of(o) :
	    *(const size_t *)field_of(o);
}

static bool
same(const char *text, size_t n, const char *word)
{
	return strlen(word) == n && memcmp(text, word, n) == 0;
}

static bool
parse_bool(const char *s, size_t n, size_t *v)
{
	static const char *const no[] = { "false", "0", "no", "off" };
	static const char *const yes[] = { "true", "1", "yes", "on" };

	for (size_t i = 0; i < 4; i++) {
		if (same(s, n, no[i]) || same(s, n, yes[i])) {
			*v = same(s, n, yes[i]);
			return true;
		}
	}
	return false;
}

/* Does a name alone, without a value, switch it on?  */
static bool
is_truth(const struct option *o)
{
	return o->type == BOOL || (o->type == WORD && o->words == huge_words);
}

/* Digits, then for sizes K, M, G or T in powers of 1024.  */
static bool
parse_number(const char *s, size_t n, bool suffix, size_t *v)
{
	static const char letters[] = "KMGT";
	size_t value = 0;
	size_t i = 0;
	const char *at;

	for (; i < n && s[i] >= '0' && s[i] <= '9'; i++) {
		if (__builtin_mul_overflow(value, (size_t)10, &value) ||
		    __builtin_add_overflow(value, (size_t)(s[i] - '0'), &value))
			return false;
	}
	if (i == 0)
		return false;
	if (suffix && i + 1 == n) {
		at = strchr(letters, s[i] & ~0x20);
		if (at == NULL || *at == '\0')
			return false;
		for (ptrdiff_t k = at - letters; k >= 0; k--)
			if (__builtin_mul_overflow(value, (size_t)1024, &value))
				return false;
		i++;
	}
	*v = value;
	return i == n;
}

/* Where the first two words are false and true, what else means them, too.  */
static bool
parse_word(const struct option *o, const char *s, size_t n, size_t *v)
{
	for (*v = 0; *v <= o->max; ++*v)
		if (same(s, n, o->words[*v]))
			return true;
	return is_truth(o) && parse_bool(s, n, v);
}

static void
complain_value(const struct option *o, const char *value, size_t n)
{
	struct mx_out out;

	mx_out_init_fd(&out, 2);
	mx_out(&out, "memaix: " NAME ": %s: ", o->name);
	for (size_t i = 0; i < n; i++)
		mx_out(&out, "%c", value[i]);
	switch (o->type) {
	case BOOL:
		mx_out(&out, " is neither true nor false; using %s\n",
		    get_number(o) ? "true" : "false");
		break;
	case PATH:
		mx_out(&out, " is longer than %zu bytes; ignored\n", o->max);
		break;
	case WORD:
		mx_out(&out, " is not one of");
		for (size_t i = 0; i <= o->max; i++)
			mx_out(&out, "%s %s", i > 0 ? "," : "", o->words[i]);
		mx_out(&out, "; using %s\n", o->words[get_number(o)]);
		break;
	default:
		mx_out(&out, " is not a number from %zu to %zu; using %zu\n",
		    o->min, o->max, get_number(o));
		break;
	}
	mx_out_done(&out);
}

static void
set_option(const struct option *o, const char *value, size_t n)
{
	size_t v = 0;
	bool good;

	if (n == 0 && is_truth(o)) {
		set_number(o, 1);
		return;
	}
	switch (o->type) {
	case BOOL:
		good = parse_bool(value, n, &v);
		break;
	case PATH:
		good = n <= o->max;
		if (good) {
			memcpy(field_of(o), value, n);
			((char *)field_of(o))[n] = '\0';
			return;
		}
		break;
	case WORD:
		good = parse_word(o, value, n, &v);
		break;
	default:
		good = parse_number(value, n, o->type == SIZE, &v) &&
		    v >= o->min && v <= o->max;
		break;
	}
	if (good)
		set_number(o, v);
	else
		complain_value(o, value, n);
}

/* How many edits turn A (N letters) into the word B: enough for a guess.  */
static size_t
distance(const char *a, size_t n, const char *b)
{
	size_t row[32];
	size_t m = strlen(b);

	if (n >= 32 || m >= 32)
		return 32;
	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t change = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = mx_min(change,
			    mx_min(row[j], row[j - 1]) + 1);
		}
	}
	return row[m];
}

static void
complain_name(const char *name, size_t n)
{
	size_t best = 4;
	const char *guess = NULL;
	struct mx_out out;

	for (size_t i = 0; i < N_OPTIONS; i++) {
		size_t d = distance(name, n, options[i].name);

		if (d < best) {
			best = d;
			guess = options[i].name;
		}
	}
	mx_out_init_fd(&out, 2);
	mx_out(&out, "memaix: " NAME ": no option named ");
	for (size_t i = 0; i < n; i++)
		mx_out(&out, "%c", name[i]);
	if (guess != NULL)
		mx_out(&out, "; did you mean %s?", guess);
	mx_out(&out, " (help:true lists them)\n");
	mx_out_done(&out);
}

static void
set_pair(const char *s, size_t n)
{
	size_t k = 0;

	while (k < n && s[k] != ':' && s[k] != '=')
		k++;
	for (size_t i = 0; i < N_OPTIONS; i++) {
		if (same(s, k, options[i].name)) {
			set_option(&options[i], s + k + (k < n),
			    n - k - (k < n));
			return;
		}
	}
	complain_name(s, k);
}

void
mx_conf_parse(const char *text)
{
	while (*text != '\0') {
		size_t n = strcspn(text, ",");

		if (n > 0)
			set_pair(text, n);
		text += n;
		if (*text == ',')
			text++;
	}
	/* A sample that faults is to tell why.  */
	if (mx_conf.guard_rate > 0)
		mx_conf.explain_fault = true;
}

bool
mx_conf_init(bool secure)
{
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (options[i].type != PATH)
			set_number(&options[i], options[i].value);
	/* environ and not getenv: a malloc runs before libc is set up.  */
	if (secure)
		return true;
	if (environ == NULL)
		return false;
	for (char **e = environ; *e != NULL; e++)
		if (strncmp(*e, NAME "=", sizeof NAME) == 0)
			mx_conf_parse(*e + sizeof NAME);
	return true;
}

/* ---- the table ---- */

struct cell {
	char text[MX_CONF_PATH_MAX];
	size_t used;
};

static void
fill_cell(void *arg, const char *text, size_t n)
{
	struct cell *c = arg;

	n = mx_min(n, sizeof c->text - 1 - c->used);
	memcpy(c->text + c->used, text, n);
	c->used += n;
	c->text[c->used] = '\0';
}

/* V as the parser reads it: 8M.  */
static void
put_value(struct mx_out *out, const struct option *o, size_t v)
{
	unsigned k = 0;

	if (o->type == WORD) {
		mx_out(out, "%s", o->words[v]);
	} else if (o->type == BOOL) {
		mx_out(out, "%s", v != 0 ? "true" : "false");
	} else {
		for (; o->type == SIZE && v > 0 && v % 1024 == 0 && k < 4; k++)
			v /= 1024;
		mx_out(out, "%zu", v);
		if (k > 0)
			mx_out(out, "%c", "KMGT"[k - 1]);
	}
}

static void
put_range(struct mx_out *out, const struct option *o)
{
	switch (o->type) {
	case BOOL:
		mx_out(out, "true, false");
		break;
	case PATH:
		mx_out(out, "path to %zu bytes", o->max);
		break;
	case WORD:
		for (size_t i = 0; i <= o->max; i++)
			mx_out(out, "%s%s", i > 0 ? ", " : "", o->words[i]);
		break;
	default:
		put_value(out, o, o->min);
		mx_out(out, " to ");
		put_value(out, o, o->max);
		break;
	}
}

enum column { VALUE, DEFAULT, RANGE };

static void
print_cell(struct mx_out *out, const struct option *o, enum column column)
{
	static const size_t width[] = { 12, 8, 17 };
	struct cell c = { .used = 0 };
	struct mx_out inner;

	mx_out_init(&inner, fill_cell, &c);
	if (column == RANGE)
		put_range(&inner, o);
	else if (o->type != PATH)
		put_value(&inner, o, column == VALUE ? get_number(o) :
		    o->value);
	else if (column == VALUE)
		mx_out(&inner, "%s", (const char *)field_of(o));
	mx_out_done(&inner);
	/* A path may be empty; a table has something in each place.  */
	if (c.used == 0)
		fill_cell(&c, "-", 1);
	mx_out(out, "%s ", c.text);
	for (size_t n = c.used; n < width[column]; n++)
		mx_out(out, " ");
}

void
mx_conf_help(int fd)
{
	struct mx_out out;

	mx_out_init_fd(&out, fd);
	mx_out(&out, "memaix: options, set by " NAME
	    "=name:value,name:value\n");
	mx_out(&out, "  %-17s %-12s %-8s %-17s %s\n", "name", "value",
	    "default", "values", "meaning");
	for (size_t i = 0; i < N_OPTIONS; i++) {
		mx_out(&out, "  %-17s ", options[i].name);
		for (unsigned k = VALUE; k <= RANGE; k++)
			print_cell(&out, &options[i], (enum column)k);
		mx_out(&out, "%s\n", options[i].help);
	}
	mx_out_done(&out);
}
