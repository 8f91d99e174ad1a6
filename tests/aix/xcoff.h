/* xcoff.h - the records of a 64-bit XCOFF file and of a big archive, as they lie
 * there.  From IBM's "XCOFF object file format" and "ar file format (big)".
 *
 * They are big-endian, and so is the machine that the rig runs on.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef XCOFF_H
#define XCOFF_H

#include <stdint.h>

#define XCOFF_MAGIC_64 0x01f7

struct xcoff_file {
	uint16_t magic, sections;
	int32_t time;
	uint64_t symbols;
	uint16_t opthdr, flags;
	int32_t n_symbols;
};

struct xcoff_aux {
	uint16_t flags, version;
	uint32_t debugger;
	uint64_t text_start, data_start, toc;
	int16_t sn_entry, sn_text, sn_data, sn_toc, sn_loader, sn_bss;
	uint16_t align_text, align_data;
	char module_type[2];
	uint8_t cpu_flag, cpu_type;
	uint8_t text_psize, data_psize, stack_psize, more_flags;
	uint64_t text_size, data_size, bss_size, entry, max_stack, max_data;
	int16_t sn_tdata, sn_tbss;
	uint16_t more_flags_64;
};

#define STYP_TEXT       0x0020u
#define STYP_DATA       0x0040u
#define STYP_BSS        0x0080u
#define STYP_TDATA      0x0400u
#define STYP_TBSS       0x0800u
#define STYP_LOADER     0x1000u

struct xcoff_section {
	char name[8];
	uint64_t paddr, vaddr, size, at, relocs, lines;
	uint32_t n_relocs, n_lines, flags, pad;
};

struct xcoff_loader {
	uint32_t version, n_symbols, n_relocs, imports_size, n_imports,
	    strings_size;
	uint64_t imports, strings, symbols, relocs;
};

#define L_TYPE          0x07u
#define L_WEAK          0x08u
#define L_EXPORT        0x10u
#define L_ENTRY         0x20u
#define L_IMPORT        0x40u

struct xcoff_symbol {
	uint64_t value;
	uint32_t name;          /* in the strings */
	int16_t section;
	uint8_t type, class_;
	uint32_t import;        /* which import ID */
	uint32_t check;
};

/* Relocations by symbol numbers -2 to 2 mean sections.  */
#define SYMBOL_TEXT     0
#define SYMBOL_DATA     1
#define SYMBOL_BSS      2
#define SYMBOL_FIRST    3
#define SYMBOL_TDATA    (-1)
#define SYMBOL_TBSS     (-2)

enum {
	R_POS = 0x00, R_NEG = 0x01, R_RL = 0x0c, R_RLA = 0x0d, R_REF = 0x0f,
	R_TLS = 0x20, R_TLS_IE, R_TLS_LD, R_TLS_LE, R_TLSM, R_TLSML
};

struct xcoff_reloc {
	uint64_t at;
	uint8_t size, type;
	int16_t section;
	int32_t symbol;
};

/* What -binitfini makes: __rtinit.  Offsets are from its beginning.  */
struct xcoff_rtinit {
	void *rtl;
	int32_t init, fini;
	int32_t descriptor_size;
};

struct xcoff_initfini {
	void (*fn)(void);
	uint32_t name;
	uint8_t flags;
};

#define BIG_MAGIC "<bigaf>\n"

struct big_archive {
	char magic[8], members[20], globals[20], globals_64[20], first[20],
	    last[20], free_[20];
};

/* The name follows, then a pad byte if its length is odd, then "`\n".  */
struct big_member {
	char size[20], next[20], previous[20], date[12], uid[12], gid[12],
	    mode[12], name_size[4];
};

_Static_assert(sizeof(struct xcoff_file) == 24, "file header");
_Static_assert(sizeof(struct xcoff_section) == 72, "section header");
_Static_assert(sizeof(struct xcoff_loader) == 56, "loader header");
_Static_assert(sizeof(struct xcoff_symbol) == 24, "loader symbol");
_Static_assert(sizeof(struct xcoff_reloc) == 16, "loader relocation");
_Static_assert(sizeof(struct big_archive) == 128, "archive header");
_Static_assert(sizeof(struct big_member) == 112, "member header");

#endif /* XCOFF_H */
