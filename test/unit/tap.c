/*
 * tap.c
 *		The tests' harness; see tap.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <lmdb.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

#ifdef TVIEW_COVERAGE
void __gcov_dump(void);
#endif

const TviewStoreIdentity tap_identity = {.system_id = 42,
										 .database = 5,
										 .server = 16384,
										 .timeline = 1,
										 .format = 1,
										 .boot_id = "boot"};
const TviewStoreConfig tap_config = {.map_size = 16 << 20,
									 .mark_log_size = 1024 * sizeof(TviewMark),
									 .max_readers = 64};

static int count;
static int failures;
static char directory[PATH_MAX];
static uint64_t random_state = 88172645463325252;

/*
 * LMDB 0.9.26 to 0.9.31 cannot close an environment that others use, so the
 * store leaves it open there: for the leak checker, a leak.
 */
extern const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return tap_lmdb_stays_open() ? "leak:mdb_env_\nleak:liblmdb\n" : "";
}

bool
tap_lmdb_stays_open(void)
{
	int major;
	int minor;
	int patch;

	(void) mdb_version(&major, &minor, &patch);
	return minor == 9 && patch >= 26 && patch <= 31;
}

/* Prints one result. */
bool
tap_ok(bool passed, const char *format, ...)
{
	va_list arguments;

	printf("%s %d - ", passed ? "ok" : "not ok", ++count);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
	fflush(stdout);
	failures += !passed;
	return passed;
}

/* Compares two numbers. */
bool
tap_is(uint64_t got, uint64_t wanted, const char *name)
{
	bool passed = tap_ok(got == wanted, "%s", name);

	if (!passed)
		tap_note("got %llu, wanted %llu", (unsigned long long) got,
				 (unsigned long long) wanted);
	return passed;
}

/* Counts n tests that cannot run here. */
void
tap_skip(int n, const char *reason)
{
	for (int i = 0; i < n; i++)
		printf("ok %d # SKIP %s\n", ++count, reason);
	fflush(stdout);
}

/* Prints a comment. */
void
tap_note(const char *format, ...)
{
	va_list arguments;

	printf("# ");
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
	fflush(stdout);
}

/* Gives up. */
void
tap_bail(const char *format, ...)
{
	va_list arguments;

	printf("Bail out! ");
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

/* Removes one entry of the test's directory. */
static int
remove_entry(const char *path, const struct stat *status, int type,
			 struct FTW *walk)
{
	return remove(path);
}

int
tap_done(void)
{
	if (directory[0] != '\0')
		nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	printf("1..%d\n", count);
	return failures != 0;
}

const char *
tap_path(const char *name)
{
	static char paths[4][PATH_MAX + 256];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	if (directory[0] == '\0')
	{
		const char *base = getenv("TMPDIR");

		snprintf(directory, sizeof(directory), "%s/tview_unit.XXXXXX",
				 base != NULL ? base : "/tmp");
		if (mkdtemp(directory) == NULL)
			tap_bail("mkdtemp %s: %s", directory, strerror(errno));
	}
	snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}

void *
tap_shared(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
						MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		tap_bail("mmap: %s", strerror(errno));
	return memory;
}

/* Ends a child: without what exit() would do for its parent. */
static void
leave(int status)
{
#ifdef TVIEW_COVERAGE
	__gcov_dump();
#endif
	_exit(status);
}

pid_t
tap_fork(int (*body)(void *argument), void *argument)
{
	pid_t pid = fork();

	if (pid < 0)
		tap_bail("fork: %s", strerror(errno));
	if (pid == 0)
	{
		tap_seed((uint64_t) getpid() * 2654435761u);
		leave(body(argument));
	}
	return pid;
}

int
tap_wait(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return 2000;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

bool
tap_lives(pid_t pid)
{
	siginfo_t info = {0};

	/* leaves the child to tap_wait */
	return waitid(P_PID, (id_t) pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		info.si_pid == 0;
}

void
tap_wait_stopped(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
		tap_bail("child %d did not stop (status %d)", (int) pid, status);
}

void
tap_barrier(_Atomic int *barrier, int n)
{
	++*barrier;
	while (*barrier < n)
		sched_yield();
}

double
tap_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

uint64_t
tap_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

void
tap_seed(uint64_t seed)
{
	random_state = seed | 1;
	for (int i = 0; i < 8; i++)
		tap_random();
}

TviewStoreStatus
tap_enter(TviewStore *store, const TviewStoreConfig *config, uint64_t *epoch)
{
	for (;;)
	{
		TviewStoreStatus status = tview_store_enter(store, config, epoch);

		if (status != TVIEW_STORE_RESET)
			return status;
		status = tview_store_revive(store, config);
		if (status != TVIEW_STORE_OK && status != TVIEW_STORE_BUSY)
			return status;
		sched_yield();
	}
}

TviewStore *
tap_store(const char *path, const TviewStoreConfig *config)
{
	TviewStore *store;
	uint64_t epoch;
	TviewStoreStatus status = tview_store_attach(path, &tap_identity, &store);

	if (status == TVIEW_STORE_OK)
		status = tap_enter(store, config, &epoch);
	if (status != TVIEW_STORE_OK)
		tap_bail("store %s: %s", path, tview_store_message(status));
	return store;
}
