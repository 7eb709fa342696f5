/*
 * identity.c
 *		See identity.h.
 */
#include "postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include "access/xlog.h"
#include "cache/identity.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/timestamp.h"

#define TVIEW_ROW_FORMAT 5 /* of src/cache: row, index, state */

/* The kernel's boot id, read once; "" when there is none to be had. */
static const char *
boot_id(void)
{
	static char id[40];

	if (id[0] == '\0')
	{
		int fd = BasicOpenFile("/proc/sys/kernel/random/boot_id", O_RDONLY);
		ssize_t n = fd >= 0 ? read(fd, id, sizeof(id) - 1) : 0;

		if (fd >= 0)
			close(fd);
		id[Max(n, 0)] = '\0';
		id[strcspn(id, "\n")] = '\0';
	}
	return id;
}

void
tview_identity_fill(TviewStoreIdentity *identity, Oid serverid, bool sync)
{
	*identity = (TviewStoreIdentity){
		.system_id = GetSystemIdentifier(),
		.database = MyDatabaseId,
		.server = serverid,
		.timeline = GetWALInsertionTimeLine(),
		.format = TVIEW_ROW_FORMAT,
	};
	if (sync)
		return;
	strlcpy(identity->boot_id, boot_id(), sizeof(identity->boot_id));
	/* the machine may have been restarted whenever the server was */
	if (identity->boot_id[0] == '\0')
		snprintf(identity->boot_id, sizeof(identity->boot_id),
				 "server start " INT64_FORMAT, (int64) PgStartTime);
}
