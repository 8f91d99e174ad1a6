/* xload.c - AIX's loader, as far as the rig needs one.  See xload.h.
 *
 * Owns: the modules.  Code of the two ABIs calls each other without glue:
 * descriptors, stack frames, the place where the TOC is saved and r13 as thread
 * pointer agree with ELFv1.
 *
 * SPDX-License-Identifier: MIT  */

#include "xload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "xcoff.h"

#define MOST_MODULES    16
#define TLS_SIZE        16384
#define STUBS           ((void *)0x10000)       /* tls.imp says so */

struct module {
	char name[256];         /* as it was asked for */
	const char *file;       /* the file's bytes */
	const struct xcoff_aux *aux;
	const struct xcoff_section *section;
	const struct xcoff_loader *loader;
	char *base;             /* of the mapped sections */
	size_t size;
	char *text, *data;      /* where they are */
	size_t tls;             /* its place in every thread's area */
	char *tls_image;        /* what every thread's copy begins as */
	size_t tls_image_size;
	uint64_t tdata;         /* link-time address */
	bool preload;
};

static struct module modules[MOST_MODULES];
static int n_modules;
static size_t tls_used;
static __thread char tls_area[TLS_SIZE] __attribute__((aligned(128)));

static const struct shim *const shims[] = {
	shim_libc, shim_mem, shim_pthread, shim_sys, shim_malloc, shim_check
};

/* ---- sections ---- */

static const struct xcoff_section *
section_of(const struct module *m, unsigned flag)
{
	const struct xcoff_file *f = (const struct xcoff_file *)m->file;

	for (int i = 0; i < f->sections; i++)
		if ((m->section[i].flags & 0xffff) == flag)
			return &m->section[i];
	return NULL;
}

/* Text, data and bss keep their distances; so one number relocates each.  */
static void
map_sections(struct module *m)
{
	const struct xcoff_section *text = section_of(m, STYP_TEXT);
	const struct xcoff_section *data = section_of(m, STYP_DATA);
	const struct xcoff_section *bss = section_of(m, STYP_BSS);
	size_t text_room = (text->size + 0x1ffff) & ~(size_t)0xffff;
	size_t bss_size = bss != NULL ? bss->size : 0;

	m->size = text_room + data->size + bss_size + 0x20000;
	m->base = mmap(NULL, m->size, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->base == MAP_FAILED)
		rig_die("%s: no memory", m->name);
	/* The same offsets in a 64 KiB page: alignments hold.  */
	m->text = m->base + (text->vaddr & 0xffff);
	m->data = m->base + text_room + (data->vaddr & 0xffff);
	/* GNU ld pads data by up to its alignment, but not the bss behind it.  */
	if (bss != NULL && bss->vaddr + (1u << m->aux->align_data) <
	    data->vaddr + data->size)
		rig_die("%s: bss is not behind data", m->name);
	memcpy(m->text, m->file + text->at, text->size);
	memcpy(m->data, m->file + data->at, data->size);
	__builtin___clear_cache(m->text, m->text + text->size);
}

static void
place_tls(struct module *m)
{
	const struct xcoff_section *tdata = section_of(m, STYP_TDATA);
	const struct xcoff_section *tbss = section_of(m, STYP_TBSS);
	size_t n = 0;

	m->tls = tls_used;
	if (tdata != NULL) {
		m->tdata = tdata->vaddr;
		m->tls_image = malloc(tdata->size);
		memcpy(m->tls_image, m->file + tdata->at, tdata->size);
		m->tls_image_size = tdata->size;
		n = tdata->size;
	}
	if (tbss != NULL && tbss->size > 0)
		rig_die("%s: .tbss, which GNU ld loses", m->name);
	tls_used += (n + 127) & ~(size_t)127;
	if (tls_used > TLS_SIZE)
		rig_die("%s: too much thread-local data", m->name);
}

void
xload_thread_start(void)
{
	for (int i = 0; i < n_modules; i++)
		memcpy(tls_area + modules[i].tls, modules[i].tls_image,
		    modules[i].tls_image_size);
}

/* The thread pointer of both ABIs.  */
static uintptr_t
tls_offset(void)
{
	register uintptr_t tp __asm__("r13");

	__asm__("" : "=r"(tp));
	return (uintptr_t)tls_area - tp;
}

