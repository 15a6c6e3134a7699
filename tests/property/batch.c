/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "util/addr.h"
#include "util/cleanup.h"

static FILE *open_in(const char *directory, const char *name)
{
	cleanup_free char *path = NULL;

	if (asprintf(&path, "%s/%s", directory, name) < 0)
		return NULL;
	return fopen(path, "re");
}

static int flow_parse(const char *line, struct flow_case *ret)
{
	char source[ADDR_TEXT_BYTES], target[ADDR_TEXT_BYTES], asked[8];

	if (sscanf(line, "%45s %45s %u %15s %7s %23s %31s %31s %511s %511s", source, target,
		   &ret->query.aim, ret->arrival, asked, ret->combined, ret->egress, ret->ingress,
		   ret->egress_by, ret->ingress_by) != 10)
		return -EINVAL;
	ret->query.egress = strcmp(asked, "ingress") != 0;
	ret->query.ingress = strcmp(asked, "egress") != 0;
	if (ret->query.aim >= CHQ_TARGETS || addr_parse(source, &ret->query.source) ||
	    addr_parse(target, &ret->query.target))
		return -EINVAL;
	return 0;
}

static int flow_add(struct batch *batch, const char *line, unsigned number)
{
	struct flow_case flow = {.line = number}, *list;
	int err = flow_parse(line, &flow);

	if (err) {
		fprintf(stderr, "%s/flows:%u: not a flow: %s", batch->directory, number, line);
		return err;
	}
	list = reallocarray(batch->flows, batch->n_flows + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	batch->flows = list;
	list[batch->n_flows++] = flow;
	return 0;
}

static int own_add(struct batch *batch, const char *line, unsigned number)
{
	struct chq_addr *list;
	char text[ADDR_TEXT_BYTES];

	list = reallocarray(batch->own, batch->n_own + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	batch->own = list;
	if (sscanf(line, "%45s", text) != 1 || addr_parse(text, &list[batch->n_own])) {
		fprintf(stderr, "%s/own:%u: not an address: %s", batch->directory, number, line);
		return -EINVAL;
	}
	batch->n_own++;
	return 0;
}

static int each_line(FILE *file, struct batch *batch,
		     int (*add)(struct batch *batch, const char *line, unsigned number))
{
	cleanup_free char *line = NULL;
	size_t room = 0;
	unsigned number = 0;

	while (getline(&line, &room, file) >= 0) {
		int err = add(batch, line, ++number);

		if (err)
			return err;
	}
	return 0;
}

static int refusal_read(FILE *file, struct batch *batch)
{
	size_t room = 0;

	if (getline(&batch->refusal, &room, file) < 0)
		return -EINVAL;
	batch->refusal[strcspn(batch->refusal, "\n")] = '\0';
	return 0;
}

int batch_read(const char *directory, struct batch *ret)
{
	cleanup_fclose FILE *own = open_in(directory, "own");
	cleanup_fclose FILE *flows = open_in(directory, "flows");
	cleanup_fclose FILE *refused = open_in(directory, "refused");
	int err = own && (flows || refused) ? 0 : -ENOENT;

	*ret = (struct batch){.directory = strdup(directory)};
	if (!ret->directory)
		err = -ENOMEM;
	err = err ?: each_line(own, ret, own_add);
	if (!err)
		err = refused ? refusal_read(refused, ret) : each_line(flows, ret, flow_add);
	if (err) {
		fprintf(stderr, "%s: no batch: %s\n", directory, strerror(-err));
		batch_clear(ret);
	}
	return err;
}

void batch_clear(struct batch *batch)
{
	free(batch->directory);
	free(batch->refusal);
	free(batch->own);
	free(batch->flows);
	*batch = (struct batch){};
}
