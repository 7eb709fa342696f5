/*
 * A store has one control file whoever attaches, and one that is wrong is
 * replaced, never trusted.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store_private.h"
#include "tap.h"

#define RACERS 8

typedef struct Race
{
	_Atomic int barrier;
	_Atomic int barrier2;
	char path[PATH_MAX];
	uint64_t inode[RACERS];
	uint64_t epoch[RACERS];
	_Atomic int next;
} Race;

static uint64_t
inode_of(TviewStore *store)
{
	struct stat status;

	return fstat(store->control_fd, &status) == 0 ? (uint64_t) status.st_ino
												  : 0;
}

static int
race_body(void *argument)
{
	Race *race = argument;
	int me = race->next++;
	TviewStore *store;

	tap_barrier(&race->barrier, RACERS);
	if (tview_store_attach(race->path, &tap_identity, &store) != TVIEW_STORE_OK)
		return 1;
	race->inode[me] = inode_of(store);
	if (tap_enter(store, &tap_config, &race->epoch[me]) != TVIEW_STORE_OK)
		return 2;
	/* leaving early would be fine, but a new epoch must not come from it */
	tap_barrier(&race->barrier2, RACERS);
	if (!tview_store_is_linked(store) ||
		tview_store_epoch(store) != race->epoch[me])
		return 3;
	tview_store_detach(store);
	return 0;
}

static void
test_attach_race(void)
{
	int failed = 0;
	int differ = 0;

	for (int round = 0; round < 25; round++)
	{
		Race *race = tap_shared(sizeof(Race));
		pid_t pids[RACERS];
		char name[32];

		snprintf(name, sizeof(name), "race%d", round);
		snprintf(race->path, sizeof(race->path), "%s", tap_path(name));
		if (round % 3 == 1)
		{
			/* a store of somebody else is in the way */
			TviewStoreIdentity other = tap_identity;
			TviewStore *store;

			other.server++;
			if (tview_store_attach(race->path, &other, &store) ==
				TVIEW_STORE_OK)
				tview_store_detach(store);
		}
		for (int i = 0; i < RACERS; i++)
			pids[i] = tap_fork(race_body, race);
		for (int i = 0; i < RACERS; i++)
			failed += tap_wait(pids[i]) != 0;
		for (int i = 1; i < RACERS; i++)
			differ += race->inode[i] != race->inode[0] ||
				race->epoch[i] != race->epoch[0];
	}
	tap_is((uint64_t) failed, 0,
		   "attach race: 25 times 8 processes attach and enter");
	tap_is((uint64_t) differ, 0,
		   "attach race: all with the same control file and epoch");
}

static void
test_identity(void)
{
	const char *path = tap_path("identity");
	TviewStore *old = tap_store(path, &tap_config);
	TviewStoreIdentity other;
	TviewStore *store;
	TviewMark mark = {.xid = 1};
	uint64_t epoch = tview_store_epoch(old);
	uint64_t last;
	int replaced = 0;

	tap_ok(epoch != 0, "a revived store has an epoch");
	tap_is(tview_store_attach(path, &tap_identity, &store), TVIEW_STORE_OK,
		   "attaching once more");
	tap_ok(tview_store_epoch(store) == epoch,
		   "same identity: the contents stay");
	tview_store_detach(store);

	other = tap_identity;
	other.timeline = 2;
	tap_is(tview_store_attach(path, &other, &store), TVIEW_STORE_OK,
		   "attach with another identity");
	tap_is(tview_store_epoch(store), 0, "... starts without contents");
	tap_is(tview_store_epoch(old), 0,
		   "... and the old handle has lost its own");
	tap_ok(!tview_store_is_linked(old),
		   "... and sees that its file was replaced");
	tap_is(tview_store_revive(old, &tap_config), TVIEW_STORE_RESET,
		   "... and cannot revive it");
	tap_is(tview_log_append(old, &mark, 1), TVIEW_STORE_RESET,
		   "... nor append");
	tap_is(tview_store_revive(store, &tap_config), TVIEW_STORE_OK,
		   "the new one is revived");
	last = tview_store_epoch(store);
	tap_ok(last > epoch, "epoch numbers grow across control files");
	tview_store_reset(old, "late");
	tap_ok(tview_store_epoch(store) == last,
		   "a reset through the old file does not reach the new one");
	tview_store_detach(old);
	tview_store_detach(store);

	for (int i = 0; i < 6; i++)
	{
		TviewStoreIdentity variants[6];

		for (int j = 0; j < 6; j++)
			variants[j] = other;
		variants[0].system_id++;
		variants[1].database++;
		variants[2].server++;
		variants[3].timeline++;
		variants[4].format++;
		strcpy(variants[5].boot_id, "another");
		store = NULL;
		if (tview_store_attach(path, &other, &store) != TVIEW_STORE_OK ||
			tview_store_revive(store, &tap_config) != TVIEW_STORE_OK)
			continue;
		tview_store_detach(store);
		if (tview_store_attach(path, &variants[i], &store) != TVIEW_STORE_OK)
			continue;
		replaced += tview_store_epoch(store) == 0;
		tview_store_detach(store);
	}
	tap_is((uint64_t) replaced, 6, "each field of the identity counts");
}

