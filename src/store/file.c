/*
 * file.c
 *		Creating, mapping, locking and removing the store's files.
 *
 * Mapped files are allocated to the last byte before they are mapped: a full
 * disk is then an ENOSPC here and not a SIGBUS later.  Functions return 0 or
 * an errno.  LMDB's files are only ever unlinked or stat'ed here, never
 * opened: closing any descriptor of theirs would drop LMDB's fcntl locks.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/store_private.h"

/* Writes dir/name into path[PATH_MAX]. */
int
tview_file_path(char *path, const char *dir, const char *name)
{
	int n = snprintf(path, PATH_MAX, "%s/%s", dir, name);

	return n > 0 && n < PATH_MAX ? 0 : ENAMETOOLONG;
}

/* Writes zeros where the file system cannot allocate. */
static int
write_zeros(int fd, size_t offset, size_t size)
{
	static const char zeros[65536];
	size_t done = 0;

	while (done < size)
	{
		size_t want = size - done < sizeof(zeros) ? size - done : sizeof(zeros);
		ssize_t n = pwrite(fd, zeros, want, (off_t) (offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : ENOSPC;
		done += (size_t) n;
	}
	return 0;
}

/* Gives a part of a file its space on disk. */
int
tview_file_allocate(int fd, size_t offset, size_t size)
{
	int rc;

	do
		rc = posix_fallocate(fd, (off_t) offset, (off_t) size);
	while (rc == EINTR);
	if (rc == EOPNOTSUPP || rc == EINVAL || rc == ENOSYS)
		rc = write_zeros(fd, offset, size);
	return rc;
}

/*
 * Makes a file at least so large, whoever else is making it larger.  Its
 * contents stay, but for a byte at the new end where the file system cannot
 * allocate.
 */
int
tview_file_extend(int fd, size_t size)
{
	return tview_file_allocate(fd, size - 1, 1);
}

/*
 * Creates a file that must not exist, with all its space allocated and zero;
 * unlinks it when that fails.
 */
int
tview_file_create(const char *path, size_t size, int *fd)
{
	int rc;

	*fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*fd < 0)
		return errno;
	rc = tview_file_allocate(*fd, 0, size);
	if (rc != 0)
	{
		unlink(path);
		close(*fd);
		*fd = -1;
	}
	return rc;
}

/* Maps a file, shared, for reading and writing. */
int
tview_file_map(int fd, size_t size, void **address)
{
	*address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*address == MAP_FAILED)
	{
		*address = NULL;
		return errno;
	}
	return 0;
}

/* True when path still names the open file. */
static bool
is_named(int fd, const char *path)
{
	struct stat opened;
	struct stat named;

	return fstat(fd, &opened) == 0 && stat(path, &named) == 0 &&
		opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/*
 * Takes the directory's flock, which the kernel drops when its owner dies.
 * Polls until the time is over, then EBUSY.  Whoever removed the directory
 * removed the lock file with it, so the name is checked after locking.
 */
int
tview_file_lock(const char *dir, int milliseconds, int *fd)
{
	char path[PATH_MAX];
	int rc = tview_file_path(path, dir, "lock");

	for (int waited = 0; rc == 0; waited++)
	{
		*fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (*fd < 0)
			return errno;
		while ((rc = flock(*fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno) ==
				   EWOULDBLOCK &&
			   waited < milliseconds)
		{
			struct timespec pause = {.tv_nsec = 1000000};

			nanosleep(&pause, NULL);
			waited++;
		}
		if (rc == 0 && is_named(*fd, path))
			return 0;
		close(*fd);
		if (rc == 0 && waited >= milliseconds + 10)
			rc = EWOULDBLOCK;
	}
	*fd = -1;
	return rc == EWOULDBLOCK ? EBUSY : rc;
}

/* Gives the flock back. */
void
tview_file_unlock(int fd)
{
	close(fd);
}

/* Makes the names in a directory durable. */
int
tview_file_sync_directory(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return errno;
	rc = fsync(fd) == 0 ? 0 : errno;
	close(fd);
	return rc;
}

/* Remembers the first error that is not "already gone". */
static void
note_error(int *error, int result)
{
	if (result != 0 && errno != ENOENT && *error == 0)
		*error = errno;
}

/* Removes one epoch's directory and the files that it can have. */
int
tview_file_remove_epoch(const char *dir, const char *name)
{
	static const char *const files[] = {"marks", "sums", "data.mdb",
										"lock.mdb"};
	char epoch[PATH_MAX];
	int error = tview_file_path(epoch, dir, name);

	if (error != 0)
		return error;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
	{
		char path[PATH_MAX];

		error = tview_file_path(path, epoch, files[i]);
		if (error != 0)
			return error;
		note_error(&error, unlink(path));
	}
	note_error(&error, rmdir(epoch));
	return error;
}

/* True for "e" and digits. */
static bool
is_epoch_name(const char *name)
{
	return name[0] == 'e' && name[1] != '\0' &&
		strspn(name + 1, "0123456789") == strlen(name + 1);
}

/* True for a control file under its temporary name. */
static bool
is_temporary_name(const char *name)
{
	size_t length = strlen(name);

	return strncmp(name, "control.", 8) == 0 && length > 4 &&
		strcmp(name + length - 4, ".tmp") == 0;
}

/*
 * Removes all epochs, and control files that never got their name.  The caller
 * holds the flock.
 */
int
tview_file_remove_leftovers(const char *dir)
{
	DIR *handle = opendir(dir);
	struct dirent *entry;
	int error = 0;

	if (handle == NULL)
		return errno == ENOENT ? 0 : errno;
	while ((entry = readdir(handle)) != NULL)
	{
		int rc = 0;

		if (is_epoch_name(entry->d_name))
			rc = tview_file_remove_epoch(dir, entry->d_name);
		else if (is_temporary_name(entry->d_name))
		{
			char path[PATH_MAX];

			rc = tview_file_path(path, dir, entry->d_name);
			if (rc == 0)
				note_error(&rc, unlink(path));
		}
		if (error == 0)
			error = rc;
	}
	closedir(handle);
	return error;
}

/* The kernel's boot id, or "" where there is none. */
const char *
tview_file_boot_id(void)
{
	static char boot_id[40];

	if (boot_id[0] == '\0')
	{
		int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
		ssize_t n = 0;

		if (fd >= 0)
		{
			n = read(fd, boot_id, sizeof(boot_id) - 1);
			close(fd);
		}
		boot_id[n > 0 ? n : 0] = '\0';
		boot_id[strcspn(boot_id, "\n")] = '\0';
	}
	return boot_id;
}
