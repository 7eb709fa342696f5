/*
 * handle.c
 *		See handle.h.
 *
 * The floor of a new epoch is fixed here: the next xid, read after the epoch
 * could be seen.  Every transaction that found no epoch to publish to has an
 * xid below it, and so every snapshot at or above the floor sees that
 * transaction ended.
 *
 * A control file that has lost its name (deleted by hand, or by a writer who
 * could not open it) is noticed by looking whether it still has one.  That is
 * a system call, and spared to whoever knows that nobody has said anything
 * since it looked.  What has to be said goes through PostgreSQL's queue of
 * invalidation messages:
 *
 * - A writer announces the files that it has attached to, and those that it
 *   could not open, before it publishes.  Readers take the messages in after
 *   their snapshot was taken: one that sees the writer's transaction has
 *   looked since.  So does who stores rows.
 * - Whoever gives an epoch its floor announces that first.  Writers take the
 *   messages in when they publish, so after they got their xid: one that has
 *   not looked since has an xid below that floor, as if it had found no epoch.
 *
 * To look is to read the server's options anew, too: the store may have moved,
 * and who knows the new place announces it before its marks or its floor count.
 */
#include "postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include "access/xlog.h"
#include "cache/handle.h"
#include "cache/identity.h"
#include "cache/stop.h"
#include "cache/visibility.h"
#include "catalog/pg_database.h"
#include "common/relpath.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/sinval.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#define FULL_PAUSE_SECONDS 10 /* a fill tries again after this */

/*
 * A crash can lose so many xids at the most (they are given out again then);
 * what lies further in the future comes from a cluster that has been set back.
 */
#define LOST_XIDS_MAX (1024 * 1024)

#define FROM_THE_FUTURE "the store is newer than the database cluster"

static int checksum_interval = 300; /* GUC tview.checksum_interval, seconds */

static HTAB *handles = NULL;
static TviewHandle *found_last = NULL; /* handles are never removed */
static bool servers_changed = false;   /* since the end of a transaction */

/* A changed server: its options are read again at the next use. */
static void
invalidate_options(Datum arg, int cacheid, uint32 hashvalue)
{
	HASH_SEQ_STATUS status;
	TviewHandle *handle;

	if (handles == NULL)
		return;
	servers_changed = true;
	hash_seq_init(&status, handles);
	while ((handle = hash_seq_search(&status)) != NULL)
		handle->options_valid = false;
}

/*
 * Takes an announcement in: a message on a relation whose number is that of
 * the server, which costs others next to nothing.
 */
static void
take_announcement(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	TviewHandle *handle;

	if (handles == NULL)
		return;
	hash_seq_init(&status, handles);
	while ((handle = hash_seq_search(&status)) != NULL)
		if (handle->serverid == relid || !OidIsValid(relid))
			handle->linked = false;
}

/* Makes everybody look whether its control file still has its name. */
static void
announce(TviewHandle *handle)
{
	SharedInvalidationMessage message = {0};

	message.rc.id = SHAREDINVALRELCACHE_ID;
	message.rc.dbId = MyDatabaseId;
	message.rc.relId = handle->serverid;
	SendSharedInvalidMessages(&message, 1);
	handle->announced = true;
}

static void
assign_checksum_interval(int seconds, void *extra)
{
	tview_store_trust((uint64) PgStartTime, seconds);
}

void
tview_handle_init(void)
{
	DefineCustomIntVariable(
		"tview.checksum_interval",
		"How long a page of the store whose checksum was right is trusted.",
		"0: each process verifies the pages that it reads itself.",
		&checksum_interval, 300, 0, 86400, PGC_SIGHUP, GUC_UNIT_S, NULL,
		assign_checksum_interval, NULL);
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, invalidate_options,
								  (Datum) 0);
	CacheRegisterRelcacheCallback(take_announcement, (Datum) 0);
}

char *
tview_handle_directory(Oid serverid, const char *store_path)
{
	return psprintf("%s/pgsql_tmp_tview_%u_%u",
					store_path ? store_path : DatabasePath, MyDatabaseId,
					serverid);
}

