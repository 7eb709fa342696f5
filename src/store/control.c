/*
 * control.c
 *		Attaching to a store: its directory and its control file.
 *
 * A control file is complete before it gets its name and is never changed in
 * size, so whoever can open it can map it.  Only the holder of the flock gives
 * the name to a file.  One that loses its name is first marked "replaced",
 * with epoch 0: processes that still have it mapped stop using what it named.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/stop.h"
#include "store/store_private.h"

int tview_control_errno;

/* Counts the forks that led to this process; see tview_store_is_forked. */
volatile unsigned tview_control_forks;

/* Runs in every child. */
static void
count_fork(void)
{
	tview_control_forks++;
}

/* Arms count_fork; called once. */
static void
watch_forks(void)
{
	pthread_atfork(NULL, NULL, count_fork);
}

/*
 * Turns an errno into a status and keeps it for tview_store_errno; store may
 * be NULL.
 */
TviewStoreStatus
tview_control_status(TviewStore *store, int error)
{
	if (error == 0)
		return TVIEW_STORE_OK;
	tview_control_errno = error;
	if (store != NULL)
		store->error = error;
	switch (error)
	{
		case ENOSPC:
		case EDQUOT:
			return TVIEW_STORE_NO_SPACE;
		case EACCES:
		case EPERM:
		case EROFS:
			return TVIEW_STORE_NO_ACCESS;
		case EMFILE:
		case ENFILE:
			return TVIEW_STORE_NO_FILES;
		case ENOMEM:
			return TVIEW_STORE_NO_MEMORY;
		case EBUSY:
			return TVIEW_STORE_BUSY;
		default:
			return TVIEW_STORE_IO;
	}
}

/* Keeps why and when, for people; readers may see a mixture of two reasons. */
static void
note_reason(TviewControl *control, const char *reason)
{
	size_t room = sizeof(control->reset_reason) - 1;
	size_t length = strnlen(reason, room);

	memcpy(control->reset_reason, reason, length);
	memset(control->reset_reason + length, 0,
		   sizeof(control->reset_reason) - length);
	atomic_store(&control->reset_time, (int64_t) time(NULL));
}

/*
 * Puts the first page on disk where contents outlive a power failure: an
 * epoch that came back to life would lack the marks of whoever reset it.
 */
static void
make_durable(TviewControl *control)
{
	if (control->durable)
		(void) msync(control, (size_t) sysconf(_SC_PAGESIZE), MS_SYNC);
}

/* Ends whatever the file describes, for good. */
static void
mark_replaced(TviewControl *control)
{
	atomic_store(&control->replaced, 1);
	atomic_store(&control->epoch, 0);
}

/*
 * A number above all earlier ones, also those of control files that nobody has
 * any more.
 */
static uint64_t
first_epoch(uint64_t above)
{
	struct timespec now;
	uint64_t start;
	uint8_t noise = 0;

	clock_gettime(CLOCK_REALTIME, &now);
	(void) !getrandom(&noise, sizeof(noise), GRND_NONBLOCK);
	start = ((uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000) *
			256 +
		noise;
	return start > above ? start : above + 1;
}

/* True when the mapped file is the store that the caller means. */
static bool
is_expected(const TviewControl *control, const TviewStoreIdentity *identity,
			const struct stat *status)
{
	return memcmp(control->magic, TVIEW_CONTROL_MAGIC,
				  sizeof(control->magic)) == 0 &&
		control->version == TVIEW_STORE_VERSION &&
		control->size == sizeof(TviewControl) &&
		control->inode == (uint64_t) status->st_ino &&
		atomic_load(&control->replaced) == 0 &&
		control->identity.system_id == identity->system_id &&
		control->identity.database == identity->database &&
		control->identity.server == identity->server &&
		control->identity.timeline == identity->timeline &&
		control->identity.format == identity->format &&
		strncmp(control->identity.boot_id, identity->boot_id,
				sizeof(identity->boot_id)) == 0;
}

/*
 * Opens and maps the control file.  *expected says whether it is the right
 * one; a wrong one is mapped all the same when it is large enough to be
 * marked, else *control is NULL.
 */
static int
open_control(const char *path, const TviewStoreIdentity *identity, int *fd,
			 TviewControl **control, bool *expected)
{
	struct stat status;
	void *address = NULL;
	int rc = 0;

	*control = NULL;
	*expected = false;
	*fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0)
		return errno;
	if (fstat(*fd, &status) != 0)
		rc = errno;
	else if (S_ISREG(status.st_mode) &&
			 (size_t) status.st_size >= sizeof(TviewControl))
		rc = tview_file_map(*fd, sizeof(TviewControl), &address);
	if (rc != 0)
	{
		close(*fd);
		*fd = -1;
		return rc;
	}
	*control = address;
	*expected = address != NULL &&
		(size_t) status.st_size == sizeof(TviewControl) &&
		is_expected(*control, identity, &status);
	return 0;
}

