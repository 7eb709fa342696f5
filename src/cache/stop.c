/*
 * stop.c
 *		See stop.h.  Only a build with stop points has this file.
 *
 * The lock is taken at session level: no resource owner needs to know it, so
 * that a backend can wait where none is current, also after it has committed
 * (the callbacks run before the transaction's locks go).  Where interrupts are
 * held off, nothing but the lock's release or the end of the process ends the
 * wait.
 */
#include "postgres.h"

#include "cache/handle.h"
#include "cache/settle.h"
#include "cache/stop.h"
#include "catalog/pg_type_d.h"
#include "common/hashfn.h"
#include "compat.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#ifdef TVIEW_STOP_POINTS

PG_FUNCTION_INFO_V1(tview_stop_points);
PG_FUNCTION_INFO_V1(tview_stop_settle);

/* All points; docs/developers.md says where they are. */
static const char *const points[] = {
	"scan.begin",
	"scan.locked",
	"read.snapshot",
	"read.epoch",
	"read.head",
	"read.begin",
	"read.floor",
	"read.tail",
	"lookup.keys",
	"compute.begin",
	"compute.end",
	"store.marks",
	"store.write",
	"store.commit",
	"store.waiting",
	"build.begin",
	"build.batch",
	"bulk.write",
	"mark.add",
	"mark.link",
	"publish.begin",
	"publish.open",
	"publish.part",
	"publish.end",
	"commit.visible",
	"commit.end",
	"abort.end",
	"settle.begin",
	"settle.floor",
	"settle.plan",
	"settle.write",
	"settle.rows",
	"settle.trim",
	"log.append",
	"log.read",
	"log.keep",
	"create.locked",
	"refresh.locked",
	"create.recorded",
	"contents.write",
	"reset.begin",
	"reset.end",
	"attach.control",
	"revive.files",
	"revive.floor",
};

typedef struct Wanted
{
	bool point[lengthof(points)];
} Wanted;

static char *stop_at = NULL;
static const Wanted *wanted = NULL;

static int
find_point(const char *name)
{
	for (int i = 0; i < (int) lengthof(points); i++)
		if (strcmp(points[i], name) == 0)
			return i;
	return -1;
}

static bool
check_stop_at(char **value, void **extra, GucSource source)
{
	Wanted *result = tview_compat_guc_zeroed(sizeof(Wanted));
	List *names = NIL;
	ListCell *lc;

	if (result == NULL)
		return false;
	*extra = result;
	if (!SplitIdentifierString(pstrdup(*value), ',', &names))
		return false;
	foreach(lc, names)
	{
		int i = find_point(lfirst(lc));

		if (i < 0)
		{
			GUC_check_errdetail("There is no stop point \"%s\".",
								(char *) lfirst(lc));
			return false;
		}
		result->point[i] = true;
	}
	return true;
}

static void
assign_stop_at(const char *value, void *extra)
{
	wanted = extra;
}

/* Waits until nobody holds the point's lock. */
static void
wait_at(const char *point)
{
	int n = (int) strlen(point);
	int64 key =
		(int32) DatumGetUInt32(hash_any((const unsigned char *) point, n));
	LOCKTAG tag;

	/* as pg_advisory_lock(bigint) makes it */
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) ((uint64) key >> 32),
						 (uint32) key, 1);
	(void) LockAcquire(&tag, ShareLock, true, false);
	(void) LockRelease(&tag, ShareLock, true);
}

static void
stop(const char *point)
{
	int i = find_point(point);

	if (i < 0)
		elog(PANIC, "stop point \"%s\" is not in the list", point);
	if (wanted != NULL && wanted->point[i])
		wait_at(point);
}

void
tview_stop_init(void)
{
	DefineCustomStringVariable(
		"tview.stop_at", "Stop points at which this session can be held.",
		"A comma-separated list; the session waits for the advisory lock hashtext('point').",
		&stop_at, "", PGC_USERSET, 0, check_stop_at, assign_stop_at, NULL);
	tview_stop_hook = stop;
}

/* The names of all points, text[]. */
Datum
tview_stop_points(PG_FUNCTION_ARGS)
{
	Datum names[lengthof(points)];

	for (int i = 0; i < (int) lengthof(points); i++)
		names[i] = CStringGetTextDatum(points[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(names, lengthof(points), TEXTOID, -1,
										  false, TYPALIGN_INT));
}

/*
 * Settles what can be settled now in the store of a server (oid), under
 * pressure or not (bool).  True when the log's head moved.
 */
Datum
tview_stop_settle(PG_FUNCTION_ARGS)
{
	TviewSettleBudget budget = {
		.marks = 65536, .rows = 1000000, .pressure = PG_GETARG_BOOL(1)};
	const char *failure;
	TviewHandle *handle = tview_handle_open(PG_GETARG_OID(0), &failure);

	PG_RETURN_BOOL(handle && tview_settle_run(handle, &budget));
}

#endif /* TVIEW_STOP_POINTS */