/* The handle, NULL where there is none yet; needs no memory. */
static TviewHandle *
known_handle(Oid serverid)
{
	return handles ? hash_search(handles, &serverid, HASH_FIND, NULL) : NULL;
}

static TviewHandle *
find_handle(Oid serverid)
{
	bool found;
	TviewHandle *handle;

	if (found_last && found_last->serverid == serverid)
		return found_last;
	if (handles == NULL)
	{
		HASHCTL ctl = {.keysize = sizeof(Oid),
					   .entrysize = sizeof(TviewHandle)};

		handles = hash_create("tview stores", 8, &ctl, HASH_ELEM | HASH_BLOBS);
	}
	handle = hash_search(handles, &serverid, HASH_ENTER, &found);
	if (!found)
	{
		memset(handle, 0, sizeof(TviewHandle));
		handle->serverid = serverid;
	}
	found_last = handle;
	return handle;
}

static void
detach(TviewHandle *handle)
{
	if (handle->store)
		tview_store_detach(handle->store);
	handle->store = NULL;
	handle->attachment = 0;
	handle->epoch = 0;
	handle->linked = false;
	handle->announced = false;
}

/* Reads the server's options; another directory means another store. */
static void
load_options(TviewHandle *handle)
{
	TviewStoreOptions options;
	char *directory;

	tview_option_store(handle->serverid, &options);
	directory = tview_handle_directory(handle->serverid, options.store_path);
	if (handle->directory == NULL ||
		strcmp(directory, handle->directory) != 0 ||
		options.sync != handle->config.sync)
		detach(handle);
	if (handle->directory)
		pfree(handle->directory);
	handle->directory = MemoryContextStrdup(TopMemoryContext, directory);
	handle->options = options;
	handle->options.store_path = NULL;
	handle->config = (TviewStoreConfig){
		.map_size = options.map_size,
		.mark_log_size = options.mark_log_size,
		.max_readers = options.max_readers,
		.sync = options.sync,
	};
	handle->full_until = 0;
	handle->options_valid = true;
}

