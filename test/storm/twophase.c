/*
 * twophase.c
 *		Prepared transactions, ended by whichever session comes by.
 */
#include "storm.h"

#include <stdio.h>
#include <string.h>

#define GIDS_MAX	24
#define GID_SIZE	40

static pthread_mutex_t gid_lock = PTHREAD_MUTEX_INITIALIZER;
static char gids[GIDS_MAX][GID_SIZE];
static int	ngids = 0;
static int	gid_count = 0;

/* Takes one out of the list; false when there is none. */
static bool
take_gid(Session *s, char *gid)
{
	int			i;

	pthread_mutex_lock(&gid_lock);
	if (ngids == 0)
	{
		pthread_mutex_unlock(&gid_lock);
		return false;
	}
	i = pick(s, ngids) - 1;
	memcpy(gid, gids[i], GID_SIZE);
	memcpy(gids[i], gids[--ngids], GID_SIZE);
	pthread_mutex_unlock(&gid_lock);
	return true;
}

/* Where connections get lost the list is not to be trusted: asks the server. */
static bool
find_gid(Session *s, char *gid)
{
	PGresult   *result = run_kind(s, "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"
								  " ORDER BY random() LIMIT 1", READ);
	bool		found = result && PQntuples(result) == 1;

	if (found)
		snprintf(gid, GID_SIZE, "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
	return found;
}

void
end_prepared(Session *s, bool all)
{
	char		gid[GID_SIZE];

	do
	{
		if (!(options.terminate || options.crash ? find_gid(s, gid) : take_gid(s, gid)))
			return;
		run(s, "%s PREPARED '%s'", chance(s, 70) ? "COMMIT" : "ROLLBACK", gid);
	} while (all);
}

void
prepare_transaction(Session *s)
{
	char		gid[GID_SIZE];
	bool		room;

	pthread_mutex_lock(&gid_lock);
	room = ngids < GIDS_MAX - 4;
	snprintf(gid, sizeof(gid), "g%d", gid_count++);
	pthread_mutex_unlock(&gid_lock);
	if (!room)
	{
		run(s, "COMMIT");
		return;
	}
	if (!run(s, "PREPARE TRANSACTION '%s'", gid))
		return;
	COUNT(prepares);
	pthread_mutex_lock(&gid_lock);
	if (ngids < GIDS_MAX)
		memcpy(gids[ngids++], gid, GID_SIZE);
	pthread_mutex_unlock(&gid_lock);
}
