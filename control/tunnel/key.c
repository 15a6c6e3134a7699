/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "tunnel/key.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"

#define FILE_MOST 256

int key_parse(const char *text, struct wg_key *ret)
{
	size_t blank = strspn(text, " \t\r\n"), length;
	struct wg_key key;
	const char *end;
	size_t used;
	int err = 0;

	text += blank;
	length = strcspn(text, " \t\r\n");
	if (length != KEY_TEXT_BYTES - 1 || text[length + strspn(text + length, " \t\r\n")])
		return -EINVAL;
	if (sodium_base642bin(key.byte, sizeof(key.byte), text, length, NULL, &used, &end,
			      sodium_base64_VARIANT_ORIGINAL) ||
	    used != sizeof(key.byte) || end != text + length)
		err = -EINVAL;
	if (!err)
		*ret = key;
	sodium_memzero(&key, sizeof(key));
	return err;
}

char *key_print(const struct wg_key *key, char *text)
{
	return sodium_bin2base64(text, KEY_TEXT_BYTES, key->byte, sizeof(key->byte),
				 sodium_base64_VARIANT_ORIGINAL);
}

void key_clamp(struct wg_key *key)
{
	key->byte[0] &= 248;
	key->byte[31] = (key->byte[31] & 127) | 64;
}

int key_make(struct wg_key *ret)
{
	if (sodium_init() < 0)
		return -EIO;
	randombytes_buf(ret->byte, sizeof(ret->byte));
	key_clamp(ret);
	return 0;
}

void key_public(const struct wg_key *private_key, struct wg_key *ret)
{
	crypto_scalarmult_base(ret->byte, private_key->byte);
}

int key_file_read(const char *path, bool secret, struct wg_key *ret, struct refusal *refusal)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char text[FILE_MOST];
	struct stat about;
	ssize_t length;
	int err;

	if (fd < 0 || fstat(fd, &about) < 0)
		return refuse(refusal, -errno, "%s", path);
	if (!S_ISREG(about.st_mode))
		return refuse_plainly(refusal, -EINVAL, "%s is no regular file, expected a key's",
				      path);
	if (secret && about.st_mode & (S_IRWXG | S_IRWXO))
		return refuse_plainly(refusal, -EPERM,
				      "%s has mode %04o, so others may read the key, expected 0600",
				      path, about.st_mode & 07777);
	length = read(fd, text, sizeof(text) - 1);
	if (length < 0)
		return refuse(refusal, -errno, "%s", path);
	text[length] = '\0';
	err = key_parse(text, ret);
	sodium_memzero(text, sizeof(text));
	return err ? refuse_plainly(refusal, err, "%s holds no key, expected 32 bytes in base64",
				    path)
		   : 0;
}

static int make_directory(const char *path)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (!slash || slash == path)
		return 0;
	snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path);
	return mkdir(directory, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static int write_key(int fd, const struct wg_key *key)
{
	char text[KEY_TEXT_BYTES + 1];
	int err = 0;

	key_print(key, text);
	text[KEY_TEXT_BYTES - 1] = '\n';
	if (write(fd, text, KEY_TEXT_BYTES) != KEY_TEXT_BYTES || fsync(fd) < 0)
		err = errno ? -errno : -EIO;
	sodium_memzero(text, sizeof(text));
	return err;
}

int key_file_make(const char *path, struct wg_key *ret, struct refusal *refusal)
{
	cleanup_close int fd = -1;
	int err = make_directory(path);

	if (err)
		return refuse(refusal, err, "%s cannot be made", path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return refuse(refusal, -errno, "%s cannot be made", path);
	err = key_make(ret);
	if (!err)
		err = write_key(fd, ret);
	if (!err)
		return 0;
	unlink(path);
	return refuse(refusal, err, "%s cannot be written", path);
}
