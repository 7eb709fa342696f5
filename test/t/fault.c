/*
 * fault.c
 *		Preloaded into a server by TviewFault.pm: stops or kills a backend at a
 *		named point, has the disk full, and hides the kernel's boot id.
 *
 * It stands before the functions of the C library and of LMDB through which
 * the store does its work.  Mutexes that are taken by trylock or timedlock are
 * the store's own: neither PostgreSQL nor LMDB calls these.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* In the order of TviewFault.pm. */
enum
{
	POINT_NONE,
	POINT_PUBLISHING, /* one lock is about to be given back */
	POINT_PUBLISHED,  /* it was given back */
	POINT_SETTLING,	  /* the second lock is about to be given back */
	POINT_STORING,	  /* LMDB's commit begins */
	POINT_PAGES,	  /* it is about to write the first page */
	POINT_META,		  /* it is about to write the meta page */
	POINT_ANNOUNCING, /* it has written it, and says so to nobody yet */
	POINT_STORED,	  /* it is over */
	POINT_SCANNING,	  /* a cursor moves */
	POINT_READING	  /* a row is looked up */
};

/* The file that the test writes to. */
struct control
{
	volatile int32_t pid;	/* who; 0: nobody (any more) */
	volatile int32_t point; /* where */
	volatile int32_t count; /* at which passage */
	volatile int32_t sent;	/* the signal */
	volatile int32_t full;	/* 1: the stores' disk, 2: that of all data */
	volatile int32_t hits;	/* writes that have found the disk full */
};

static struct control *control;
static bool boot_id_is_hidden;
static __thread bool in_commit;
static __thread pthread_mutex_t *held[4];
static __thread int depth;

#define REAL(name) \
	static __typeof__(&name) real; \
	if (real == NULL) \
	real = (__typeof__(&name)) dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void
map_control(void)
{
	const char *path = getenv("TVIEW_FAULT");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map;

	boot_id_is_hidden = getenv("TVIEW_FAULT_NO_BOOT_ID") != NULL;
	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		control = map;
}

/* A backend passes a point. */
static void
pass(int point)
{
	if (control == NULL || control->point != point || control->pid != getpid() ||
		--control->count > 0)
		return;
	control->pid = 0;
	kill(getpid(), control->sent);
}

/* ---- locks ---- */

static void
note_lock(pthread_mutex_t *mutex)
{
	if (depth < 4)
		held[depth++] = mutex;
}

int
pthread_mutex_trylock(pthread_mutex_t *mutex)
{
	int rc;

	REAL(pthread_mutex_trylock);
	rc = real(mutex);
	if (rc == 0 || rc == EOWNERDEAD)
		note_lock(mutex);
	return rc;
}

int
pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *until)
{
	int rc;

	REAL(pthread_mutex_timedlock);
	rc = real(mutex, until);
	if (rc == 0 || rc == EOWNERDEAD)
		note_lock(mutex);
	return rc;
}

int
pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	bool last = false;
	int rc;

	REAL(pthread_mutex_unlock);
	for (int i = 0; i < depth; i++)
	{
		if (held[i] != mutex)
			continue;
		last = depth == 1;
		pass(last ? POINT_PUBLISHING : POINT_SETTLING);
		held[i] = held[--depth];
	}
	rc = real(mutex);
	if (last)
		pass(POINT_PUBLISHED);
	return rc;
}

/* ---- LMDB ---- */

struct MDB_txn;
extern int mdb_txn_commit(struct MDB_txn *txn);

int
mdb_txn_commit(struct MDB_txn *txn)
{
	int rc;

	REAL(mdb_txn_commit);
	/* without the lock it is a read transaction */
	if (depth > 0)
		pass(POINT_STORING);
	in_commit = true;
	rc = real(txn);
	in_commit = false;
	if (depth > 0)
		pass(POINT_STORED);
	return rc;
}

/*
 * ---- the store: reads do without LMDB's functions ----
 *
 * From PostgreSQL 16 on only the library with stop points shows these.
 */