/*
 * Overwrites the control file with length bytes of noise, by a new file or in
 * place.
 */
static void
spoil_control(const char *path, size_t length, int flags)
{
	char name[PATH_MAX + 16];
	int fd;

	snprintf(name, sizeof(name), "%s/control", path);
	fd = open(name, O_WRONLY | O_CREAT | flags, 0600);
	for (size_t i = 0; i < length; i += 8)
	{
		uint64_t noise = tap_random();

		if (write(fd, &noise, 8) != 8)
			break;
	}
	close(fd);
}

static void
test_garbage(void)
{
	static const size_t lengths[] = {0,
									 8,
									 4096,
									 sizeof(TviewControl) - 8,
									 sizeof(TviewControl),
									 sizeof(TviewControl) + 8};
	const char *path = tap_path("garbage");
	char name[PATH_MAX + 16];
	char name2[PATH_MAX + 16];
	char command[3 * PATH_MAX];
	TviewStore *store = tap_store(path, &tap_config);
	int good = 0;
	struct stat status;
	uint64_t epoch;

	tview_store_detach(store);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
	{
		spoil_control(path, lengths[i], O_TRUNC);
		if (tview_store_attach(path, &tap_identity, &store) != TVIEW_STORE_OK)
			continue;
		if (tview_store_epoch(store) == 0 &&
			tap_enter(store, &tap_config, &epoch) == TVIEW_STORE_OK)
			good++;
		tview_store_detach(store);
	}
	tap_is((uint64_t) good, 6,
		   "garbage of any length is replaced by a fresh control file");

	/* a copy is not the store, though every byte is right */
	store = tap_store(path, &tap_config);
	snprintf(command, sizeof(command),
			 "cd '%s' && cp control control2 && mv control2 control", path);
	if (system(command) != 0)
		tap_bail("%s", command);
	tap_ok(!tview_store_is_linked(store),
		   "a control file that was replaced by its copy is noticed");
	tview_store_detach(store);
	tap_is(tview_store_attach(path, &tap_identity, &store), TVIEW_STORE_OK,
		   "attach to a copy");
	tap_is(tview_store_epoch(store), 0, "... does not trust it");
	tview_store_detach(store);

	snprintf(name, sizeof(name), "%s/control", path);
	snprintf(name2, sizeof(name2), "%s/elsewhere", path);
	rename(name, name2);
	if (symlink(name2, name) != 0)
		tap_bail("symlink");
	tap_is(tview_store_attach(path, &tap_identity, &store), TVIEW_STORE_OK,
		   "a symbolic link is replaced");
	tview_store_detach(store);
	tap_ok(lstat(name, &status) == 0 && S_ISREG(status.st_mode) &&
			   (status.st_mode & 07777) == 0600,
		   "the control file has mode 0600");
	tap_ok(stat(path, &status) == 0 && (status.st_mode & 07777) == 0700,
		   "the directory has mode 0700");

	tap_is(tview_store_attach(tap_path("no/parent"), &tap_identity, &store),
		   TVIEW_STORE_IO, "no parent directory");
	tap_ok(store == NULL && tview_store_errno(NULL) == ENOENT,
		   "... says ENOENT");
}

