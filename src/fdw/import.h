/*
 * import.h
 *		IMPORT FOREIGN SCHEMA: a TVIEW for every view that can have one.
 */
#ifndef TVIEW_IMPORT_H
#define TVIEW_IMPORT_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/* FDW callback */
extern List *tviewImportForeignSchema(ImportForeignSchemaStmt *stmt,
									  Oid serverOid);

#endif /* TVIEW_IMPORT_H */