struct TviewTxn;
struct TviewCursor;
struct TviewValue;
extern int tview_cursor_move(struct TviewCursor *cursor, int seek, struct TviewValue *key, struct TviewValue *value);
extern int tview_get(struct TviewTxn *txn, int kind, uint32_t rel, const void *key, size_t keysize, struct TviewValue *value);

int
tview_cursor_move(struct TviewCursor *cursor, int seek, struct TviewValue *key, struct TviewValue *value)
{
	REAL(tview_cursor_move);
	pass(POINT_SCANNING);
	return real(cursor, seek, key, value);
}

int
tview_get(struct TviewTxn *txn, int kind, uint32_t rel, const void *key, size_t keysize, struct TviewValue *value)
{
	REAL(tview_get);
	pass(POINT_READING);
	return real(txn, kind, rel, key, keysize, value);
}

/* ---- the disk ---- */

/* True when the path is on the disk that is full. */
static bool
is_on_full_disk(const char *path)
{
	return control->full == 2 ? strstr(path, "/pgdata/") != NULL
							  : strstr(path, "pgsql_tmp_tview") != NULL;
}

/* True when the bytes have no room: they are not allocated, and cannot be. */
static bool
has_no_room(int fd, off_t offset, size_t size)
{
	char link[64];
	char path[4096];
	struct stat st;
	ssize_t n;

	if (control == NULL || control->full == 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
		offset + (off_t) size <= st.st_blocks * 512)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	if (!is_on_full_disk(path))
		return false;
	__atomic_fetch_add(&control->hits, 1, __ATOMIC_RELAXED);
	errno = ENOSPC;
	return true;
}

static size_t
total_size(const struct iovec *iov, int n)
{
	size_t size = 0;

	for (int i = 0; i < n; i++)
		size += iov[i].iov_len;
	return size;
}

/* LMDB writes its meta pages, the first two, in pieces. */
static bool
is_meta(off_t offset, size_t size)
{
	return size < 4096 && offset < 8192;
}

ssize_t
pwrite(int fd, const void *buffer, size_t size, off_t offset)
{
	ssize_t n;

	REAL(pwrite);
	if (has_no_room(fd, offset, size))
		return -1;
	if (!in_commit)
		return real(fd, buffer, size, offset);
	pass(is_meta(offset, size) ? POINT_META : POINT_PAGES);
	n = real(fd, buffer, size, offset);
	if (is_meta(offset, size))
		pass(POINT_ANNOUNCING);
	return n;
}

ssize_t
pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
	REAL(pwritev);
	return has_no_room(fd, offset, total_size(iov, n)) ? -1 : real(fd, iov, n, offset);
}

ssize_t
write(int fd, const void *buffer, size_t size)
{
	REAL(write);
	if (control != NULL && control->full != 0 && has_no_room(fd, lseek(fd, 0, SEEK_CUR), size))
		return -1;
	if (in_commit)
		pass(POINT_PAGES);
	return real(fd, buffer, size);
}

ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	REAL(writev);
	if (control != NULL && control->full != 0 &&
		has_no_room(fd, lseek(fd, 0, SEEK_CUR), total_size(iov, n)))
		return -1;
	if (in_commit)
		pass(POINT_PAGES);
	return real(fd, iov, n);
}

/* As where /proc is not mounted, or shows processes only. */
int
open(const char *path, int flags, ...)
{
	mode_t mode;
	va_list args;

	REAL(open);
	if (boot_id_is_hidden && strcmp(path, "/proc/sys/kernel/random/boot_id") == 0)
	{
		errno = ENOENT;
		return -1;
	}
	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	return real(path, flags, mode);
}

int
posix_fallocate(int fd, off_t offset, off_t size)
{
	REAL(posix_fallocate);
	return has_no_room(fd, offset, (size_t) size) ? ENOSPC : real(fd, offset, size);
}

int
mkdir(const char *path, mode_t mode)
{
	REAL(mkdir);
	if (control != NULL && control->full == 1 && is_on_full_disk(path))
	{
		__atomic_fetch_add(&control->hits, 1, __ATOMIC_RELAXED);
		errno = ENOSPC;
		return -1;
	}
	return real(path, mode);
}
