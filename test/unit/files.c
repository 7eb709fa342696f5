/*
 * files.c
 *		See files.h.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

#define LONG_EVERY 100 /* such a row has pages of its own */

TviewStoreConfig files_config;

static uint32_t
size_of(uint64_t i, uint64_t version)
{
	return i % LONG_EVERY == 0 ? 9000 : 40 + 8 * (uint32_t) ((i + version) % 9);
}

static void
fill(void *room, uint64_t i, uint64_t version)
{
	memset(room, (int) (i * 7 + version), size_of(i, version));
}

static bool
is_filled(const TviewValue *value, uint64_t i, uint64_t version)
{
	const unsigned char *bytes = value->data;

	if (value->size != size_of(i, version))
		return false;
	for (size_t k = 0; k < value->size; k++)
		if (bytes[k] != (unsigned char) (i * 7 + version))
			return false;
	return true;
}

TviewStoreStatus
files_put_row(TviewTxn *txn, uint32_t rel, uint64_t i, uint64_t version)
{
	uint64_t index[2] = {__builtin_bswap64(i * 31), __builtin_bswap64(i)};
	uint64_t key = i;
	void *room;
	TviewStoreStatus status = tview_put_reserve(
		txn, TVIEW_DB_ROWS, rel, &key, 8, size_of(i, version), &room);

	if (status == TVIEW_STORE_OK)
	{
		fill(room, i, version);
		status = tview_put(txn, TVIEW_DB_INDEX, rel, index, 16, NULL, 0);
	}
	return status;
}

/* A child's: makes the store of argument, and says where its epoch is. */
static int
make_store(void *argument)
{
	Files *files = argument;
	TviewStore *store = tap_store(files->path, &files_config);
	TviewMark marks[MARKS];
	TviewTxn *txn;

	/* twice: the second time makes pages free */
	for (int round = 0; round < 2; round++)
		for (uint32_t rel = 1; rel <= DATABASES; rel++)
		{
			if (tview_write_begin(store, true, &txn) != TVIEW_STORE_OK)
				tap_bail("write_begin");
			for (uint64_t i = 0; i < ROWS; i++)
				if (files_put_row(txn, rel, i, 1) != TVIEW_STORE_OK)
					tap_bail("put");
			if (tview_write_commit(txn) != TVIEW_STORE_OK)
				tap_bail("commit");
		}
	memset(marks, 0, sizeof(marks));
	for (uint64_t i = 0; i < MARKS; i++)
		marks[i].tag = i * 1000;
	if (tview_log_append(store, marks, MARKS) != TVIEW_STORE_OK)
		tap_bail("append");
	tview_epoch_path(store, store->entered, NULL, files->epoch);
	tview_store_detach(store);
	return 0;
}

/*
 * 0: all is as it should be; 1: damage was found; 2: something is wrong.
 * The row "changed" has version 2, if not 0.
 */
int
files_read(TviewStore *store, uint64_t changed)
{
	TviewTxn *txn;
	TviewCursor *cursor;
	TviewValue key;
	TviewValue value;
	int result = 0;

	if (tview_read_begin(store, &txn) != TVIEW_STORE_OK)
		return 1;
	for (uint32_t rel = 1; rel <= DATABASES && result == 0; rel++)
	{
		for (uint64_t i = 0; i < ROWS && result == 0; i++)
		{
			TviewStoreStatus status =
				tview_get(txn, TVIEW_DB_ROWS, rel, &i, 8, &value);

			if (status == TVIEW_STORE_CORRUPT)
				result = 1;
			else if (status != TVIEW_STORE_OK ||
					 !is_filled(&value, i, i == changed && i > 0 ? 2 : 1))
				result = 2;
		}
		for (int kind = TVIEW_DB_ROWS; kind <= TVIEW_DB_INDEX; kind++)
		{
			TviewStoreStatus status =
				tview_cursor_open(txn, (TviewDbKind) kind, rel, &cursor);
			uint64_t n = 0;

			if (status == TVIEW_STORE_OK)
			{
				while ((status = tview_cursor_move(cursor, TVIEW_SEEK_NEXT,
												   &key, &value)) ==
					   TVIEW_STORE_OK)
					n++;
				tview_cursor_close(cursor);
			}
			if (status == TVIEW_STORE_CORRUPT)
				result = result == 0 ? 1 : result;
			else if (n != ROWS)
				result = 2;
		}
	}
	tview_read_end(txn);
	return result;
}

void
file_load(File *file, const char *path)
{
	struct stat status;
	int fd = open(path, O_RDONLY);

	snprintf(file->path, sizeof(file->path), "%s", path);
	if (fd < 0 || fstat(fd, &status) != 0)
		tap_bail("open %s", path);
	file->size = (size_t) status.st_size;
	file->bytes = malloc(file->size);
	if (file->bytes == NULL ||
		read(fd, file->bytes, file->size) != (ssize_t) file->size)
		tap_bail("read %s", path);
	close(fd);
}

void
file_overwrite(const File *file, size_t at, const void *bytes, size_t n)
{
	int fd = open(file->path, O_WRONLY);

	if (fd < 0 || pwrite(fd, bytes, n, (off_t) at) != (ssize_t) n)
		tap_bail("write %s", file->path);
	close(fd);
}

static void
restore(const File *file)
{
	file_overwrite(file, 0, file->bytes, file->size);
	if (truncate(file->path, (off_t) file->size) != 0)
		tap_bail("truncate %s", file->path);
}

void
file_flip(const File *file, size_t bit)
{
	unsigned char byte = file->bytes[bit / 8] ^ (unsigned char) (1 << bit % 8);

	file_overwrite(file, bit / 8, &byte, 1);
}

void
files_load(Files *files, const char *path)
{
	Files *made = tap_shared(sizeof(Files));
	char name[2 * PATH_MAX];

	snprintf(made->path, sizeof(made->path), "%s", path);
	if (tap_wait(tap_fork(make_store, made)) != 0)
		tap_bail("make the store");
	*files = *made;
	munmap(made, sizeof(Files));
	snprintf(name, sizeof(name), "%s/control", path);
	file_load(&files->control, name);
	snprintf(name, sizeof(name), "%s/data.mdb", files->epoch);
	file_load(&files->data, name);
	snprintf(name, sizeof(name), "%s/sums", files->epoch);
	file_load(&files->sums, name);
	snprintf(name, sizeof(name), "%s/marks", files->epoch);
	file_load(&files->marks, name);
}

void
files_restore(const Files *files)
{
	restore(&files->control);
	restore(&files->data);
	restore(&files->sums);
	restore(&files->marks);
}

void
files_free(Files *files)
{
	free(files->control.bytes);
	free(files->data.bytes);
	free(files->sums.bytes);
	free(files->marks.bytes);
}

/* What was verified before is to be verified again. */
void
files_distrust(void)
{
	static uint64_t starts = 0;

	tview_store_trust(++starts, 0);
}

TviewStore *
files_attach(const Files *files, TviewStoreStatus *status)
{
	TviewStore *store;
	uint64_t epoch;

	if (tview_store_attach(files->path, &tap_identity, &store) !=
		TVIEW_STORE_OK)
		tap_bail("attach");
	files_distrust();
	*status = tview_store_enter(store, NULL, &epoch);
	return store;
}

/* The sanitizer need not report the crash. */
void
files_silence(void)
{
	int fd = open("/dev/null", O_WRONLY);

	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		_exit(50);
}
