/*
 * mutex.c
 *		Mutexes in mapped files: process-shared and robust.
 *
 * What they protect is never left half-changed (a tail moves only after the
 * records are written), so an owner's death needs no repair beyond declaring
 * the mutex consistent.
 */
#include <errno.h>
#include <time.h>

#include "store/store_private.h"

/* Initialises a mutex in shared memory; returns an errno. */
int
tview_mutex_init(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attributes;
	int rc;

	rc = pthread_mutexattr_init(&attributes);
	if (rc != 0)
		return rc;
	rc = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	if (rc == 0)
		rc = pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	if (rc == 0)
		rc = pthread_mutex_init(mutex, &attributes);
	pthread_mutexattr_destroy(&attributes);
	return rc;
}

/* Takes over from a dead owner; passes any other result through. */
static int
adopt(pthread_mutex_t *mutex, int rc)
{
	if (rc == EOWNERDEAD)
	{
		rc = pthread_mutex_consistent(mutex);
		if (rc != 0)
			pthread_mutex_unlock(mutex);
	}
	return rc;
}

/*
 * Locks at once or returns EBUSY (or an errno that says the mutex is
 * unusable).
 */
int
tview_mutex_trylock(pthread_mutex_t *mutex)
{
	return adopt(mutex, pthread_mutex_trylock(mutex));
}

/*
 * Locks within the time or returns ETIMEDOUT.  The time is spent in slices,
 * so that a machine that was suspended meanwhile loses one slice only and
 * does not take an owner that slept with it for one that is stuck.
 */
int
tview_mutex_lock(pthread_mutex_t *mutex, int milliseconds)
{
	const int slices = 10;
	int rc = tview_mutex_trylock(mutex);

	for (int i = 0; i < slices && (rc == EBUSY || rc == ETIMEDOUT); i++)
	{
		struct timespec until;
		long nanoseconds;

		clock_gettime(CLOCK_REALTIME, &until);
		nanoseconds = until.tv_nsec + milliseconds * (1000000L / slices);
		until.tv_sec += nanoseconds / 1000000000L;
		until.tv_nsec = nanoseconds % 1000000000L;
		rc = adopt(mutex, pthread_mutex_timedlock(mutex, &until));
	}
	return rc;
}

/* Unlocks what this process locked. */
void
tview_mutex_unlock(pthread_mutex_t *mutex)
{
	pthread_mutex_unlock(mutex);
}
