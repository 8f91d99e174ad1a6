/* out.c - text without malloc and without stdio.  See out.h.
 *
 * SPDX-License-Identifier: MIT  */

#include "out.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* One parsed conversion.  */
struct spec {
	size_t width;
	bool left;
	char pad;
	char length;            /* 0, 'z' or 'L' */
};

static void
write_all(void *arg, const char *text, size_t n)
{
	int fd = (int)(intptr_t)arg;
	int saved = errno;

	while (n > 0) {
		ssize_t k = write(fd, text, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			break;
		text += k;
		n -= (size_t)k;
	}
	errno = saved;
}

void
mx_out_init(struct mx_out *o, mx_out_sink *sink, void *arg)
{
	o->sink = sink;
	o->arg = arg;
	o->used = 0;
}

void
mx_out_init_fd(struct mx_out *o, int fd)
{
	mx_out_init(o, write_all, (void *)(intptr_t)fd);
}

void
mx_out_done(struct mx_out *o)
{
	if (o->used > 0)
		o->sink(o->arg, o->buf, o->used);
	o->used = 0;
}

static void
put(struct mx_out *o, char c)
{
	if (o->used == sizeof o->buf)
		mx_out_done(o);
	o->buf[o->used++] = c;
}

static void
put_text(struct mx_out *o, const char *s, size_t n, const struct spec *spec)
{
	size_t fill = spec->width > n ? spec->width - n : 0;

	for (; !spec->left && fill > 0; fill--)
		put(o, spec->pad);
	for (; n > 0; n--)
		put(o, *s++);
	for (; fill > 0; fill--)
		put(o, ' ');
}

static void
put_number(struct mx_out *o, unsigned long long v, unsigned base,
    const char *prefix, const struct spec *spec)
{
	char text[32];
	size_t i = sizeof text;
	size_t plen = strlen(prefix);

	do
		text[--i] = "0123456789abcdef"[v % base];
	while ((v /= base) != 0);
	i -= plen;
	memcpy(text + i, prefix, plen);
	put_text(o, text + i, sizeof text - i, spec);
}

static unsigned long long
next_unsigned(va_list *ap, char length)
{
	switch (length) {
	case 'z':
		return va_arg(*ap, size_t);
	case 'L':
		return va_arg(*ap, unsigned long long);
	default:
		return va_arg(*ap, unsigned);
	}
}

static const char *
parse(const char *f, struct spec *spec)
{
	*spec = (struct spec){ 0, false, ' ', 0 };
	for (;; f++) {
		if (*f == '-')
			spec->left = true;
		else if (*f == '0')
			spec->pad = '0';
		else
			break;
	}
	while (*f >= '0' && *f <= '9')
		spec->width = spec->width * 10 + (size_t)(*f++ - '0');
	if (*f == 'z') {
		spec->length = 'z';
		f++;
	} else if (f[0] == 'l' && f[1] == 'l') {
		spec->length = 'L';
		f += 2;
	}
	return f;
}

static void
convert(struct mx_out *o, char c, const struct spec *spec, va_list *ap)
{
	const char *s;
	char one;
	int d;

	switch (c) {
	case 's':
		s = va_arg(*ap, const char *);
		put_text(o, s, strlen(s), spec);
		break;
	case 'c':
		one = (char)va_arg(*ap, int);
		put_text(o, &one, 1, spec);
		break;
	case 'd':
		d = va_arg(*ap, int);
		put_number(o, d < 0 ? 0ULL - (unsigned long long)d :
		    (unsigned long long)d, 10, d < 0 ? "-" : "", spec);
		break;
	case 'u':
		put_number(o, next_unsigned(ap, spec->length), 10, "", spec);
		break;
	case 'x':
		put_number(o, next_unsigned(ap, spec->length), 16, "", spec);
		break;
	case 'p':
		put_number(o, (uintptr_t)va_arg(*ap, void *), 16, "0x", spec);
		break;
	default:
		put(o, c);
		break;
	}
}

void
mx_out_va(struct mx_out *o, const char *format, va_list ap)
{
	struct spec spec;
	va_list args;

	va_copy(args, ap);
	for (const char *f = format; *f != '\0'; f++) {
		if (*f != '%') {
			put(o, *f);
			continue;
		}
		f = parse(f + 1, &spec);
		if (*f == '\0')
			break;
		convert(o, *f, &spec, &args);
	}
	va_end(args);
}

void
mx_out(struct mx_out *o, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	mx_out_va(o, format, ap);
	va_end(ap);
}

void
mx_out_message(const char *format, ...)
{
	struct mx_out o;
	va_list ap;

	mx_out_init_fd(&o, STDERR_FILENO);
	mx_out(&o, "memaix: ");
	va_start(ap, format);
	mx_out_va(&o, format, ap);
	va_end(ap);
	mx_out(&o, "\n");
	mx_out_done(&o);
}
