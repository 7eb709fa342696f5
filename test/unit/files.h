/*
 * files.h
 *		A store with known contents, whose files a test damages and puts back.
 *
 * What is put back must be nobody's: LMDB takes the last transaction's number
 * from lock.mdb, and not from data.mdb, while a process has the files open.
 * Where an environment stays open (tap_lmdb_stays_open) that is as long as the
 * process lives, so a child is who changes rows.
 */
#ifndef TVIEW_TEST_FILES_H
#define TVIEW_TEST_FILES_H

#include <limits.h>

#include "store/store_private.h"
#include "tap.h"

#define ROWS 900
#define DATABASES 4
#define MARKS 40

typedef struct File
{
	char path[PATH_MAX];
	unsigned char *bytes;
	size_t size;
} File;


/* The files of one store. */
typedef struct Files
{
	char path[PATH_MAX];
	char epoch[PATH_MAX];
	File control;
	File data;
	File sums;
	File marks;
} Files;


extern TviewStoreConfig files_config;

extern void file_load(File *file, const char *path);
extern void file_overwrite(const File *file, size_t at, const void *bytes,
						   size_t n);
extern void file_flip(const File *file, size_t bit);

/* Makes the store, in a child, and reads its files. */
extern void files_load(Files *files, const char *path);
extern void files_restore(const Files *files);
extern void files_free(Files *files);
/* What was verified before is to be verified again. */
extern void files_distrust(void);
extern TviewStore *files_attach(const Files *files, TviewStoreStatus *status);
extern TviewStoreStatus files_put_row(TviewTxn *txn, uint32_t rel, uint64_t i,
									  uint64_t version);
extern int files_read(TviewStore *store, uint64_t changed);
extern void files_silence(void);

#endif /* TVIEW_TEST_FILES_H */