static void
test_remove(void)
{
	char path[PATH_MAX];
	char command[PATH_MAX + 32];
	TviewStore *store;
	struct stat status;

	snprintf(path, sizeof(path), "%s", tap_path("remove"));
	store = tap_store(path, &tap_config);
	tap_ok(tview_store_is_linked(store), "is_linked");
	tap_is(tview_store_remove(path), TVIEW_STORE_OK, "remove");
	tap_ok(stat(path, &status) != 0 && errno == ENOENT, "... leaves nothing");
	tap_is(tview_store_epoch(store), 0, "... and resets who has it open");
	tap_ok(!tview_store_is_linked(store), "... who can see that");
	tap_is(tview_store_remove(path), TVIEW_STORE_OK,
		   "removing what is not there");
	tview_store_detach(store);

	store = tap_store(path, &tap_config);
	snprintf(command, sizeof(command), "rm -rf '%s'", path);
	tap_ok(system(command) == 0 && !tview_store_is_linked(store),
		   "a directory that was dropped is noticed");
	tview_store_reset(store, "gone");
	tap_is(tview_store_revive(store, &tap_config), TVIEW_STORE_RESET,
		   "... and not revived");
	tview_store_detach(store);
	store = tap_store(path, &tap_config);
	tap_ok(tview_store_epoch(store) != 0, "... but made anew by attaching");
	tview_store_detach(store);
	snprintf(command, sizeof(command), "touch '%s/mine'", path);
	tap_ok(system(command) == 0 && tview_store_remove(path) != TVIEW_STORE_OK &&
			   tview_store_errno(NULL) == ENOTEMPTY,
		   "files of other people are not removed");
}

static void
test_reset(void)
{
	TviewStore *store = tap_store(tap_path("reset"), &tap_config);
	TviewStoreStat stat;
	char reason[300];

	memset(reason, 'x', sizeof(reason));
	reason[sizeof(reason) - 1] = '\0';
	tap_is(tview_store_stat(store, &stat), TVIEW_STORE_OK, "stat");
	tap_ok(stat.epoch != 0 && stat.reset_time == 0 &&
			   stat.log_capacity == 1024 &&
			   stat.map_size == tap_config.map_size && stat.max_readers >= 64 &&
			   stat.map_used > 0 && stat.map_used < 65536 &&
			   stat.file_size > 0 && stat.floor == UINT64_MAX,
		   "... describes a fresh store");
	tview_store_reset(store, "first reason");
	tview_store_reset(store, "second reason");
	tview_store_stat(store, &stat);
	tap_ok(stat.epoch == 0 && stat.reset_time > 0 &&
			   strcmp(stat.reset_reason, "first reason") == 0,
		   "a reset keeps its time and the first reason");
	tap_is(tview_store_revive(store, &tap_config), TVIEW_STORE_OK, "revive");
	tview_store_reset(store, reason);
	tview_store_stat(store, &stat);
	tap_is(strlen(stat.reset_reason), 119, "a long reason is cut");
	tview_store_detach(store);
}

static int
forked_body(void *argument)
{
	TviewStore *store = argument;
	TviewMark mark = {.xid = 1};
	TviewTxn *txn;

	if (tview_store_epoch(store) != 0 ||
		tview_read_begin(store, &txn) != TVIEW_STORE_RESET ||
		tview_write_begin(store, true, &txn) != TVIEW_STORE_RESET ||
		tview_log_append(store, &mark, 1) != TVIEW_STORE_RESET ||
		tview_store_revive(store, &tap_config) != TVIEW_STORE_RESET)
		return 1;
	tview_store_detach(store);
	return 0;
}