/* Undoes open_control. */
static void
close_control(int fd, TviewControl *control)
{
	if (control != NULL)
		munmap(control, sizeof(TviewControl));
	if (fd >= 0)
		close(fd);
}

/*
 * Fills a mapped new control file, which has replaced another one's or a
 * damaged one, or none.
 */
static int
fill_control(TviewControl *control, int fd, const TviewStoreIdentity *identity,
			 bool replaces, uint64_t above)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return errno;
	memcpy(control->magic, TVIEW_CONTROL_MAGIC, sizeof(control->magic));
	control->version = TVIEW_STORE_VERSION;
	control->size = sizeof(TviewControl);
	control->inode = (uint64_t) status.st_ino;
	control->durable = identity->boot_id[0] == '\0';
	control->identity = *identity;
	control->identity.boot_id[sizeof(identity->boot_id) - 1] = '\0';
	atomic_store(&control->last_epoch, first_epoch(above));
	if (replaces)
	{
		strcpy(control->reset_reason, "files of another owner, boot or format");
		atomic_store(&control->reset_time, (int64_t) time(NULL));
	}
	if (control->durable && fsync(fd) != 0)
		return errno;
	return 0;
}

/* Gives the name "control" to a fresh file.  The caller holds the flock. */
static int
create_control(const char *dir, const char *path,
			   const TviewStoreIdentity *identity, bool replaces,
			   uint64_t above)
{
	char temporary[PATH_MAX];
	char name[64];
	void *address;
	int fd;
	int rc;

	snprintf(name, sizeof(name), "control.%ld.tmp", (long) getpid());
	rc = tview_file_path(temporary, dir, name);
	if (rc == 0)
		rc = tview_file_create(temporary, sizeof(TviewControl), &fd);
	if (rc != 0)
		return rc;
	rc = tview_file_map(fd, sizeof(TviewControl), &address);
	if (rc == 0)
	{
		rc = fill_control(address, fd, identity, replaces, above);
		munmap(address, sizeof(TviewControl));
	}
	TVIEW_STOP("attach.control");
	if (rc == 0 && rename(temporary, path) != 0)
		rc = errno;
	if (rc != 0)
		unlink(temporary);
	close(fd);
	if (rc == 0 && identity->boot_id[0] == '\0')
		rc = tview_file_sync_directory(dir);
	return rc;
}

/*
 * Creates or replaces the control file, unless another process has just done
 * so.
 */
