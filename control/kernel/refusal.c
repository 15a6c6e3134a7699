/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/refusal.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef CAP_BPF
#define CAP_PERFMON 38
#define CAP_BPF	    39
#endif

#define LOG_LINES 4

int refuse(struct refusal *refusal, int err, const char *format, ...)
{
	size_t used;
	va_list values;

	va_start(values, format);
	vsnprintf(refusal->text, sizeof(refusal->text), format, values);
	va_end(values);
	used = strlen(refusal->text);
	snprintf(refusal->text + used, sizeof(refusal->text) - used, ": %s", strerror(-err));
	return err;
}

int refuse_plainly(struct refusal *refusal, int err, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	vsnprintf(refusal->text, sizeof(refusal->text), format, values);
	va_end(values);
	return err;
}

/* The last lines of a verifier's log say why; the rest is how it got there. */
static const char *log_tail(const char *log)
{
	const char *tail = log + strlen(log);
	int lines = LOG_LINES + 1;

	while (tail > log) {
		if (tail[-1] == '\n' && --lines == 0)
			break;
		tail--;
	}
	return tail;
}

static const char *missing_capability(void)
{
	static const struct {
		unsigned number;
		const char *name;
	} needed[] = {{CAP_BPF, "CAP_BPF"},
		      {CAP_NET_ADMIN, "CAP_NET_ADMIN"},
		      {CAP_PERFMON, "CAP_PERFMON"}};

	capng_get_caps_process();
	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++) {
		if (!capng_have_capability(CAPNG_EFFECTIVE, needed[i].number))
			return needed[i].name;
	}
	return NULL;
}

static void advise(char *text, size_t size, int err, const char *log)
{
	const char *missing = missing_capability();

	if (err == -EPERM && missing)
		snprintf(text, size, "this process lacks %s: run as root, or grant it", missing);
	else if (err == -EPERM)
		snprintf(
			text, size,
			"no capability is missing, so the kernel's lockdown or a security module forbids it");
	else if (err == -ENOMEM)
		snprintf(text, size,
			 "too little memory: lower limits.conntrack or limits.prefixes");
	else if (err == -E2BIG)
		snprintf(text, size, "larger than this kernel takes: lower limits.conntrack");
	else if (access("/sys/kernel/btf/vmlinux", R_OK) != 0)
		snprintf(
			text, size,
			"this kernel has no /sys/kernel/btf/vmlinux: it needs CONFIG_DEBUG_INFO_BTF=y");
	else if (log && *log)
		snprintf(text, size, "the verifier says: %s", log_tail(log));
	else
		snprintf(text, size, "Linux 6.1 or later with CONFIG_BPF_SYSCALL is needed");
}

int refuse_load(struct refusal *refusal, int err, const char *what, const char *log)
{
	char advice[512];

	advise(advice, sizeof(advice), err, log);
	refuse(refusal, err, "cannot load %s (%s)", what, advice);
	for (char *at = refusal->text; *at; at++) {
		if (*at == '\n')
			*at = ' ';
	}
	return err;
}
