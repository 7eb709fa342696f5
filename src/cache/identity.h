/*
 * identity.h
 *		Whose store it is that this backend opens.
 */
#ifndef TVIEW_IDENTITY_H
#define TVIEW_IDENTITY_H

#include "postgres.h"

#include "store/store.h"

/* Of a server's store in this database; sync: it outlives a power failure. */
extern void tview_identity_fill(TviewStoreIdentity *identity, Oid serverid,
								bool sync);

#endif /* TVIEW_IDENTITY_H */