static int
replace_control(const char *dir, const char *path,
				const TviewStoreIdentity *identity)
{
	TviewControl *control;
	uint64_t above = 0;
	bool expected;
	int lock;
	int fd;
	int rc;

	rc = tview_file_lock(dir, TVIEW_FILE_LOCK_MS, &lock);
	if (rc != 0)
		return rc;
	rc = open_control(path, identity, &fd, &control, &expected);
	if (rc == 0 && !expected && control != NULL)
	{
		if (memcmp(control->magic, TVIEW_CONTROL_MAGIC,
				   sizeof(control->magic)) == 0)
			above = atomic_load(&control->last_epoch);
		/* a number near the end of the range can only be garbage */
		if (above > UINT64_MAX / 2)
			above = 0;
		mark_replaced(control);
	}
	if (rc == 0)
		close_control(fd, control);
	if ((rc == 0 && !expected) || rc == ENOENT || rc == ELOOP)
	{
		/* what the epochs hold is nobody's any more; a failure is not fatal */
		(void) tview_file_remove_leftovers(dir);
		rc = create_control(dir, path, identity, rc == 0, above);
	}
	tview_file_unlock(lock);
	return rc;
}

/* Opens the right control file, creating it where it is missing or wrong. */
static int
attach_control(const char *dir, const TviewStoreIdentity *identity, int *fd,
			   TviewControl **control)
{
	char path[PATH_MAX];
	bool expected;
	int rc = tview_file_path(path, dir, "control");

	/* more than one round only while others remove or replace the store */
	for (int round = 0; rc == 0 && round < 5; round++)
	{
		if (mkdir(dir, 0700) != 0 && errno != EEXIST)
			return errno;
		rc = open_control(path, identity, fd, control, &expected);
		if (rc == 0 && expected)
			return 0;
		if (rc == 0)
			close_control(*fd, *control);
		else if (rc != ENOENT && rc != ELOOP)
			return rc;
		rc = replace_control(dir, path, identity);
		if (rc == ENOENT)
			rc = 0;
	}
	return rc == 0 ? EBUSY : rc;
}

/* Opens the store in dir; see store.h. */
TviewStoreStatus
tview_store_attach(const char *dir, const TviewStoreIdentity *identity,
				   TviewStore **store)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	TviewStore *result;
	int rc;

	*store = NULL;
	pthread_once(&once, watch_forks);
	/* epoch directories and LMDB's names must fit behind it */
	if (strlen(dir) > PATH_MAX - 64)
		return tview_control_status(NULL, ENAMETOOLONG);
	result = calloc(1, sizeof(TviewStore));
	if (result == NULL)
		return tview_control_status(NULL, ENOMEM);
	result->dir = strdup(dir);
	result->control_fd = -1;
	result->fork_count = tview_control_forks;
	result->read.store = result;
	result->write.store = result;
	result->write.is_write = true;
	rc = result->dir == NULL
		? ENOMEM
		: attach_control(dir, identity, &result->control_fd, &result->control);
	if (rc != 0)
	{
		free(result->dir);
		free(result);
		return tview_control_status(NULL, rc);
	}
	*store = result;
	return TVIEW_STORE_OK;
}

/*
 * Closes everything; in a forked child only forgets, for the maps' locks are
 * the parent's.
 */
void
tview_store_detach(TviewStore *store)
{
	if (store == NULL || tview_store_is_forked(store))
		return;
	tview_epoch_leave(store);
	close_control(store->control_fd, store->control);
	free(store->dir);
	free(store);
}

/* False when another file (or none) has our control file's name. */
bool
tview_store_is_linked(TviewStore *store)
{
	struct stat status;

	return atomic_load_explicit(&store->control->replaced,
								memory_order_relaxed) == 0 &&
		fstat(store->control_fd, &status) == 0 && status.st_nlink > 0;
}

/* The current epoch; 0 also in a forked child. */
uint64_t
tview_store_epoch(TviewStore *store)
{
	if (tview_store_is_forked(store))
		return 0;
	return atomic_load_explicit(&store->control->epoch, memory_order_acquire);
}

/* Ends the contents, whichever they are. */
void
tview_store_reset(TviewStore *store, const char *reason)
{
	TVIEW_STOP("reset.begin");
	/* only the first reason is the cause */
	if (atomic_exchange(&store->control->epoch, 0) != 0)
		note_reason(store->control, reason);
	make_durable(store->control);
	TVIEW_STOP("reset.end");
}