/* .__tls_get_addr and .__tls_get_mod lie at fixed addresses, as on AIX (there
 * others), and may change no register but r0, r3-r5, r11, LR and CR0.  */
void
xload_make_stubs(void)
{
	uint32_t *code = mmap(STUBS, 0x10000, PROT_READ | PROT_WRITE |
	    PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (code == MAP_FAILED)
		rig_die("no memory at %p", STUBS);
	code[0] = 0x7c632214;           /* add 3,3,4 */
	code[1] = 0x7c636a14;           /* add 3,3,13 */
	code[2] = 0x4e800020;           /* blr */
	code[16] = 0x7c636a14;          /* add 3,3,13 */
	code[17] = 0x4e800020;          /* blr */
	__builtin___clear_cache((char *)code, (char *)(code + 18));
}

/* ---- symbols ---- */

static const struct xcoff_symbol *
symbols_of(const struct module *m)
{
	return (const struct xcoff_symbol *)((const char *)m->loader +
	    m->loader->symbols);
}

static const char *
name_of(const struct module *m, const struct xcoff_symbol *s)
{
	return (const char *)m->loader + m->loader->strings + s->name;
}

/* Where the byte with link-time address V is now.  */
static char *
place_of(const struct module *m, uint64_t v)
{
	const struct xcoff_section *text = section_of(m, STYP_TEXT);

	return v - text->vaddr < text->size ? m->text + (v - text->vaddr) :
	    m->data + (v - section_of(m, STYP_DATA)->vaddr);
}

void *
xload_export(const struct module *m, const char *name)
{
	const struct xcoff_symbol *s = symbols_of(m);

	for (uint32_t i = 0; i < m->loader->n_symbols; i++, s++)
		if (s->section > 0 && strcmp(name_of(m, s), name) == 0)
			return place_of(m, s->value);
	return NULL;
}

void *
xload_shim(const char *library, const char *name)
{
	for (size_t i = 0; i < sizeof shims / sizeof shims[0]; i++)
		for (const struct shim *s = shims[i]; s->name != NULL; s++)
			if (strcmp(s->name, name) == 0 && (library == NULL ||
			    strcmp(s->library, library) == 0))
				return s->value;
	return NULL;
}

/* RTLD_NEXT: what the modules behind the caller's define; the shims are behind
 * all of them (IBM: dlsym; that libc is behind is belief).  */
void *
xload_next(const void *caller, const char *name)
{
	int i = 0;

	while (i < n_modules && ((const char *)caller < modules[i].base ||
	    (const char *)caller >= modules[i].base + modules[i].size))
		i++;
	for (i++; i < n_modules; i++) {
		void *v = xload_export(&modules[i], name);

		if (v != NULL && !modules[i].preload)
			return v;
	}
	return xload_shim(NULL, name);
}

static const char *
import_id(const struct module *m, uint32_t n, const char **member)
{
	const char *s = (const char *)m->loader + m->loader->imports;

	for (; n > 0; n--)
		for (int part = 0; part < 3; part++)
			s += strlen(s) + 1;
	s += strlen(s) + 1;
	*member = s + strlen(s) + 1;
	return s;
}

/* Preloaded modules are searched first for every imported symbol (IBM:
 * preloading shared libraries), then the module that the link found it in.  */
static void *
resolve(const struct module *m, const struct xcoff_symbol *s)
{
	const char *name = name_of(m, s);
	const char *member;
	const char *base = import_id(m, s->import, &member);
	char what[256];
	void *v;

	for (int i = 0; i < n_modules; i++)
		if (modules[i].preload &&
		    (v = xload_export(&modules[i], name)) != NULL)
			return v;
	v = xload_shim(base, name);
	if (v != NULL)
		return v;
	snprintf(what, sizeof what, *member != '\0' ? "%s(%s)" : "%s", base,
	    member);
	for (int i = 0; i < n_modules; i++)
		if (strcmp(modules[i].name, what) == 0 &&
		    (v = xload_export(&modules[i], name)) != NULL)
			return v;
	if (s->type & L_WEAK)
		return NULL;
	rig_die("%s: %s is not in %s", m->name, name,
	    *base != '\0' ? what : "any module");
}

/* ---- relocation ---- */

/* What is added to a cell for an imported symbol; what the module defines itself
 * is relocated by its section.  */
static uint64_t
value_of(const struct module *m, int32_t symbol)
{
	const struct xcoff_symbol *s = symbols_of(m) + symbol - SYMBOL_FIRST;

	return (s->type & L_IMPORT) ? (uintptr_t)resolve(m, s) :
	    (uintptr_t)place_of(m, s->value);
}

static int64_t
shift_of(const struct module *m, int32_t symbol)
{
	if (symbol == SYMBOL_TEXT)
		return m->text - (char *)section_of(m, STYP_TEXT)->vaddr;
	return m->data - (char *)section_of(m, STYP_DATA)->vaddr;
}

static void
relocate_one(const struct module *m, const struct xcoff_reloc *r)
{
	uint64_t *at = (uint64_t *)(void *)(r->section == m->aux->sn_tdata ?
	    m->tls_image + (r->at - m->tdata) : place_of(m, r->at));
	uint64_t v;

	if (r->type == R_REF)
		return;
	if ((r->size & 0x3f) != 63)
		rig_die("%s: a relocation of %d bits", m->name,
		    (r->size & 0x3f) + 1);
	v = r->symbol >= SYMBOL_FIRST ? value_of(m, r->symbol) :
	    r->symbol >= SYMBOL_TEXT ? (uint64_t)shift_of(m, r->symbol) : 0;
	switch (r->type) {
	case R_POS: case R_RL: case R_RLA:
		*at += v;
		break;
	case R_NEG:
		*at -= v;
		break;
	case R_TLSM: case R_TLSML:
		*at = tls_offset() + m->tls;
		break;
	case R_TLS: case R_TLS_LD:
		*at -= m->tdata;
		break;
	case R_TLS_IE: case R_TLS_LE:
		*at += tls_offset() + m->tls - m->tdata;
		break;
	default:
		rig_die("%s: relocation type 0x%x", m->name, r->type);
	}
}

static void
relocate(const struct module *m)
{
	const struct xcoff_reloc *r = (const struct xcoff_reloc *)
	    ((const char *)m->loader + m->loader->relocs);

	/* Records of 16 bytes; the header's offset leads to the first.  */
	for (uint32_t i = 0; i < m->loader->n_relocs; i++)
		relocate_one(m, &r[i]);
}

/* ---- loading ---- */

static void
load_imports(const struct module *m)
{
	for (uint32_t i = 1; i < m->loader->n_imports; i++) {
		const char *member;
		const char *base = import_id(m, i, &member);
		char what[256];

		if (*base == '\0' || strncmp(base, "rig.", 4) == 0 ||
		    strcmp(base, "libc.a") == 0 ||
		    strcmp(base, "libpthreads.a") == 0)
			continue;
		snprintf(what, sizeof what, *member != '\0' ? "%s(%s)" : "%s",
		    base, member);
		if (xload_module(what) == NULL)
			rig_die("%s: needs %s", m->name, what);
	}
}

struct module *
xload_module(const char *what)
{
	struct module *m = &modules[n_modules];
	const char *file;

	for (int i = 0; i < n_modules; i++)
		if (strcmp(modules[i].name, what) == 0)
			return &modules[i];
	file = xload_open(what);
	if (file == NULL)
		return NULL;
	if (n_modules == MOST_MODULES || strlen(what) >= sizeof m->name)
		rig_die("%s: too many modules", what);
	n_modules++;
	strcpy(m->name, what);
	m->file = file;
	m->aux = (const struct xcoff_aux *)(file + sizeof(struct xcoff_file));
	m->section = (const struct xcoff_section *)((const char *)m->aux +
	    ((const struct xcoff_file *)file)->opthdr);
	m->loader = (const struct xcoff_loader *)
	    (file + section_of(m, STYP_LOADER)->at);
	map_sections(m);
	place_tls(m);
	load_imports(m);
	return m;
}

void
xload_bind(struct module *m)
{
	relocate(m);
	if (m->tls_image_size > 0)
		memcpy(tls_area + m->tls, m->tls_image, m->tls_image_size);
}

struct module *
xload_nth(int i)
{
	return i < n_modules ? &modules[i] : NULL;
}

void
xload_set_preload(struct module *m)
{
	m->preload = true;
}

void *
xload_entry(const struct module *m)
{
	return place_of(m, m->aux->entry);
}