static void
test_fork(void)
{
	TviewStore *store = tap_store(tap_path("fork"), &tap_config);
	TviewTxn *txn;

	tap_is((uint64_t) tap_wait(tap_fork(forked_body, store)), 0,
		   "a forked child cannot use the handle");
	tap_is(tview_read_begin(store, &txn), TVIEW_STORE_OK,
		   "... and does its parent no harm");
	tview_store_detach(store);
}

static int
count_body(void *argument)
{
	Race *race = argument;
	TviewStore *store;

	if (tview_store_attach(race->path, &tap_identity, &store) != TVIEW_STORE_OK)
		return 1;
	tap_barrier(&race->barrier, RACERS);
	for (uint32_t rel = 1; rel <= 100; rel++)
	{
		TviewCounters *counters = tview_store_counters(store, rel);

		if (counters == NULL)
			return 2;
		for (int i = 0; i < 10; i++)
			__atomic_fetch_add(&counters->served, 1, __ATOMIC_RELAXED);
	}
	tview_store_detach(store);
	return 0;
}

static void
test_counters(void)
{
	Race *race = tap_shared(sizeof(Race));
	pid_t pids[RACERS];
	TviewStore *store;
	int failed = 0;
	int wrong = 0;

	snprintf(race->path, sizeof(race->path), "%s", tap_path("counters"));
	store = tap_store(race->path, &tap_config);
	for (int i = 0; i < RACERS; i++)
		pids[i] = tap_fork(count_body, race);
	for (int i = 0; i < RACERS; i++)
		failed += tap_wait(pids[i]) != 0;
	for (uint32_t rel = 1; rel <= 100; rel++)
		wrong += tview_store_counters(store, rel)->served != RACERS * 10;
	tap_ok(failed == 0 && wrong == 0,
		   "8 processes count into the same 100 slots");
	tview_store_reset(store, "test");
	tap_is(tview_store_counters(store, 7)->served, RACERS * 10,
		   "counters survive a reset");
	tview_store_free_counters(store, 7);
	tap_is(tview_store_counters(store, 7)->served, 0,
		   "freed counters begin at 0");
	for (uint32_t rel = 101; rel <= 1024; rel++)
		wrong += tview_store_counters(store, rel) == NULL;
	tap_ok(wrong == 0 && tview_store_counters(store, 1025) == NULL,
		   "1024 slots, no more");
	tview_store_free_counters(store, 500);
	tap_ok(tview_store_counters(store, 1025) != NULL,
		   "a freed slot is used again");
	tap_ok(tview_store_counters(store, 0) == NULL,
		   "relation 0 has no counters");
	tview_store_detach(store);
}

static int
progress_body(void *argument)
{
	TviewStore *store;

	if (tview_store_attach(argument, &tap_identity, &store) != TVIEW_STORE_OK)
		return 1;
	if (tview_store_progress_begin(store, 9, "public.dead", 5) == NULL)
		return 2;
	raise(SIGSTOP);
	return 0;
}

static void
test_progress(void)
{
	char path[PATH_MAX];
	TviewStore *store;
	TviewProgress list[TVIEW_PROGRESS_SLOTS];
	TviewProgress *slots[TVIEW_PROGRESS_SLOTS];
	char name[200];
	pid_t pid;
	int taken = 0;

	snprintf(path, sizeof(path), "%s", tap_path("progress"));
	store = tap_store(path, &tap_config);
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	tap_is((uint64_t) tview_store_progress_list(store, list), 0, "no progress");
	pid = tap_fork(progress_body, path);
	tap_wait_stopped(pid);
	slots[0] = tview_store_progress_begin(store, 7, name, 100);
	slots[0]->rows_done = 33;
	tap_ok(tview_store_progress_list(store, list) == 2 && list[0].pid == pid &&
			   strcmp(list[0].name, "public.dead") == 0 && list[1].rel == 7 &&
			   list[1].rows_done == 33 && list[1].rows_expected == 100 &&
			   strlen(list[1].name) == 127,
		   "two builds are listed");
	kill(pid, SIGKILL);
	tap_wait(pid);
	tap_is((uint64_t) tview_store_progress_list(store, list), 1,
		   "a dead process is not");
	for (int i = 1; i < TVIEW_PROGRESS_SLOTS; i++)
		taken +=
			(slots[i] = tview_store_progress_begin(store, 8, "x", 0)) != NULL;
	tap_is((uint64_t) taken, 15, "its slot is taken over");
	tap_ok(tview_store_progress_begin(store, 8, "x", 0) == NULL,
		   "16 slots, no more");
	for (int i = 0; i < TVIEW_PROGRESS_SLOTS; i++)
		tview_store_progress_end(slots[i]);
	tap_is((uint64_t) tview_store_progress_list(store, list), 0,
		   "ended builds are gone");
	tview_store_detach(store);
}

