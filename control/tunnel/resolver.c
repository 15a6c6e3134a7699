/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "tunnel/resolver.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/cleanup.h"

struct entry {
	struct entry *next;
	char *name;
	union wg_endpoint endpoint;
	char problem[128];
	long tried_s; /* monotonic; 0: never */
	bool wanted;
};

struct resolver {
	void (*news)(void *data);
	void *data;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct entry *entries; /* few: one for each host that a Peer names */
	bool ending;
};

static long now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec + 1;
}

static struct entry *next_wanted(struct resolver *resolver)
{
	struct entry *entry = resolver->entries;

	while (entry && !entry->wanted)
		entry = entry->next;
	return entry;
}

static void take_address(struct entry *entry, const struct addrinfo *info)
{
	union wg_endpoint endpoint = {};

	if (info->ai_addrlen > sizeof(endpoint))
		return;
	memcpy(&endpoint, info->ai_addr, info->ai_addrlen);
	entry->endpoint = endpoint;
}

/* An answer that names none of our families leaves the old address in force. */
static void resolve(struct resolver *resolver, struct entry *entry)
{
	static const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
	struct addrinfo *found = NULL;
	int err;

	entry->wanted = false;
	pthread_mutex_unlock(&resolver->lock);
	err = getaddrinfo(entry->name, NULL, &hints, &found);
	pthread_mutex_lock(&resolver->lock);
	entry->tried_s = now_s();
	snprintf(entry->problem, sizeof(entry->problem), "%s", err ? gai_strerror(err) : "");
	if (!err)
		take_address(entry, found);
	if (found)
		freeaddrinfo(found);
}

/* Entries are never freed while the thread runs, so one may be read without the lock. */
static void *run(void *data)
{
	struct resolver *resolver = data;
	struct entry *entry;

	pthread_mutex_lock(&resolver->lock);
	while (!resolver->ending) {
		entry = next_wanted(resolver);
		if (!entry) {
			pthread_cond_wait(&resolver->work, &resolver->lock);
			continue;
		}
		resolve(resolver, entry);
		pthread_mutex_unlock(&resolver->lock);
		resolver->news(resolver->data);
		pthread_mutex_lock(&resolver->lock);
	}
	pthread_mutex_unlock(&resolver->lock);
	return NULL;
}

int resolver_open(void (*news)(void *data), void *data, struct resolver **ret)
{
	cleanup_free struct resolver *resolver = calloc(1, sizeof(*resolver));
	int err;

	if (!resolver)
		return -ENOMEM;
	resolver->news = news;
	resolver->data = data;
	pthread_mutex_init(&resolver->lock, NULL);
	pthread_cond_init(&resolver->work, NULL);
	err = pthread_create(&resolver->thread, NULL, run, resolver);
	if (err)
		return -err;
	*ret = give(resolver);
	return 0;
}

void resolver_close(struct resolver *resolver)
{
	struct entry *entry;

	if (!resolver)
		return;
	pthread_mutex_lock(&resolver->lock);
	resolver->ending = true;
	pthread_cond_signal(&resolver->work);
	pthread_mutex_unlock(&resolver->lock);
	pthread_join(resolver->thread, NULL);
	while ((entry = resolver->entries)) {
		resolver->entries = entry->next;
		free(entry->name);
		free(entry);
	}
	free(resolver);
}

static struct entry *find_or_add(struct resolver *resolver, const char *name)
{
	struct entry *entry = resolver->entries;

	while (entry && strcmp(entry->name, name) != 0)
		entry = entry->next;
	if (entry)
		return entry;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->name = strdup(name);
	if (!entry->name) {
		free(entry);
		return NULL;
	}
	entry->next = resolver->entries;
	resolver->entries = entry;
	return entry;
}

int resolver_ask(struct resolver *resolver, const char *name, long fresh_s, struct resolved *ret)
{
	struct entry *entry;

	pthread_mutex_lock(&resolver->lock);
	entry = find_or_add(resolver, name);
	if (!entry) {
		pthread_mutex_unlock(&resolver->lock);
		return -ENOMEM;
	}
	ret->endpoint = entry->endpoint;
	memcpy(ret->problem, entry->problem, sizeof(ret->problem));
	ret->age_s = entry->tried_s ? now_s() - entry->tried_s : -1;
	if (ret->age_s < 0 || ret->age_s >= fresh_s) {
		entry->wanted = true;
		pthread_cond_signal(&resolver->work);
	}
	pthread_mutex_unlock(&resolver->lock);
	return 0;
}
