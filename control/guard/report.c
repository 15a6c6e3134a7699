/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "guard/report.h"

#include <sys/stat.h>

void report_add(struct report *report, struct policy *policy, const struct hook *hook,
		enum tracing_action_kind action)
{
	if (report->n_hits == REPORT_MOST) {
		policy->counted.lost++;
		return;
	}
	report->hits[report->n_hits].policy = policy;
	report->hits[report->n_hits].hook = hook;
	report->hits[report->n_hits++].action = action;
}

/* Paths are bytes; what is no UTF-8 goes out as the bytes of Latin-1. */
static json_t *text_of(const char *path)
{
	json_t *text = json_string(path);
	char latin[2 * PATH_MAX];
	size_t n = 0;

	if (text)
		return text;
	for (const unsigned char *at = (const unsigned char *)path; *at; at++) {
		if (*at < 0x80) {
			latin[n++] = (char)*at;
		} else {
			latin[n++] = (char)(0xc0 | *at >> 6);
			latin[n++] = (char)(0x80 | (*at & 0x3f));
		}
	}
	return json_stringn(latin, n);
}

void report_write(const struct report *report, const char *path, int fd, struct process *process,
		  struct queue *queue)
{
	struct stat info = {0};
	int mask = 4;

	if (!report->n_hits)
		return;
	if (fstat(fd, &info))
		info.st_mode = 0;
	if (report->writes || (process->pid > 0 && process_writes(process->pid)))
		mask = 2;
	for (size_t i = 0; i < report->n_hits; i++)
		queue_put(queue, json_pack("{s:I s:i s:s s:s s:o s:i s:i s:O}", "time_ns",
					   (json_int_t)report->time_ns, "pid", process->pid,
					   "policy", report->hits[i].policy->name, "action",
					   tracing_action_word(report->hits[i].action), "path",
					   text_of(path), "mode", (int)info.st_mode, "mask", mask,
					   "hook", report->hits[i].hook->shown));
}