static int
full_disk_body(void *argument)
{
	const char *path = argument;
	TviewStoreConfig config = tap_config;
	char dir[PATH_MAX];
	TviewStore *store;
	TviewTxn *txn;
	uint64_t epoch;
	uint64_t before;
	uint64_t key;
	void *room;
	TviewStoreStatus status = TVIEW_STORE_OK;
	int rows = 0;

	snprintf(dir, sizeof(dir), "%s/store", path);
	if (mount("tmpfs", path, "tmpfs", 0, "size=100k") != 0)
		return 77;
	if (tview_store_attach(dir, &tap_identity, &store) != TVIEW_STORE_NO_SPACE)
		return 1;
	if (mount("tmpfs", path, "tmpfs", MS_REMOUNT, "size=2m") != 0)
		return 77;
	if (tview_store_attach(dir, &tap_identity, &store) != TVIEW_STORE_OK)
		return 2;
	config.mark_log_size = 8 << 20;
	if (tview_store_revive(store, &config) != TVIEW_STORE_NO_SPACE ||
		tview_store_errno(store) != ENOSPC)
		return 3;
	config.mark_log_size = 32768;
	if (tap_enter(store, &config, &epoch) != TVIEW_STORE_OK)
		return 4;
	/* fill the disk by commits of one row */
	for (key = 0; status == TVIEW_STORE_OK && key < 100000; key++)
	{
		if (tview_write_begin(store, true, &txn) != TVIEW_STORE_OK)
			return 5;
		status = tview_put_reserve(txn, TVIEW_DB_ROWS, 1, &key, sizeof(key),
								   2000, &room);
		if (status == TVIEW_STORE_OK)
		{
			memset(room, 'x', 2000);
			status = tview_write_commit(txn);
		}
		rows += status == TVIEW_STORE_OK;
	}
	if (status != TVIEW_STORE_NO_SPACE && status != TVIEW_STORE_IO)
		return 6;
	if (tview_read_begin(store, &txn) != TVIEW_STORE_OK)
		return 7;
	if (tview_stat(txn, TVIEW_DB_ROWS, 1, &before, &epoch) != TVIEW_STORE_OK ||
		before != (uint64_t) rows || rows < 100)
		return 8;
	tview_read_end(txn);
	/* the way out */
	tview_store_reset(store, "disk full");
	if (tap_enter(store, &config, &epoch) != TVIEW_STORE_OK ||
		tview_read_begin(store, &txn) != TVIEW_STORE_OK)
		return 9;
	tview_store_detach(store);
	return tview_store_remove(dir) == TVIEW_STORE_OK ? 0 : 10;
}

static void
test_full_disk(void)
{
	char path[PATH_MAX];
	int result;

	snprintf(path, sizeof(path), "%s", tap_path("disk"));
	mkdir(path, 0700);
	result = tap_wait(tap_fork(full_disk_body, path));
	umount2(path, MNT_DETACH);
	if (result == 77)
		tap_skip(1, "cannot mount a tmpfs (not root?)");
	else
		tap_is(
			(uint64_t) result, 0,
			"a full disk is a status: attach, revive, commit; reset makes room");
}

int
main(void)
{
	test_attach_race();
	test_identity();
	test_garbage();
	test_remove();
	test_reset();
	test_fork();
	test_counters();
	test_progress();
	test_full_disk();
	return tap_done();
}
