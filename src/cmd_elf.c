/* cmd_elf.c - reading ELF files.  See cmd_elf.h.
 *
 * A file may lie about every offset: nothing is used before pread has filled
 * it, and every count has a bound.
 *
 * SPDX-License-Identifier: MIT  */

#include "cmd_elf.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_HEADERS 512
#define MAX_TABLE ((size_t)256 << 20)

static bool
read_at(int fd, void *buf, size_t n, uint64_t at)
{
	ssize_t got;

	if (at > INT64_MAX)
		return false;
	got = pread(fd, buf, n, (off_t)at);
	return got >= 0 && (size_t)got == n;
}

/* N bytes of the file at AT, from malloc, or NULL.  One byte more is zero, so
 * that the last string ends.  */
static char *
read_table(int fd, uint64_t at, uint64_t n)
{
	char *table;

	if (n == 0 || n > MAX_TABLE)
		return NULL;
	table = malloc((size_t)n + 1);
	if (table == NULL)
		return NULL;
	if (!read_at(fd, table, (size_t)n, at)) {
		free(table);
		return NULL;
	}
	table[n] = '\0';
	return table;
}

/* Does the table of dynamic symbols S, with names in NAMES, define malloc?  */
static bool
defines_malloc(int fd, const ElfW(Shdr) *s, const ElfW(Shdr) *names)
{
	char *text = read_table(fd, names->sh_offset, names->sh_size);
	ElfW(Sym) *symbols =
	    (void *)read_table(fd, s->sh_offset, s->sh_size);
	size_t n = s->sh_size / sizeof *symbols;
	bool found = false;

	for (size_t i = 0; text && symbols && i < n && !found; i++) {
		/* An undefined symbol may still have an address: that of
		 * the jump table entry by which the program calls it.  */
		found = symbols[i].st_shndx != SHN_UNDEF &&
		    symbols[i].st_name < names->sh_size &&
		    strcmp(text + symbols[i].st_name, "malloc") == 0;
	}
	free(text);
	free(symbols);
	return found;
}

static void
read_sections(int fd, const ElfW(Ehdr) *h, struct mx_cmd_elf *e)
{
	uint64_t size = (uint64_t)h->e_shnum * sizeof(ElfW(Shdr));
	ElfW(Shdr) *s;

	if (h->e_shentsize != sizeof *s)
		return;
	s = (void *)read_table(fd, h->e_shoff, size);
	if (s == NULL)
		return;
	for (size_t i = 0; i < h->e_shnum; i++)
		if (s[i].sh_type == SHT_DYNSYM && s[i].sh_link < h->e_shnum)
			e->own_malloc = defines_malloc(fd, &s[i],
			    &s[s[i].sh_link]);
	free(s);
}

static void
read_segments(int fd, const ElfW(Ehdr) *h, struct mx_cmd_elf *e)
{
	ElfW(Phdr) p;

	if (h->e_phentsize != sizeof p)
		return;
	for (size_t i = 0; i < h->e_phnum && i < MAX_HEADERS; i++) {
		if (!read_at(fd, &p, sizeof p, h->e_phoff + i * sizeof p))
			return;
		if (p.p_type != PT_INTERP || p.p_filesz == 0 ||
		    p.p_filesz > sizeof e->loader)
			continue;
		e->dynamic = read_at(fd, e->loader, p.p_filesz, p.p_offset);
		e->loader[p.p_filesz - 1] = '\0';
	}
}

bool
mx_cmd_elf_read(const char *file, struct mx_cmd_elf *e)
{
	const uint16_t one = 1;
	const bool big = *(const unsigned char *)&one == 0;
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	unsigned char id[EI_NIDENT + 4];
	ElfW(Ehdr) h;

	*e = (struct mx_cmd_elf){ .bits = 0 };
	if (fd < 0)
		return false;
	if (!read_at(fd, id, sizeof id, 0) || memcmp(id, ELFMAG, SELFMAG)) {
		close(fd);
		return false;
	}
	e->bits = id[EI_CLASS] == ELFCLASS64 ? 64 : 32;
	e->big_endian = id[EI_DATA] == ELFDATA2MSB;
	e->machine = e->big_endian ?
	    (unsigned)id[EI_NIDENT + 2] << 8 | id[EI_NIDENT + 3] :
	    (unsigned)id[EI_NIDENT + 3] << 8 | id[EI_NIDENT + 2];
	if (e->bits == 8 * sizeof(void *) && e->big_endian == big &&
	    read_at(fd, &h, sizeof h, 0)) {
		e->native = true;
		read_segments(fd, &h, e);
		read_sections(fd, &h, e);
	}
	close(fd);
	return true;
}

const char *
mx_cmd_elf_machine(const struct mx_cmd_elf *e, char *buf, size_t n)
{
	static const struct {
		unsigned machine;
		const char *name;
	} names[] = {
		{ EM_386, "x86" }, { EM_X86_64, "x86-64" },
		{ EM_ARM, "ARM" }, { EM_AARCH64, "AArch64" },
		{ EM_PPC, "PowerPC" }, { EM_PPC64, "PowerPC" },
		{ EM_S390, "S/390" }, { EM_RISCV, "RISC-V" },
		{ EM_MIPS, "MIPS" }, { EM_SPARCV9, "SPARC" },
	};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (names[i].machine == e->machine) {
			snprintf(buf, n, "%u-bit %s-endian %s", e->bits,
			    e->big_endian ? "big" : "little", names[i].name);
			return buf;
		}
	}
	snprintf(buf, n, "%u-bit machine %u", e->bits, e->machine);
	return buf;
}