/*
 * Ends the contents if they still are that epoch; true when this call did it.
 */
bool
tview_control_reset_epoch(TviewStore *store, uint64_t epoch, const char *reason)
{
	bool done = epoch != 0 &&
		atomic_compare_exchange_strong(&store->control->epoch, &epoch, 0);

	if (done)
	{
		note_reason(store->control, reason);
		make_durable(store->control);
	}
	return done;
}

/* Marks and unlinks the store's files, then removes the directory. */
static int
remove_files(const char *dir)
{
	static const TviewStoreIdentity nobody;
	char path[PATH_MAX];
	TviewControl *control;
	bool expected;
	int fd;
	int rc = tview_file_path(path, dir, "control");

	if (rc != 0)
		return rc;
	if (open_control(path, &nobody, &fd, &control, &expected) == 0)
	{
		if (control != NULL)
		{
			mark_replaced(control);
			if (memcmp(control->magic, TVIEW_CONTROL_MAGIC,
					   sizeof(control->magic)) == 0)
				note_reason(control, "store removed");
		}
		close_control(fd, control);
	}
	if (unlink(path) != 0 && errno != ENOENT)
		return errno;
	rc = tview_file_remove_leftovers(dir);
	if (rc == 0)
		rc = tview_file_path(path, dir, "lock");
	if (rc == 0 && unlink(path) != 0 && errno != ENOENT)
		rc = errno;
	if (rc == 0 && rmdir(dir) != 0 && errno != ENOENT)
		rc = errno;
	return rc;
}

/* Removes the store in dir; one that does not exist counts as removed. */
TviewStoreStatus
tview_store_remove(const char *dir)
{
	struct stat status;
	int rc = 0;

	/* another round when somebody attached meanwhile */
	for (int round = 0; round < 3; round++)
	{
		int lock;

		if (stat(dir, &status) != 0)
			return tview_control_status(NULL, errno == ENOENT ? 0 : errno);
		rc = tview_file_lock(dir, TVIEW_FILE_LOCK_MS, &lock);
		/* a stuck owner of the lock does not keep the store alive */
		if (rc != 0 && rc != EBUSY)
			return tview_control_status(NULL, rc == ENOENT ? 0 : rc);
		rc = remove_files(dir);
		if (lock >= 0)
			tview_file_unlock(lock);
		if (rc != ENOTEMPTY && rc != EEXIST)
			break;
	}
	return tview_control_status(NULL, rc);
}

/*
 * errno of the last failure; of the last attach or remove when store is NULL.
 */
int
tview_store_errno(TviewStore *store)
{
	return store != NULL ? store->error : tview_control_errno;
}

/* A static text for a status, fit for an error message. */
const char *
tview_store_message(TviewStoreStatus status)
{
	switch (status)
	{
		case TVIEW_STORE_OK:
			return "success";
		case TVIEW_STORE_NOTFOUND:
			return "no such key";
		case TVIEW_STORE_EXISTS:
			return "key already exists";
		case TVIEW_STORE_BUSY:
			return "another process is at work";
		case TVIEW_STORE_RESET:
			return "store has been reset";
		case TVIEW_STORE_LOG_FULL:
			return "mark log is full";
		case TVIEW_STORE_MAP_FULL:
			return "store is full";
		case TVIEW_STORE_READERS_FULL:
			return "no free reader slot";
		case TVIEW_STORE_NO_FILES:
			return "too many open files";
		case TVIEW_STORE_NO_MEMORY:
			return "out of memory";
		case TVIEW_STORE_NO_SPACE:
			return "no space left on device";
		case TVIEW_STORE_NO_ACCESS:
			return "permission denied";
		case TVIEW_STORE_IO:
			return "input/output error";
		case TVIEW_STORE_CORRUPT:
			return "store is damaged";
	}
	return "unknown status";
}