/* Makes PostgreSQL close some of the files that it only keeps for later. */
static void
make_room_for_files(void)
{
	int fds[4];

	for (Size i = 0; i < lengthof(fds); i++)
		fds[i] = BasicOpenFile("/dev/null", O_RDONLY);
	for (Size i = 0; i < lengthof(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static bool
attach(TviewHandle *handle)
{
	static uint64 attachments = 0;
	TviewStoreIdentity identity;
	TviewStoreStatus status;

	/* the library may have been loaded before the server's start was noted */
	assign_checksum_interval(checksum_interval, NULL);
	tview_identity_fill(&identity, handle->serverid, handle->config.sync);
	status = tview_store_attach(handle->directory, &identity, &handle->store);
	if (status == TVIEW_STORE_NO_FILES)
	{
		make_room_for_files();
		status =
			tview_store_attach(handle->directory, &identity, &handle->store);
	}
	if (status != TVIEW_STORE_OK)
	{
		handle->store = NULL;
		handle->failure = tview_store_message(status);
		return false;
	}
	handle->attachment = ++attachments;
	return true;
}

/* Whether the control file has its name, as far as that is not known. */
static bool
has_its_name(TviewHandle *handle)
{
	handle->linked = true; /* until an announcement comes */
	return tview_store_is_linked(handle->store);
}

/*
 * Makes the options be read as they are committed now.  Whoever has sent an
 * announcement may know others than we do: a commit can be seen before its
 * messages are sent.
 */
static void
forget_options(TviewHandle *handle)
{
	InvalidateCatalogSnapshot();
	SysCacheInvalidate(FOREIGNSERVEROID,
					   GetSysCacheHashValue1(
						   FOREIGNSERVEROID,
						   ObjectIdGetDatum(handle->serverid)));
	handle->options_valid = false;
}

/*
 * The handle, attached to the files that stood in its directory when the
 * messages were taken in.
 */
static TviewHandle *
attached_handle(Oid serverid)
{
	TviewHandle *handle = find_handle(serverid);

	if (handle->barred)
	{
		handle->failure = "this transaction moves the store";
		return NULL;
	}
	if (handle->options_valid && !handle->linked)
		forget_options(handle);
	if (!handle->options_valid)
	{
		if (!SearchSysCacheExists1(FOREIGNSERVEROID,
								   ObjectIdGetDatum(serverid)))
		{
			/*
			 * dropped by this very transaction: nothing of it is served any
			 * more
			 */
			handle->failure = "the server was dropped";
			return NULL;
		}
		load_options(handle);
	}
	if (handle->store &&
		(!handle->linked || tview_store_epoch(handle->store) == 0) &&
		!has_its_name(handle))
		detach(handle);
	handle->failure = NULL;
	if (handle->store == NULL && !attach(handle))
		return NULL;
	return handle;
}

TviewHandle *
tview_handle_attach(Oid serverid, const char **failure)
{
	TviewHandle *handle = attached_handle(serverid);

	*failure = find_handle(serverid)->failure;
	return handle;
}

/* Takes over an epoch that has just been entered. */
static void
adopt_epoch(TviewHandle *handle, uint64 epoch)
{
	static uint64 entries = 0;
	uint64 head = tview_log_head(handle->store);

	if (handle->marks == NULL)
		handle->marks = tview_markset_create(TopMemoryContext, head);
	else
		tview_markset_reset(handle->marks, head);
	handle->full_until = 0;
	handle->epoch = epoch;
	handle->entry = ++entries;
}

/*
 * True when the store rests on WAL or xids that the cluster has not come to:
 * it has been set back.
 */
static bool
is_from_the_future(TviewHandle *handle)
{
	uint64 floor = tview_store_floor(handle->store);

	return tview_store_wal(handle->store) > GetXLogInsertRecPtr() ||
		(floor != PG_UINT64_MAX && floor > tview_visibility_next_xid());
}

static bool
enter_epoch(TviewHandle *handle)
{
	uint64 epoch = 0;
	TviewStoreStatus status;

	status = tview_store_enter(handle->store, &handle->config, &epoch);
	if (status == TVIEW_STORE_RESET)
	{
		status = tview_store_revive(handle->store, &handle->config);
		if (status == TVIEW_STORE_OK)
			status = tview_store_enter(handle->store, &handle->config, &epoch);
	}
	if (status != TVIEW_STORE_OK)
	{
		handle->epoch = 0;
		handle->linked = false;
		handle->failure = tview_store_message(status);
		if (status == TVIEW_STORE_CORRUPT)
			tview_store_reset(handle->store, "the store's files are damaged");
		return false;
	}
	if (epoch != handle->epoch || handle->marks == NULL)
	{
		if (is_from_the_future(handle))
		{
			handle->epoch = 0;
			handle->failure = FROM_THE_FUTURE;
			tview_store_reset(handle->store, handle->failure);
			return false;
		}
		adopt_epoch(handle, epoch);
	}
	if (tview_store_floor(handle->store) == PG_UINT64_MAX)
	{
		announce(handle);
		TVIEW_STOP("revive.floor");
		tview_store_set_floor(handle->store, tview_visibility_next_xid());
	}
	return true;
}

TviewHandle *
tview_handle_open(Oid serverid, const char **failure)
{
	TviewHandle *handle = attached_handle(serverid);

	if (handle && enter_epoch(handle))
		return handle;
	*failure = find_handle(serverid)->failure;
	return NULL;
}

/*
 * A store that a writer cannot open must not be served from any more: taking
 * its control file's name away needs no descriptor, and every reader looks
 * whether the file that it has mapped still has a name.
 */
static void
orphan_store(TviewHandle *handle)
{
	char *path;

	if (handle->directory == NULL)
		return;
	path = psprintf("%s/control", handle->directory);
	if (unlink(path) != 0 && errno != ENOENT && errno != ENOTDIR)
		ereport(
			WARNING,
			(errcode_for_file_access(),
			 errmsg(
				 "could not invalidate the store of server %u: could not remove file \"%s\": %m",
				 handle->serverid, path)));
	pfree(path);
}

TviewHandle *
tview_handle_open_log(Oid serverid)
{
	TviewHandle *handle;
	uint64 epoch = 0;
	TviewStoreStatus status;

	/* what was announced before our xid was assigned */
	AcceptInvalidationMessages();
	handle = attached_handle(serverid);
	if (handle == NULL)
	{
		handle = find_handle(serverid);
		/* who moves the store removes what there is (src/maintain/xact.c) */
		if (handle->barred)
			return NULL;
		orphan_store(handle);
		announce(handle);
		return NULL;
	}
	if (!handle->announced)
		announce(handle);
	if (tview_store_epoch(handle->store) == 0)
		return NULL;
	status = tview_store_enter_log(handle->store, &epoch);
	if (status == TVIEW_STORE_OK)
		return handle;
	if (status != TVIEW_STORE_RESET)
		tview_store_reset(handle->store,
						  "a writer could not open the mark log");
	return NULL;
}

TviewHandle *
tview_handle_attached(Oid serverid)
{
	TviewHandle *handle = known_handle(serverid);

	return handle && handle->store ? handle : NULL;
}

TviewHandle *
tview_handle_opened(Oid serverid)
{
	TviewHandle *handle = known_handle(serverid);

	if (handle == NULL || handle->store == NULL || handle->epoch == 0 ||
		tview_store_epoch(handle->store) != handle->epoch)
		return NULL;
	return handle;
}

/*
 * True when a mark's xid can be one of this cluster's.  The next xid is looked
 * up once in a while only.
 */
static bool
xid_is_possible(TviewHandle *handle, uint64 xid)
{
	uint64 next;

	if (xid <= handle->possible_xid)
		return true;
	next = tview_visibility_next_xid();
	handle->possible_xid = next + LOST_XIDS_MAX / 2;
	return xid <= next + LOST_XIDS_MAX;
}

bool
tview_handle_read_log(TviewHandle *handle, uint64 head, uint64 tail)
{
	TviewMark buffer[256];
	uint64 newest = 0;

	tview_markset_drop(handle->marks, head);
	while (tview_markset_end(handle->marks) < tail)
	{
		uint64 from = tview_markset_end(handle->marks);
		Size n = Min(tail - from, lengthof(buffer));

		if (tview_log_read(handle->store, from, n, buffer) != TVIEW_STORE_OK)
		{
			tview_markset_reset(handle->marks, tview_log_head(handle->store));
			return false;
		}
		for (Size i = 0; i < n; i++)
		{
			tview_markset_add(handle->marks, &buffer[i]);
			newest = Max(newest, buffer[i].xid);
		}
	}
	if (xid_is_possible(handle, newest))
		return true;
	tview_store_reset(handle->store, FROM_THE_FUTURE);
	return false;
}

void
tview_handle_note_full(TviewHandle *handle)
{
	handle->full_until =
		GetCurrentTimestamp() + FULL_PAUSE_SECONDS * USECS_PER_SEC;
}

bool
tview_handle_is_full(const TviewHandle *handle)
{
	return handle->full_until != 0 &&
		GetCurrentTimestamp() < handle->full_until;
}

void
tview_handle_note(TviewHandle *handle, TviewStoreStatus status,
				  const char *doing)
{
	char reason[120];

	if (status != TVIEW_STORE_CORRUPT && status != TVIEW_STORE_MAP_FULL &&
		status != TVIEW_STORE_IO && status != TVIEW_STORE_NO_SPACE)
		return;
	snprintf(reason, sizeof(reason), "%s (%s)", tview_store_message(status),
			 doing);
	tview_store_reset(handle->store, reason);
}

void
tview_handle_detach(Oid serverid)
{
	TviewHandle *handle = known_handle(serverid);

	if (handle == NULL)
		return;
	detach(handle);
	handle->options_valid = false;
}

void
tview_handle_leave_removed(void)
{
	HASH_SEQ_STATUS status;
	TviewHandle *handle;

	if (!servers_changed)
		return;
	servers_changed = false;
	hash_seq_init(&status, handles);
	while ((handle = hash_seq_search(&status)) != NULL)
		if (handle->store && !tview_store_is_linked(handle->store))
			detach(handle);
}

void
tview_handle_bar(Oid serverid)
{
	TviewHandle *handle = find_handle(serverid);

	detach(handle);
	handle->barred = true;
}

void
tview_handle_unbar(Oid serverid)
{
	TviewHandle *handle = known_handle(serverid);

	if (handle)
		handle->barred = false;
}
