/*
 * tap.h
 *		The tests' harness: TAP lines, children, and a store to play with.
 *
 * Children run a function and leave with its result by _exit; 0 is success.
 */
#ifndef TVIEW_TEST_TAP_H
#define TVIEW_TEST_TAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "store/store.h"

extern bool tap_ok(bool passed, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
extern bool tap_is(uint64_t got, uint64_t wanted, const char *name);
extern void tap_skip(int n, const char *reason);
extern void
tap_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern void tap_bail(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));
/* True where the store leaves LMDB's environments open (ITS#10095). */
extern bool tap_lmdb_stays_open(void);
/* Prints the plan; the program's exit code. */
extern int tap_done(void);

/*
 * A directory of this test's own, removed by tap_done; and a path in it
 * (static buffers, 4 in turn).
 */
extern const char *tap_path(const char *name);
/* Zeroed memory that children share. */
extern void *tap_shared(size_t size);
extern pid_t tap_fork(int (*body)(void *argument), void *argument);
/* Exit code of a child, or 1000 and its signal. */
extern int tap_wait(pid_t pid);
/* True until the child has ended. */
extern bool tap_lives(pid_t pid);
/* Waits until the child has stopped itself. */
extern void tap_wait_stopped(pid_t pid);
/* Lets n processes go at once; *barrier begins as 0. */
extern void tap_barrier(_Atomic int *barrier, int n);
extern double tap_now(void);
extern uint64_t tap_random(void);
extern void tap_seed(uint64_t seed);

extern const TviewStoreIdentity tap_identity;
extern const TviewStoreConfig tap_config;
/* Attaches, revives and enters; bails out when that fails. */
extern TviewStore *tap_store(const char *path, const TviewStoreConfig *config);
/* Revives as often as another process is at it, then enters. */
extern TviewStoreStatus
tap_enter(TviewStore *store, const TviewStoreConfig *config, uint64_t *epoch);

#endif /* TVIEW_TEST_TAP_H */
