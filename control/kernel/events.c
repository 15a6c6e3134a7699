/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/inside.h"

#include <errno.h>
#include <string.h>

/* A record of another size is of another layout: not for us. */
static int give_event(void *data, void *record, size_t size)
{
	const struct event_reader *reader = data;
	struct chq_event event;

	if (size < sizeof(event) || !reader->each)
		return 0;
	memcpy(&event, record, sizeof(event));
	reader->each(reader->data, &event);
	return 0;
}

int events_open(struct datapath *datapath)
{
	datapath->ring = ring_buffer__new(map_fd(datapath, "chq_events"), give_event,
					  &datapath->reader, NULL);
	if (!datapath->ring)
		return refuse(&datapath->refusal, -errno, "cannot read the ring of events");
	return 0;
}

int datapath_events_fd(const struct datapath *datapath)
{
	return ring_buffer__epoll_fd(datapath->ring);
}

int datapath_events_read(struct datapath *datapath,
			 void (*each)(void *data, const struct chq_event *event), void *data)
{
	int count;

	datapath->reader = (struct event_reader){each, data};
	count = ring_buffer__consume(datapath->ring);
	datapath->reader = (struct event_reader){};
	return count;
}
